// SPDX-License-Identifier: Apache-2.0
//
// The layer `mux+` of endpoints.
#include "detached.hpp"
#include "mux_session.hpp"
#include "runnel/async/channel.hpp"
#include "runnel/async/semaphore.hpp"
#include "runnel/flow/mux.hpp"

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace runnel::inline v0 {
namespace {

constexpr std::size_t largest_window = std::size_t{1} << 30;
constexpr std::size_t most_channels = 1'000'000;
/// Channels of all links that a listener holds ready.
constexpr std::size_t ready_channels = 128;

result<mux_options> options_of(const endpoint& place) {
    mux_options options;
    const auto window =
        place.params().bytes("mux-window", options.window, mux_least_window, largest_window);
    const auto channels =
        place.params().integer("mux-channels", options.max_channels, 1, most_channels);
    if (!window || !channels) {
        return fail(window ? channels.error() : window.error());
    }
    options.window = *window;
    options.max_channels = *channels;
    return options;
}

// ---- those who connect

/// The link of one loop to one endpoint.
struct link_slot {
    std::weak_ptr<mux_session> session;
    semaphore door{1}; // one at a time opens it
};

/// All links of a registry's loops. Loops share the table, but no slot.
class link_table {
public:
    std::shared_ptr<link_slot> slot_of(const std::string& place) {
        const std::scoped_lock lock(mutex_);
        std::erase_if(slots_, [](const auto& entry) {
            return entry.second.use_count() == 1 && entry.second->session.expired();
        });
        std::shared_ptr<link_slot>& slot = slots_[{&loop::current(), place}];
        if (slot == nullptr) {
            slot = std::make_shared<link_slot>();
        }
        return slot;
    }

private:
    std::mutex mutex_;
    std::map<std::pair<const loop*, std::string>, std::shared_ptr<link_slot>> slots_;
};

task<result<flow_ptr>> connect_shared(std::shared_ptr<link_table> links, const endpoint& whole,
                                      open_function below) {
    const result<mux_options> options = options_of(whole);
    if (!options) {
        co_return fail(options.error());
    }
    const auto slot = links->slot_of(whole.to_string());
    result<permit> turn = co_await slot->door.acquire();
    if (!turn) {
        co_return fail(turn.error());
    }
    std::shared_ptr<mux_session> session = slot->session.lock();
    if (session == nullptr || !session->usable()) {
        result<flow_ptr> link = co_await below();
        if (!link) {
            co_return link;
        }
        mux_options ours = *options;
        ours.backlog = 0;
        ours.transient = true;
        session = std::make_shared<mux_session>(std::move(*link), mux_side::connecting, ours);
        session->start();
        slot->session = session;
    }
    turn->release();
    co_return co_await mux_session::connect(session);
}

// ---- those who listen

/// What a listener shares with its links.
struct gathering {
    gathering(listener_ptr from, const mux_options& how) : below(std::move(from)), options(how) {}

    listener_ptr below;
    mux_options options;
    channel<flow_ptr> ready{ready_channels};
    std::vector<std::weak_ptr<mux_session>> links;
    std::uint64_t accepted = 0;
    std::optional<error> end;
    bool taking = false;
    bool accepting = false;
    bool closed = false;
};

task<void> take_channels(std::shared_ptr<gathering> all, std::shared_ptr<mux_session> link) {
    for (;;) {
        auto next = co_await mux_session::accept(link);
        if (!next) {
            break;
        }
        const result<void> kept = co_await all->ready.send(std::move(*next));
        if (!kept) {
            break;
        }
    }
    link->retire();
}

task<void> take_links(std::shared_ptr<gathering> all) {
    for (;;) {
        auto link = co_await all->below->accept();
        if (!link) {
            all->end = link.error();
            break;
        }
        std::erase_if(all->links, [](const auto& each) { return each.expired(); });
        auto session =
            std::make_shared<mux_session>(std::move(*link), mux_side::listening, all->options);
        session->start();
        all->links.push_back(session);
        run_detached(take_channels(all, std::move(session)), "link of a multiplexer");
    }
    all->ready.close();
}

class mux_listener final : public listener {
public:
    explicit mux_listener(std::shared_ptr<gathering> all) noexcept : all_(std::move(all)) {}
    mux_listener(const mux_listener&) = delete;
    mux_listener& operator=(const mux_listener&) = delete;
    ~mux_listener() override { mux_listener::close(); }

    task<result<flow_ptr>> accept() override { return accept_from(all_); }
    [[nodiscard]] flow_address local() const override { return all_->below->local(); }
    void close() noexcept override {
        if (std::exchange(all_->closed, true)) {
            return;
        }
        all_->below->close();
        all_->ready.close();
        while (all_->ready.try_receive()) {
        }
        for (const auto& each : all_->links) {
            if (const auto link = each.lock()) {
                link->retire();
            }
        }
    }
    [[nodiscard]] listener_statistics statistics() const noexcept override {
        listener_statistics sum{.accepted = all_->accepted};
        for (const auto& each : all_->links) {
            if (const auto link = each.lock()) {
                sum.open += link->size();
            }
        }
        sum.pauses = all_->below->statistics().pauses;
        return sum;
    }
    void on_pause(pause_function report) override { all_->below->on_pause(std::move(report)); }

private:
    static task<result<flow_ptr>> accept_from(std::shared_ptr<gathering> all) {
        if (all->closed) {
            co_return fail(errc::closed);
        }
        if (all->accepting) {
            co_return fail(errc::busy);
        }
        if (!std::exchange(all->taking, true)) {
            run_detached(take_links(all), "listener below a multiplexer");
        }
        all->accepting = true;
        auto next = co_await all->ready.receive();
        all->accepting = false;
        if (next) {
            ++all->accepted;
            co_return std::move(*next);
        }
        if (next.error() == errc::end) {
            co_return fail(all->closed || !all->end ? error(errc::closed) : *all->end);
        }
        co_return fail(next.error());
    }

    std::shared_ptr<gathering> all_;
};

result<listener_ptr> gather(listener_ptr below, const endpoint& whole) {
    const result<mux_options> options = options_of(whole);
    if (!options) {
        return fail(options.error());
    }
    return std::make_unique<mux_listener>(std::make_shared<gathering>(std::move(below), *options));
}

} // namespace

void register_mux_layer(transport_registry& registry) {
    const auto links = std::make_shared<link_table>();
    registry.add_layer(
        "mux",
        {.parameters = {{"mux-window", "mux-window=256KiB", "bytes kept for each flow's reader"},
                        {"mux-channels", "mux-channels=1024", "most flows over one link"}},
         .share =
             [links](const endpoint& whole, open_function below) {
                 return connect_shared(links, whole, std::move(below));
             },
         .gather = gather,
         .check = [](const endpoint& whole) { return without_value(options_of(whole)); }});
}

} // namespace runnel::inline v0
