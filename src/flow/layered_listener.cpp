// SPDX-License-Identifier: Apache-2.0
#include "layered_listener.hpp"

#include "detached.hpp"
#include "runnel/async/event.hpp"

#include <deque>
#include <memory>
#include <optional>
#include <utility>

namespace runnel::inline v0 {
namespace {

/// Flows on their way through the layer, or through it and not yet given out. More wait below.
constexpr std::size_t most_on_their_way = 256;

/// What the listener shares with the tasks that bring flows through the layer.
struct way_through {
    way_through(listener_ptr from, const transport_layer& layer, endpoint place)
        : below(std::move(from)), how(&layer), whole(std::move(place)) {}

    listener_ptr below;
    const transport_layer* how;
    endpoint whole;
    std::deque<flow_ptr> ready;
    std::optional<error> end; // of the listener below
    event changed{event_reset::automatic};
    std::size_t on_their_way = 0;
    bool taking = false;  // from below
    bool waiting = false; // somebody accepts
    bool closed = false;

    [[nodiscard]] bool may_take() const noexcept {
        return waiting && !closed && !end.has_value() &&
               on_their_way + ready.size() < most_on_their_way;
    }
};

task<void> bring(std::shared_ptr<way_through> way, flow_ptr raw) {
    auto done = co_await way->how->accept(std::move(raw), way->whole);
    --way->on_their_way;
    if (done && !way->closed) {
        way->ready.push_back(std::move(*done));
    }
    way->changed.set(); // also for the room that there is now
}

task<void> take(std::shared_ptr<way_through> way) {
    while (way->may_take()) {
        auto raw = co_await way->below->accept();
        if (raw) {
            ++way->on_their_way;
            run_detached(bring(way, std::move(*raw)), "layer of a listener");
        } else if (raw.error() == errc::cancelled) {
            break;
        } else {
            way->end = raw.error();
            way->changed.set();
        }
    }
    way->taking = false;
}

class layered_listener final : public listener {
public:
    explicit layered_listener(std::shared_ptr<way_through> way) : way_(std::move(way)) {}
    layered_listener(const layered_listener&) = delete;
    layered_listener& operator=(const layered_listener&) = delete;
    ~layered_listener() override { layered_listener::close(); }

    task<result<flow_ptr>> accept() override { return accept_from(way_); }
    [[nodiscard]] flow_address local() const override { return way_->below->local(); }
    void close() noexcept override {
        if (!std::exchange(way_->closed, true)) {
            way_->ready.clear();
            way_->below->close();
            way_->changed.set();
        }
    }
    [[nodiscard]] listener_statistics statistics() const noexcept override {
        return way_->below->statistics();
    }
    void on_pause(pause_function report) override { way_->below->on_pause(std::move(report)); }

private:
    static task<result<flow_ptr>> accept_from(std::shared_ptr<way_through> way) {
        if (way->waiting) {
            co_return fail(errc::busy);
        }
        way->waiting = true;
        auto next = co_await wait_for_next(*way, way);
        way->waiting = false;
        co_return next;
    }

    static task<result<flow_ptr>> wait_for_next(way_through& here,
                                                std::shared_ptr<way_through> way) {
        for (;;) {
            if (here.closed) {
                co_return fail(errc::closed);
            }
            if (!here.ready.empty()) {
                flow_ptr next = std::move(here.ready.front());
                here.ready.pop_front();
                co_return next;
            }
            if (here.end.has_value() && here.on_their_way == 0) {
                co_return fail(*here.end);
            }
            if (!here.taking && here.may_take()) {
                here.taking = true;
                run_detached(take(way), "listener below a layer");
            }
            if (here.ready.empty() && (!here.end.has_value() || here.on_their_way != 0)) {
                const result<void> woken = co_await here.changed.wait();
                if (!woken) {
                    co_return fail(woken.error());
                }
            }
        }
    }

    std::shared_ptr<way_through> way_;
};

} // namespace

listener_ptr make_layered_listener(listener_ptr below, const transport_layer& how, endpoint whole) {
    return std::make_unique<layered_listener>(
        std::make_shared<way_through>(std::move(below), how, std::move(whole)));
}

} // namespace runnel::inline v0
