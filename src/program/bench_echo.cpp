// SPDX-License-Identifier: Apache-2.0
#include "bench.hpp"
#include "echo_handler.hpp"
#include "histogram.hpp"
#include "human.hpp"
#include "json.hpp"
#include "places.hpp"
#include "table.hpp"

#include "runnel/async/deadline.hpp"
#include "runnel/async/sleep.hpp"
#include "runnel/async/when.hpp"
#include "runnel/core/random.hpp"

#include <fmt/format.h>

#include <array>
#include <cstring>

namespace runnel::inline v0::program {
namespace {

/// Requests before this time are not counted: connections and caches get warm.
constexpr duration warmup = std::chrono::milliseconds(200);
/// How long a server may take for an answer, or for a connection.
constexpr duration patience = std::chrono::seconds(10);

struct quantile {
    const char* name;
    double fraction;
};
constexpr std::array quantiles{quantile{"p50", 0.5}, quantile{"p90", 0.9}, quantile{"p99", 0.99},
                               quantile{"p99.9", 0.999}};

/// What all connections of a client measure together.
struct measurement {
    time_point begin;
    time_point end;
    histogram latency;
    std::uint64_t failed = 0;
    std::optional<error> failure;
};

class echo_client {
public:
    echo_client(const session& session, const bench_options& options, double rate)
        : session_(session), options_(options), rate_(rate),
          payload_(buffer::allocate(options.size)) {
        prng(1).fill(payload_.writable());
    }

    task<int> run(const endpoint& server);

private:
    task<void> connect_one(const endpoint& server);
    task<void> ask(flow& server, std::size_t index);
    task<result<void>> ask_once(flow& server);
    void fail_one(const error& why);
    int print_text(const endpoint& server);
    int print_json(const endpoint& server);

    const session& session_;
    const bench_options& options_;
    double rate_;
    buffer payload_;
    std::vector<flow_ptr> open_;
    measurement all_;
};

task<int> echo_client::run(const endpoint& server) {
    std::vector<task<void>> tasks;
    for (std::uint64_t i = 0; i < options_.connections; ++i) {
        tasks.push_back(connect_one(server));
    }
    co_await when_all(std::move(tasks));
    if (open_.empty()) {
        session_.complain(*all_.failure);
        co_return exit_failed;
    }
    all_.begin = loop::current().now() + warmup;
    all_.end = all_.begin + options_.span;
    tasks.clear();
    for (std::size_t i = 0; i < open_.size(); ++i) {
        tasks.push_back(ask(*open_[i], i));
    }
    co_await when_all(std::move(tasks));
    if (all_.failure) {
        session_.complain(fmt::format("{} of {} failed: {}", all_.failed,
                                      plural(options_.connections, "connection"),
                                      human_error(*all_.failure)));
    }
    const int printed = options_.json ? print_json(server) : print_text(server);
    if (printed != exit_ok || all_.latency.count() == 0) {
        co_return exit_failed;
    }
    co_return all_.failed == 0 ? exit_ok : exit_partial;
}

task<void> echo_client::connect_one(const endpoint& server) {
    result<flow_ptr> opened = co_await with_timeout(patience, open_flow(server));
    if (opened) {
        open_.push_back(*std::move(opened));
    } else {
        fail_one(opened.error());
    }
}

/// With a rate, requests are due at fixed times, and what counts is the time from then on: a server
/// that stalls cannot hide the requests that were not sent meanwhile.
task<void> echo_client::ask(flow& server, std::size_t index) {
    const auto count = static_cast<double>(open_.size());
    const duration interval(rate_ > 0 ? static_cast<std::int64_t>(1e9 * count / rate_) : 0);
    time_point due = all_.begin - warmup +
                     interval * static_cast<std::int64_t>(index) / static_cast<std::int64_t>(count);
    for (;;) {
        if (rate_ > 0) {
            static_cast<void>(co_await sleep_until(due));
        } else {
            due = loop::current().now();
        }
        if (due >= all_.end) {
            co_return;
        }
        const result<void> answered = co_await with_deadline(all_.end + patience, ask_once(server));
        if (!answered) {
            fail_one(answered.error());
            co_return;
        }
        if (due >= all_.begin) {
            all_.latency.record(loop::current().now() - due);
        }
        due += interval;
    }
}

task<result<void>> echo_client::ask_once(flow& server) {
    const write_result written = co_await server.write(payload_.share());
    if (!written) {
        co_return fail(written.error());
    }
    std::size_t received = 0;
    while (received < payload_.size()) {
        const result<buffer> part = co_await server.read(payload_.size() - received);
        if (!part) {
            co_return fail(part.error());
        }
        if (part->size() > payload_.size() - received ||
            std::memcmp(part->data(), payload_.data() + received, part->size()) != 0) {
            co_return fail(errc::protocol_error, "the server did not send back what it got");
        }
        received += part->size();
    }
    co_return result<void>();
}

void echo_client::fail_one(const error& why) {
    ++all_.failed;
    if (!all_.failure) {
        all_.failure = why;
    }
}

int echo_client::print_text(const endpoint& server) {
    const histogram& latency = all_.latency;
    const double per_second = static_cast<double>(latency.count()) / seconds(options_.span);
    table rows({{""}, {""}});
    rows.row({"requests",
              fmt::format("{} in {}, {}/s", human_count(static_cast<double>(latency.count())),
                          human_duration(options_.span), human_count(per_second))});
    rows.row(
        {"data", human_bytes(per_second * static_cast<double>(options_.size)) + "/s each way"});
    std::string times = "mean " + human_duration(latency.mean());
    for (const quantile& each : quantiles) {
        times += fmt::format("  {} {}", each.name, human_duration(latency.quantile(each.fraction)));
    }
    rows.row({"latency", times + "  max " + human_duration(latency.max())});
    if (rate_ > 0) {
        rows.row({"", fmt::format("from when each request was due, at {}/s", human_count(rate_))});
    }
    const std::string title =
        fmt::format("Echo of {} over {}, {}", human_bytes(static_cast<double>(options_.size)),
                    server.to_string(), plural(open_.size(), "connection"));
    return session_.print(session_.out.paint(style::bold, title) + "\n" +
                          rows.render(session_.out, 2));
}

int echo_client::print_json(const endpoint& server) {
    const histogram& latency = all_.latency;
    json_writer json;
    json.begin_object().member("bench", "echo").member("endpoint", server.to_string());
    json.member("connections", open_.size()).member("failed", all_.failed);
    json.member("size", options_.size).member("seconds", seconds(options_.span));
    json.member("requests", latency.count());
    json.member("requests_per_second",
                static_cast<double>(latency.count()) / seconds(options_.span));
    json.key("latency_ns").begin_object();
    json.member("mean", latency.mean().count());
    for (const quantile& each : quantiles) {
        json.member(each.name, latency.quantile(each.fraction).count());
    }
    json.member("max", latency.max().count());
    json.member("corrected", rate_ > 0).end().end();
    return session_.print(json.take());
}

class bench_echo_command final : public command {
public:
    bench_echo_command() : command("echo", "measure how long requests and answers take") {}

