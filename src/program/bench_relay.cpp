// SPDX-License-Identifier: Apache-2.0
#include "background_server.hpp"
#include "bench.hpp"
#include "bulk.hpp"
#include "human.hpp"
#include "json.hpp"
#include "places.hpp"
#include "process_time.hpp"
#include "relay_handler.hpp"
#include "table.hpp"

#include "runnel/async/deadline.hpp"
#include "runnel/async/when.hpp"

#include <fmt/format.h>

#include <array>
#include <utility>

namespace runnel::inline v0::program {
namespace {

constexpr duration patience = std::chrono::seconds(10);

/// One measurement: data in one direction or both, or many short connections.
struct phase {
    const char* name;
    bulk_direction direction;
    bool short_connections;
};
constexpr std::array phases{
    phase{"up", bulk_direction::up, false}, phase{"down", bulk_direction::down, false},
    phase{"both", bulk_direction::both, false}, phase{"connections", bulk_direction::up, true}};

struct phase_result {
    const phase* what;
    std::uint64_t bytes = 0;
    std::uint64_t connections = 0;
    duration took{};
    std::optional<duration> processor = {}; // of the relay
};

struct relay_bench_options {
    std::optional<endpoint> via;
    std::optional<endpoint> target;
    std::uint64_t pid = 0;
};

class relay_client {
public:
    relay_client(const session& session, const bench_options& options,
                 const relay_bench_options& places)
        : session_(session), options_(options), places_(places) {}

    task<int> run();

private:
    task<result<void>> measure_all(const endpoint& via);
    task<result<phase_result>> measure(const phase& what, const endpoint& via);
    task<result<void>> move_one(const phase& what, const endpoint& via, time_point end,
                                phase_result& sum);
    int print_text(const endpoint& via);
    int print_json(const endpoint& via);

    const session& session_;
    const bench_options& options_;
    const relay_bench_options& places_;
    std::vector<phase_result> results_;
};

task<int> relay_client::run() {
    background_server target(session_, places_.target.value_or(loopback_endpoint()),
                             [this] { return make_bulk_handler(options_.size); });
    result<endpoint> via = fail(errc::cancelled);
    result<void> done;
    const auto all = [&](scope& beside) -> task<void> {
        const result<endpoint> place = co_await target.start(beside);
        if (!place) {
            done = fail(place.error());
            co_return;
        }
        const relay_options joining;
        background_server relay(session_, loopback_endpoint(),
                                [&place, &joining] { return make_relay_handler(*place, joining); });
        const auto inner = [&](scope& relays) -> task<void> {
            if (places_.via) {
                via = *places_.via;
            } else {
                via = co_await relay.start(relays);
            }
            if (via) {
                done = co_await measure_all(*via);
            } else {
                done = fail(via.error());
            }
            relay.stop();
        };
        static_cast<void>(co_await with_scope(inner));
        target.stop();
    };
    static_cast<void>(co_await with_scope(all));
    if (!done) {
        session_.complain(done.error());
        co_return exit_failed;
    }
    co_return options_.json ? print_json(*via) : print_text(*via);
}

task<result<void>> relay_client::measure_all(const endpoint& via) {
    for (const phase& each : phases) {
        const result<phase_result> measured = co_await measure(each, via);
        if (!measured) {
            co_return fail(measured.error().wrap(each.name));
        }
        results_.push_back(*measured);
    }
    co_return result<void>();
}

task<result<phase_result>> relay_client::measure(const phase& what, const endpoint& via) {
    phase_result sum{&what};
    result<duration> before = duration(0);
    if (places_.pid != 0) {
        before = processor_time(places_.pid);
        if (!before) {
            co_return fail(before.error());
        }
    }
    const time_point start = loop::current().now();
    std::vector<task<result<void>>> tasks;
    for (std::uint64_t i = 0; i < options_.connections; ++i) {
        tasks.push_back(move_one(what, via, start + options_.span, sum));
    }
    const std::vector<result<void>> done = co_await when_all(std::move(tasks));
    for (const result<void>& each : done) {
        if (!each && each.error() != errc::cancelled) {
            co_return fail(each.error());
        }
    }
    sum.took = loop::current().now() - start;
    if (places_.pid != 0) {
        const result<duration> after = processor_time(places_.pid);
        if (!after) {
            co_return fail(after.error());
        }
        sum.processor = *after - *before;
    }
    co_return sum;
}

task<result<void>> relay_client::move_one(const phase& what, const endpoint& via, time_point end,
                                          phase_result& sum) {
    do {
        result<flow_ptr> opened = co_await with_timeout(patience, open_flow(via));
        if (!opened) {
            co_return fail(opened.error());
        }
        const duration span = what.short_connections ? duration(0) : options_.span;
        const std::size_t size = options_.size;
        const auto moved = co_await move_bulk(**opened, what.direction, size, span);
        if (!moved) {
            co_return fail(moved.error());
        }
        const result<void> closed = co_await with_timeout(patience, (*opened)->close());
        if (!closed) {
            co_return fail(closed.error());
        }
        sum.bytes += moved->sent + moved->received;
        ++sum.connections;
    } while (what.short_connections && loop::current().now() < end);
    co_return result<void>();
}

/// The relay's processor time for one of `count`, if it was measured.
std::optional<duration> share(const phase_result& measured, double count) {
    if (!measured.processor || count <= 0) {
        return std::nullopt;
    }
    return duration(
        static_cast<std::int64_t>(static_cast<double>(measured.processor->count()) / count));
}

int relay_client::print_text(const endpoint& via) {
    table rows({{"direction"},
                {"done", table::align::right},
                {"rate", table::align::right},
                {places_.pid != 0 ? "relay's CPU" : ""}});
    for (const phase_result& each : results_) {
        std::string processor;
        if (each.what->short_connections) {
            const auto count = static_cast<double>(each.connections);
            if (const auto each_one = share(each, count)) {
                processor = human_duration(*each_one) + " per connection";
            }
            rows.row({each.what->name, human_count(count),
                      human_count(count / seconds(each.took)) + "/s", processor});
        } else {
            if (const auto each_one = share(each, static_cast<double>(each.bytes) / (1 << 30))) {
                processor = human_duration(*each_one) + " per GiB";
            }
            rows.row({each.what->name, human_bytes(static_cast<double>(each.bytes)),
                      human_rate(each.bytes, each.took), processor});
        }
    }
    const std::string title = fmt::format("Relay at {}, {} at a time", via.to_string(),
                                          plural(options_.connections, "connection"));
    return session_.print(session_.out.paint(style::bold, title) + "\n" +
                          rows.render(session_.out, 2));
}

int relay_client::print_json(const endpoint& via) {
    json_writer json;
    json.begin_object().member("bench", "relay").member("via", via.to_string());
    json.member("connections_at_a_time", options_.connections).member("size", options_.size);
    json.key("phases").begin_array();
    for (const phase_result& each : results_) {
        json.begin_object().member("name", each.what->name).member("bytes", each.bytes);
        json.member("connections", each.connections).member("seconds", seconds(each.took));
        json.member("bytes_per_second", static_cast<double>(each.bytes) / seconds(each.took));
        json.member("connections_per_second",
                    static_cast<double>(each.connections) / seconds(each.took));
        json.key("relay_cpu_seconds");
        if (each.processor) {
            json.value(seconds(*each.processor));
        } else {
            json.null();
        }
        json.end();
    }
    json.end().end();
    return session_.print(json.take());
}

class bench_relay_command final : public command {
public:
    bench_relay_command() : command("relay", "measure a relay") {}

