// SPDX-License-Identifier: Apache-2.0
#include "runnel/stack/link/fault_link.hpp"

#include "frame_queue.hpp"
#include "runnel/core/random.hpp"
#include "runnel/stack/link/segmentation.hpp"

#include <algorithm>
#include <vector>

namespace runnel::inline v0::stack {
namespace {

/// One direction: frames go in, and come out later, changed, twice or never.
class fault_line {
public:
    fault_line(const link_faults& faults, prng random) : faults_(faults), random_(random) {}

    void set(const link_faults& faults) noexcept { faults_ = faults; }
    [[nodiscard]] const fault_statistics& statistics() const noexcept { return statistics_; }

    void put(frame_ptr one, const link_properties& link, time_point now) {
        if (is_lost()) {
            ++statistics_.lost;
            return;
        }
        if (faults_.mtu != 0 && one->size() > header_size(link) + faults_.mtu) {
            ++statistics_.over_mtu;
            return;
        }
        time_point due = now;
        if (!take_turn(one->size(), due)) {
            ++statistics_.over_queue;
            return;
        }
        due += faults_.delay;
        if (faults_.jitter > duration::zero()) {
            due += duration(random_.below(static_cast<std::uint64_t>(faults_.jitter.count()) + 1));
        }
        due = std::max(due, latest_);
        if (draw(faults_.corrupt)) {
            ++statistics_.corrupted;
            one = corrupted(std::move(one));
        }
        if (draw(faults_.duplicate)) {
            ++statistics_.duplicated;
            schedule(one->clone(), due);
        }
        if (draw(faults_.reorder)) {
            ++statistics_.reordered;
            schedule(std::move(one), due + faults_.reorder_delay);
            return;
        }
        latest_ = due;
        schedule(std::move(one), due);
    }

    /// What has arrived by now, at most `limit`.
    frame_list take(std::size_t limit, time_point now) {
        frame_list out;
        while (out.size() < limit && !waiting_.empty() && waiting_.front().due <= now) {
            std::pop_heap(waiting_.begin(), waiting_.end(), later);
            out.push_back(std::move(waiting_.back().what));
            waiting_.pop_back();
            ++statistics_.passed;
        }
        return out;
    }

    [[nodiscard]] time_point deadline() const noexcept {
        return waiting_.empty() ? never : waiting_.front().due;
    }

private:
    struct entry {
        time_point due;
        std::uint64_t order;
        frame_ptr what;
    };
    static bool later(const entry& a, const entry& b) noexcept {
        return a.due != b.due ? a.due > b.due : a.order > b.order;
    }
    static std::size_t header_size(const link_properties& link) noexcept {
        return link.medium == link_medium::ethernet ? 14 : 0;
    }

    /// Draws only where it can matter, so that a fault that is off changes nothing for the others.
    bool draw(double probability) noexcept {
        return probability > 0 && random_.fraction() < probability;
    }

    bool is_lost() noexcept {
        if (bad_spell_) {
            bad_spell_ = !draw(faults_.burst_end);
        } else {
            bad_spell_ = draw(faults_.burst_begin);
        }
        return draw(faults_.loss) || bad_spell_ || faults_.cut;
    }

    /// Waits for the frame's turn on a line of limited rate. False if the queue is full.
    bool take_turn(std::size_t size, time_point& when) noexcept {
        if (faults_.rate == 0) {
            return true;
        }
        const time_point begins = std::max(when, line_free_);
        const auto waiting =
            static_cast<double>((begins - when).count()) * static_cast<double>(faults_.rate) / 8e9;
        if (faults_.queue_limit != 0 && waiting > static_cast<double>(faults_.queue_limit)) {
            return false;
        }
        const std::uint64_t bits = std::uint64_t{size} * 8;
        line_free_ = begins + duration(bits * 1'000'000'000 / faults_.rate);
        when = line_free_;
        return true;
    }

    frame_ptr corrupted(frame_ptr one) {
        buffer copy = buffer::allocate(one->size());
        one->copy_out(0, copy.writable());
        const std::uint64_t bit = random_.below(copy.size() * 8);
        copy.writable()[bit / 8] ^= std::byte{1} << (bit % 8);
        frame_ptr changed = frame::make();
        changed->add(std::move(copy));
        return changed;
    }

    void schedule(frame_ptr one, time_point due) {
        waiting_.push_back({due, order_++, std::move(one)});
        std::push_heap(waiting_.begin(), waiting_.end(), later);
    }

    link_faults faults_;
    prng random_;
    fault_statistics statistics_;
    std::vector<entry> waiting_; // a heap, the earliest in front
    std::uint64_t order_ = 0;
    time_point line_free_{};
    time_point latest_{};
    bool bad_spell_ = false;
};

class faulty_link final : public fault_link {
public:
    faulty_link(std::unique_ptr<link> inner, const link_faults& outbound,
                const link_faults& inbound, std::uint64_t seed)
        : inner_(std::move(inner)), out_(outbound, prng(seed)), in_(inbound, prng(~seed)) {
        adopt_properties();
    }

    [[nodiscard]] const link_properties& properties() const noexcept override {
        return properties_;
    }

    bool send(frame_list burst, time_point now) override {
        while (!burst.empty()) {
            frame_ptr one = burst.pop_front();
            count_sent(*one);
            out_.put(std::move(one), properties_, now);
        }
        release(now);
        return true;
    }

    [[nodiscard]] frame_list receive(std::size_t limit, time_point now) override {
        adopt_properties();
        release(now);
        for (frame_list burst = inner_->receive(limit, now); !burst.empty();
             burst = inner_->receive(limit, now)) {
            frame_list whole;
            while (!burst.empty()) {
                adapt(burst.pop_front(), {}, whole);
            }
            while (!whole.empty()) {
                in_.put(whole.pop_front(), properties_, now);
            }
        }
        frame_list come = in_.take(limit, now);
        come.for_each([&](frame& one) {
            one.arrived = now;
            count_received(one);
        });
        return come;
    }

    [[nodiscard]] time_point deadline() const noexcept override {
        return std::min({out_.deadline(), in_.deadline(), inner_->deadline()});
    }
    void on_ready(ready_function function, void* context) noexcept override {
        inner_->on_ready(function, context);
    }

    void set_outbound(const link_faults& faults) override { out_.set(faults); }
    void set_inbound(const link_faults& faults) override { in_.set(faults); }
    [[nodiscard]] const fault_statistics& outbound() const noexcept override {
        return out_.statistics();
    }
    [[nodiscard]] const fault_statistics& inbound() const noexcept override {
        return in_.statistics();
    }

private:
    void adopt_properties() noexcept {
        properties_ = inner_->properties();
        properties_.capabilities = {};
    }
    /// A link that is full loses what it is given, like any queue in a network.
    void release(time_point now) {
        frame_list due = out_.take(static_cast<std::size_t>(-1), now);
        if (!due.empty()) {
            inner_->send(std::move(due), now);
        }
    }

    std::unique_ptr<link> inner_;
    link_properties properties_;
    fault_line out_;
    fault_line in_;
};

} // namespace

std::unique_ptr<fault_link> fault_link::make(std::unique_ptr<link> inner,
                                             const link_faults& outbound,
                                             const link_faults& inbound, std::uint64_t seed) {
    return std::make_unique<faulty_link>(std::move(inner), outbound, inbound, seed);
}

} // namespace runnel::inline v0::stack
