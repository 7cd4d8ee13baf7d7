// SPDX-License-Identifier: Apache-2.0
#include "server.hpp"

#include "human.hpp"
#include "json.hpp"
#include "lane.hpp"
#include "places.hpp"
#include "progress.hpp"

#include "runnel/async/blocking.hpp"
#include "runnel/async/deadline.hpp"
#include "runnel/async/event.hpp"
#include "runnel/async/loop.hpp"
#include "runnel/async/signals.hpp"
#include "runnel/async/sleep.hpp"
#include "runnel/host/inherited.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <deque>
#include <functional>
#include <span>
#include <vector>

namespace runnel::inline v0::program {
namespace {

constexpr duration display_interval = std::chrono::milliseconds(500);

class server {
public:
    /// Each loop serves all of `places`.
    server(const session& session, std::span<const endpoint> places, const server_options& options,
           const handler_factory& make_handler)
        : session_(session), places_(places), options_(options), make_handler_(make_handler),
          lanes_(options.loops * places.size()), unopened_(lanes_.size() - places.size()) {}

    task<int> run();

private:
    [[nodiscard]] task<result<void>> open_here();
    task<void> announce();
    task<void> work_here(std::size_t index, listener_ptr listener);
    task<result<void>> work(std::size_t index, listener_ptr listener);
    task<result<void>> open_and_work(std::size_t index, const endpoint& at, loop& home);
    task<void> run_thread(std::size_t index, const endpoint& at);
    result<void> run_loop(std::size_t index, const endpoint& at, loop& home);
    task<void> watch(signal_set& signals);
    task<void> display(time_point start);
    [[nodiscard]] std::uint64_t limit_of(std::size_t index) const;
    [[nodiscard]] traffic total();
    void end_all(ending how);
    void fail_all(const error& why);
    [[nodiscard]] int summarize(duration took);

