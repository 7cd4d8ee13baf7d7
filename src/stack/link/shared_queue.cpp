// SPDX-License-Identifier: Apache-2.0
#include "shared_queue.hpp"

#include "device.hpp"
#include "link_wrapper.hpp"
#include "runnel/core/byte_order.hpp"

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <utility>

namespace runnel::inline v0::stack {

/// A queue, and the frames that came to others.
class queue_link final : public link_wrapper<> {
public:
    queue_link(std::shared_ptr<queue_group> group, loop& on, std::unique_ptr<link> queue)
        : group_(std::move(group)), queue_(std::move(queue)), box_(std::make_shared<box>(on)) {
        box_->owner = this;
        group_->join(*this);
    }
    queue_link(const queue_link&) = delete;
    queue_link& operator=(const queue_link&) = delete;
    ~queue_link() override {
        group_->leave(*this);
        box_->owner = nullptr;
    }

    [[nodiscard]] frame_list receive(std::size_t limit, time_point now) override {
        frame_list come = take_from_others(limit, now);
        frame_list own =
            come.size() < limit ? queue_->receive(limit - come.size(), now) : frame_list();
        own.for_each([&](const frame& one) {
            if (is_for_all_queues(one, queue_->properties().medium)) {
                group_->spread(*this, one);
            }
        });
        come.append(std::move(own));
        return come;
    }

    void on_ready(ready_function function, void* context) noexcept override {
        ready_ = function;
        ready_context_ = context;
        queue_->on_ready(function, context);
    }

    /// From any thread, while it is in the group.
    void put(std::span<const std::byte> bytes) {
        const std::lock_guard lock(box_->guard);
        if (box_->frames.size() == max_frames) {
            return; // questions are asked again
        }
        box_->frames.emplace_back(bytes.begin(), bytes.end());
        if (box_->frames.size() == 1) {
            box_->on.post([box = box_] {
                if (box->owner != nullptr && box->owner->ready_ != nullptr) {
                    box->owner->ready_(box->owner->ready_context_);
                }
            });
        }
    }

private:
    frame_list take_from_others(std::size_t limit, time_point now) {
        frame_list come;
        const std::lock_guard lock(box_->guard);
        while (come.size() < limit && !box_->frames.empty()) {
            frame_ptr one = frame::make();
            one->add(buffer::copy_of(box_->frames.front())); // memory of this thread
            one->arrived = now;
            come.push_back(std::move(one));
            box_->frames.pop_front();
        }
        return come;
    }

    static constexpr std::size_t max_frames = 256;
    struct box {
        explicit box(loop& of) noexcept : on(of) {}
        loop& on;
        queue_link* owner = nullptr; // of the loop's thread only
        std::mutex guard;
        std::deque<std::vector<std::byte>> frames;
    };

    [[nodiscard]] link& inner() noexcept override { return *queue_; }
    [[nodiscard]] const link& inner() const noexcept override { return *queue_; }

    std::shared_ptr<queue_group> group_;
    std::unique_ptr<link> queue_;
    std::shared_ptr<box> box_;
    ready_function ready_ = nullptr;
    void* ready_context_ = nullptr;
};

bool is_for_all_queues(const frame& one, link_medium medium) noexcept {
    // The longest that is looked at: Ethernet, IPv6 and the type of ICMPv6.
    constexpr std::size_t ethernet = 14;
    std::array<std::byte, ethernet + 41> bytes{};
    one.copy_out(0, std::span(bytes).first(std::min(one.size(), bytes.size())));
    std::span<const std::byte> ip(bytes);
    if (medium == link_medium::ethernet) {
        constexpr std::uint16_t arp = 0x0806;
        if (load_be16(bytes.data() + 12) == arp) {
            return true;
        }
        ip = ip.subspan(ethernet);
    }
    const auto at = [&](std::size_t place) { return std::to_integer<unsigned>(ip[place]); };
    if (at(0) >> 4U == 4 && at(9) == 1) {
        const std::size_t header = std::size_t{at(0) & 15U} * 4;
        const unsigned type = at(std::min<std::size_t>(header, 40));
        return type != 0 && type != 8;
    }
    return at(0) >> 4U == 6 && at(6) == 58 && at(40) != 128 && at(40) != 129;
}

std::shared_ptr<queue_group> queue_group::of(const std::string& device) {
    static std::mutex guard;
    static std::map<std::string, std::weak_ptr<queue_group>> all;
    const std::lock_guard lock(guard);
    std::shared_ptr<queue_group> found = all[device].lock();
    if (found == nullptr) {
        found = std::make_shared<queue_group>(random_mac());
        all[device] = found;
    }
    return found;
}

void queue_group::join(queue_link& one) {
    const std::lock_guard lock(guard_);
    members_.push_back(&one);
}

void queue_group::leave(queue_link& one) {
    const std::lock_guard lock(guard_);
    std::erase(members_, &one);
}

void queue_group::spread(const queue_link& from, const frame& one) {
    std::vector<std::byte> bytes(one.size());
    one.copy_out(0, bytes);
    const std::lock_guard lock(guard_);
    for (queue_link* each : members_) {
        if (each != &from) {
            each->put(bytes);
        }
    }
}

std::unique_ptr<link> join_group(std::shared_ptr<queue_group> group, loop& on,
                                 std::unique_ptr<link> queue) {
    return std::make_unique<queue_link>(std::move(group), on, std::move(queue));
}

} // namespace runnel::inline v0::stack