    void declare(option_set& options) override {
        options.describe("The client sends a message on each connection, waits until all of it has "
                         "come back, and sends the next. The server is the same as 'runnel echo'; "
                         "any other echo server will do.");
        options.describe("With --rate the requests are due at fixed times, whether or not the "
                         "server keeps up, and latency counts from then on (which corrects for "
                         "coordinated omission). Without, each connection asks as fast as it gets "
                         "answers.");
        declare_bench_sides(options, bench_);
        options.number("-n,--connections", "N", bench_.connections, "Connections at a time.", "64",
                       1, 100'000);
        options.bytes("--size", bench_.size, "Bytes of a message.", "64", 1,
                      std::uint64_t{1} << 24);
        options.duration("-t,--duration", bench_.span, "How long to measure.", "5s");
        options.number("--rate", "N", rate_, "Requests a second, of all connections together.",
                       "as many as go", 1, 100'000'000);
        options.flag("--json", bench_.json, "Write JSON.");
        options.example("Both sides here, 64 connections:", "runnel bench echo");
        options.example("The latency at a load that the server can take:",
                        "runnel bench echo --connect tcp://server:7 --rate 10000");
        options.exit(exit_ok, "measured");
        options.exit(exit_failed, "nothing could be measured");
        options.exit(exit_partial, "some connections failed; the others were measured");
    }

    int run(const session& session) override {
        echo_client client(session, bench_, static_cast<double>(rate_));
        return run_bench(
            session, bench_, [] { return make_echo_handler(duration(0)); },
            [&client](const endpoint& server) { return client.run(server); });
    }

private:
    bench_options bench_{.connections = 64, .size = 64};
    std::uint64_t rate_ = 0;
};

} // namespace

std::unique_ptr<command> make_bench_echo_command() {
    return std::make_unique<bench_echo_command>();
}

} // namespace runnel::inline v0::program