    const session& session_;
    std::span<const endpoint> places_;
    const server_options& options_;
    const handler_factory& make_handler_;
    std::deque<lane> lanes_; // first one for each place, then those of the next loop
    std::vector<listener_ptr> listeners_;
    std::vector<endpoint> bound_; // with the ports that they got
    std::size_t unopened_;        // of the other loops
    event all_opened_;            // or one that failed to
    std::atomic<std::uint64_t> numbers_{0};
    bool failed_ = false;
    bool interrupted_ = false;
};

task<result<void>> server::open_here() {
    const bool share = options_.loops > 1;
    for (const endpoint& at : places_) {
        result<listener_ptr> listener = co_await open_listener(at, share);
        if (!listener) {
            co_return fail(listener.error());
        }
        const std::string place = place_of(**listener, at);
        result<endpoint> bound = endpoint::parse(place + at.params().to_string());
        listeners_.push_back(*std::move(listener));
        bound_.push_back(bound ? *std::move(bound) : at); // an inherited one may have no name
    }
    co_return result<void>();
}

/// Once all loops listen: a client that knows of it finds each of them.
task<void> server::announce() {
    if (unopened_ != 0) {
        static_cast<void>(co_await all_opened_.wait());
    }
    if (failed_) {
        co_return;
    }
    for (std::size_t index = 0; index < listeners_.size(); ++index) {
        const std::string more = options_.announce ? options_.announce(bound_[index]) : "";
        session_.complain("listening on " + place_of(*listeners_[index], places_[index]) +
                          (more.empty() ? "" : " (" + more + ")"));
    }
    static_cast<void>(host::notify_manager("READY=1"));
}

task<int> server::run() {
    // Before anybody can know that it listens.
    signal_set signals{SIGINT, SIGTERM};
    const result<void> opened = co_await open_here();
    if (!opened) {
        session_.complain(opened.error());
        co_return exit_failed;
    }
    const time_point start = loop::current().now();
    const auto all = [&](scope& beside) -> task<void> {
        beside.spawn(watch(signals), "signals");
        if (options_.stats && session_.err.interactive()) {
            beside.spawn(display(start), "display");
        }
        const auto lanes = [&](scope& threads) -> task<void> {
            for (std::size_t index = places_.size(); index < lanes_.size(); ++index) {
                threads.spawn(run_thread(index, bound_[index % places_.size()]), "loop");
            }
            co_await announce();
            for (std::size_t index = 1; index < places_.size(); ++index) {
                threads.spawn(work_here(index, std::move(listeners_[index])), "place");
            }
            co_await work_here(0, std::move(listeners_[0]));
        };
        static_cast<void>(co_await with_scope(lanes));
        beside.request_stop();
    };
    static_cast<void>(co_await with_scope(all));
    co_return summarize(loop::current().now() - start);
}

task<void> server::work_here(std::size_t index, listener_ptr listener) {
    const result<void> done = co_await work(index, std::move(listener));
    if (!done) {
        fail_all(done.error());
    }
}

task<result<void>> server::work(std::size_t index, listener_ptr listener) {
    worker work(session_, options_, numbers_, limit_of(index), std::move(listener),
                make_handler_());
    lanes_[index].open(work);
    result<void> done = co_await work.run();
    lanes_[index].close();
    co_return done;
}

task<result<void>> server::open_and_work(std::size_t index, const endpoint& at, loop& home) {
    result<listener_ptr> listener = co_await open_listener(at, true);
    if (!listener) {
        co_return fail(listener.error());
    }
    home.post([this] {
        if (--unopened_ == 0) {
            all_opened_.set();
        }
    });
    co_return co_await work(index, *std::move(listener));
}

result<void> server::run_loop(std::size_t index, const endpoint& at, loop& home) {
    loop_options options;
    options.backend = session_.globals.backend;
    result<std::unique_ptr<loop>> made = loop::create(options);
    if (!made) {
        return fail(made.error());
    }
    return (*made)->run(open_and_work(index, at, home));
}

task<void> server::run_thread(std::size_t index, const endpoint& at) {
    const auto call = [this, index, &at, &home = loop::current()] {
        return run_loop(index, at, home);
    };
    const result<void> done = co_await run_blocking(call);
    if (!done) {
        fail_all(done.error());
        all_opened_.set();
    }
}

task<void> server::watch(signal_set& signals) {
    const result<int> first = co_await signals.next();
    if (!first) {
        co_return;
    }
    end_all(ending::drain);
    static_cast<void>(host::notify_manager("STOPPING=1"));
    if (session_.err.interactive()) {
        session_.complain(fmt::format("accepts no more; open connections have {} (again: none)",
                                      human_duration(options_.drain_timeout)));
    }
    const result<int> second = co_await with_timeout(options_.drain_timeout, signals.next());
    if (second) {
        interrupted_ = true;
    } else if (second.error() != errc::timed_out) {
        co_return;
    }
    end_all(ending::abort);
}

task<void> server::display(time_point start) {
    status_line line(session_.err);
    smooth_rate in;
    smooth_rate out;
    for (;;) {
        const result<void> slept = co_await sleep_for(display_interval);
        if (!slept) {
            co_return;
        }
        const time_point now = loop::current().now();
        const traffic figures = total();
        in.update(figures.bytes_in, now);
        out.update(figures.bytes_out, now);
        line.show(fmt::format("{}  {} open  {} served  {} failed  in {}/s  out {}/s  total {}",
                              human_clock(now - start), figures.active, figures.accepted,
                              figures.failed, human_bytes(in.per_second()),
                              human_bytes(out.per_second()),
                              human_bytes(static_cast<double>(figures.bytes_in) +
                                          static_cast<double>(figures.bytes_out)))
                      .substr(0, line.width()));
    }
}

/// The limit of all is shared out evenly.
std::uint64_t server::limit_of(std::size_t index) const {
    const std::uint64_t limit = options_.max_connections;
    return limit / lanes_.size() + (index < limit % lanes_.size() ? 1 : 0);
}

traffic server::total() {
    traffic sum;
    for (lane& each : lanes_) {
        sum += each.figures();
    }
    return sum;
}

void server::end_all(ending how) {
    for (lane& each : lanes_) {
        each.end(how);
    }
}

void server::fail_all(const error& why) {
    session_.complain(why);
    failed_ = true;
    end_all(ending::drain);
}

int server::summarize(duration took) {
    const traffic figures = total();
    std::size_t aborted = 0;
    for (lane& each : lanes_) {
        aborted += each.aborted();
    }
    if (options_.stats) {
        session_.err.write_line(fmt::format("{} in {}: {} failed, {} ended early, in {}, out {}\n",
                                            plural(figures.accepted, "connection"),
                                            human_duration(took), figures.failed, aborted,
                                            human_bytes(static_cast<double>(figures.bytes_in)),
                                            human_bytes(static_cast<double>(figures.bytes_out))));
    }
    if (options_.json) {
        json_writer json;
        json.begin_object().member("connections", figures.accepted);
        json.member("failed", figures.failed).member("ended_early", aborted);
        json.member("bytes_in", figures.bytes_in).member("bytes_out", figures.bytes_out);
        json.member("seconds", seconds(took)).end();
        if (session_.print(json.take()) != exit_ok) {
            return exit_failed;
        }
    }
    if (interrupted_) {
        return exit_interrupted;
    }
    if (failed_ || (options_.once && figures.failed != 0)) {
        return exit_failed;
    }
    return aborted != 0 ? exit_partial : exit_ok;
}

} // namespace

void declare_server_options(option_set& options, server_options& target) {
    options.group("Serving");
    options.flag("--once", target.once, "Serve one connection, then end.");
    options.number("--max-connections", "N", target.max_connections,
                   "Serve at most so many at a time; others wait at the system. Shared out evenly "
                   "between loops.",
                   "any number", 1);
    options.duration("--drain-timeout", target.drain_timeout,
                     "On SIGTERM or SIGINT nothing more is accepted, and open connections get so "
                     "long to end by themselves. A second signal ends them at once.",
                     "10s");
    options.number("--loops", "N", target.loops,
                   "Serve on so many threads, each with a listening socket of its own, between "
                   "which the system shares out the connections (TCP only).",
                   "1", 1, most_loops);
    options.flag("-v,--verbose", target.verbose,
                 "Write a line about each connection when it ends: who, bytes, time, and how each "
                 "side ended.");
    options.flag("--stats", target.stats,
                 "Show the traffic while it runs, if standard error is a terminal, and its sum at "
                 "the end.");
    options.flag("--json", target.json, "Write the sum at the end to standard output, as JSON.");
}

int run_server(const session& session, const endpoint& at, const server_options& options,
               const handler_factory& make_handler) {
    return run_server(session, std::span(&at, 1), options, make_handler);
}

int run_server(const session& session, std::span<const endpoint> places,
               const server_options& options, const handler_factory& make_handler) {
    const bool tcp =
        std::ranges::all_of(places, [](const endpoint& at) { return at.transport() == "tcp"; });
    if (options.loops > 1 && !tcp) {
        return session.usage_error("--loops needs a TCP endpoint to listen on");
    }
    if (options.loops > 1 && options.once) {
        return session.usage_error("--once and --loops exclude each other");
    }
    if (options.max_connections != 0 && options.max_connections < options.loops * places.size()) {
        return session.usage_error(places.size() == 1
                                       ? "--max-connections is less than --loops"
                                       : "--max-connections is less than loops times endpoints");
    }
    const std::unique_ptr<loop> own = session.make_loop();
    if (own == nullptr) {
        return exit_failed;
    }
    server server(session, places, options, make_handler);
    return own->run(server.run());
}

} // namespace runnel::inline v0::program
