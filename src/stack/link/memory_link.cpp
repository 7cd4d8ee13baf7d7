// SPDX-License-Identifier: Apache-2.0
#include "runnel/stack/link/memory_link.hpp"

#include "frame_queue.hpp"

namespace runnel::inline v0::stack {
namespace {

/// One end: what it sends goes into the queue of its peer, which may be itself.
class memory_link final : public link {
public:
    memory_link(const memory_link_options& options, mac_address mac)
        : properties_{options.medium, mac, options.mtu, options.capabilities},
          queue_(options.queue_limit) {}
    ~memory_link() override {
        if (peer_ != nullptr && peer_ != this) {
            peer_->peer_ = nullptr;
        }
    }

    static void join(memory_link& a, memory_link& b) noexcept {
        a.peer_ = &b;
        b.peer_ = &a;
    }

    [[nodiscard]] const link_properties& properties() const noexcept override {
        return properties_;
    }

    bool send(frame_list burst, time_point /*now*/) override {
        if (peer_ == nullptr) {
            statistics_.frames_lost += burst.size();
            return true;
        }
        frame_queue& to = peer_->queue_;
        const bool was_empty = to.empty();
        while (!burst.empty()) {
            frame_ptr one = burst.pop_front();
            const std::size_t size = one->size();
            if (!fits_mtu(*one, properties_) || !to.push(one)) {
                ++statistics_.frames_lost;
                continue;
            }
            ++statistics_.frames_sent;
            statistics_.bytes_sent += size;
        }
        if (was_empty && !to.empty()) {
            peer_->tell_ready();
        }
        blocked_ = to.full();
        return !blocked_;
    }

    [[nodiscard]] bool writable() const noexcept override { return !blocked_; }

    [[nodiscard]] frame_list receive(std::size_t limit, time_point now) override {
        frame_list burst = queue_.take(limit);
        burst.for_each([&](frame& one) {
            one.arrived = now;
            count_received(one);
        });
        if (peer_ != nullptr && peer_->blocked_ && !queue_.full()) {
            peer_->blocked_ = false;
            peer_->tell_ready();
        }
        return burst;
    }

private:
    link_properties properties_;
    frame_queue queue_;
    memory_link* peer_ = nullptr;
    bool blocked_ = false; // waits for room in the peer's queue
};

} // namespace

memory_link_pair make_memory_pair(const memory_link_options& options, mac_address first,
                                  mac_address second) {
    auto a = std::make_unique<memory_link>(options, first);
    auto b = std::make_unique<memory_link>(options, second);
    memory_link::join(*a, *b);
    return {std::move(a), std::move(b)};
}

std::unique_ptr<link> make_loopback_link(std::uint32_t mtu) {
    memory_link_options options;
    options.medium = link_medium::ip;
    options.mtu = mtu;
    options.capabilities = link_capabilities::all();
    auto only = std::make_unique<memory_link>(options, mac_address());
    memory_link::join(*only, *only);
    return only;
}

} // namespace runnel::inline v0::stack