    void declare(option_set& options) override {
        options.describe(
            "Listens at --target, where the relay leads to, and sends data through the "
            "relay at --via: up, down and both at once, then short connections one "
            "after the other. Any relay of byte streams will do. Without --via, a "
            "relay of this program in another thread is measured.");
        options.endpoint("--via", "ENDPOINT", places_.via, "Where the relay listens.");
        options.endpoint("--target", "ENDPOINT", places_.target,
                         "Where the relay connects to; needed with --via.");
        options.number("--pid", "PID", places_.pid,
                       "The process of the relay, to measure its processor time.", "", 1);
        options.number("-n,--connections", "N", bench_.connections, "Connections at a time.", "1",
                       1, 100'000);
        options.bytes("--size", bench_.size, "Bytes of each write.", "64KiB", 1,
                      std::uint64_t{1} << 24);
        options.duration("-t,--duration", bench_.span, "How long each of the four parts takes.",
                         "2s");
        options.flag("--json", bench_.json, "Write JSON.");
        options.example("Measure socat:",
                        "socat TCP-LISTEN:9000,fork,reuseaddr TCP:127.0.0.1:9001 &\n"
                        "    runnel bench relay --via tcp://127.0.0.1:9000 "
                        "--target tcp://127.0.0.1:9001");
        options.exit(exit_ok, "measured");
        options.exit(exit_failed, "the relay did not carry the data");
    }

    int run(const session& session) override {
        if (places_.via && !places_.target) {
            return session.usage_error("--via needs --target, where the relay leads to");
        }
        if (!places_.via && (places_.target || places_.pid != 0)) {
            return session.usage_error("--target and --pid need --via");
        }
        const std::unique_ptr<loop> own = session.make_loop();
        if (own == nullptr) {
            return exit_failed;
        }
        relay_client client(session, bench_, places_);
        return own->run(client.run());
    }

private:
    bench_options bench_{
        .connections = 1, .size = std::uint64_t{64} * 1024, .span = std::chrono::seconds(2)};
    relay_bench_options places_;
};

} // namespace

std::unique_ptr<command> make_bench_relay_command() {
    return std::make_unique<bench_relay_command>();
}

} // namespace runnel::inline v0::program
