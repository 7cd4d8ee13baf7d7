// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/pipe_transport.hpp"

#include "runnel/async/event.hpp"

#include <deque>
#include <memory>
#include <utility>

namespace runnel::inline v0 {
namespace {

constexpr std::size_t largest_capacity = std::size_t{1} << 30;

result<std::uint64_t> capacity_of(const endpoint& place) {
    return place.params().bytes("capacity", pipe_options().capacity, 0, largest_capacity);
}

/// What the listener and those who connect share.
struct meeting_point {
    bool listening = false;
    std::deque<flow_ptr> arrived;
    event changed{event_reset::automatic};
    listener_statistics statistics;
};

class pipe_listener final : public listener {
public:
    explicit pipe_listener(std::shared_ptr<meeting_point> place) : place_(std::move(place)) {}
    pipe_listener(const pipe_listener&) = delete;
    pipe_listener& operator=(const pipe_listener&) = delete;
    ~pipe_listener() override { pipe_listener::close(); }

    task<result<flow_ptr>> accept() override { return accept_at(place_, closed_); }

    [[nodiscard]] flow_address local() const override { return flow_address("pipe"); }

    void close() noexcept override {
        if (!std::exchange(*closed_, true)) {
            place_->listening = false;
            place_->arrived.clear();
            place_->changed.set();
        }
    }

    [[nodiscard]] listener_statistics statistics() const noexcept override {
        return place_->statistics;
    }
    void on_pause(pause_function /*report*/) override {} // it never pauses

private:
    static task<result<flow_ptr>> accept_at(std::shared_ptr<meeting_point> place,
                                            std::shared_ptr<bool> closed) {
        for (;;) {
            if (*closed) {
                co_return fail(errc::closed);
            }
            if (!place->arrived.empty()) {
                flow_ptr next = std::move(place->arrived.front());
                place->arrived.pop_front();
                ++place->statistics.accepted;
                co_return next;
            }
            const auto woken = co_await place->changed.wait();
            if (!woken) {
                co_return fail(woken.error());
            }
        }
    }

    std::shared_ptr<meeting_point> place_;
    std::shared_ptr<bool> closed_ = std::make_shared<bool>(false);
};

task<result<flow_ptr>> connect_pipe(std::shared_ptr<meeting_point> place, const endpoint& to) {
    const auto capacity = capacity_of(to);
    if (!capacity) {
        co_return fail(capacity.error());
    }
    if (!place->listening) {
        co_return fail(errc::refused, "connect pipe:");
    }
    auto ends = make_pipe({.capacity = *capacity});
    place->arrived.push_back(std::move(ends.second));
    place->changed.set();
    co_return std::move(ends.first);
}

task<result<listener_ptr>> listen_pipe(std::shared_ptr<meeting_point> place) {
    if (std::exchange(place->listening, true)) {
        co_return fail(errc::address_in_use, "listen pipe:");
    }
    co_return std::make_unique<pipe_listener>(std::move(place));
}

} // namespace

void register_pipe_transport(transport_registry& registry) {
    const auto place = std::make_shared<meeting_point>();
    registry.add("pipe",
                 {.connect = [place](const endpoint& to) { return connect_pipe(place, to); },
                  .listen = [place](const endpoint& /*at*/) { return listen_pipe(place); },
                  .parameters = {{"capacity", "capacity=64KiB", "bytes each direction holds"}},
                  .check = [](const endpoint& at) { return without_value(capacity_of(at)); }});
}

} // namespace runnel::inline v0
