// SPDX-License-Identifier: Apache-2.0
#include "bench_load.hpp"

#include "histogram.hpp"
#include "human.hpp"
#include "json.hpp"
#include "table.hpp"

#include "runnel/async/deadline.hpp"
#include "runnel/async/sleep.hpp"
#include "runnel/async/when.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

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
    std::uint64_t bytes = 0; // of answers that were counted
    std::uint64_t failed = 0;
    std::optional<error> failure;
};

class load_client {
public:
    load_client(const session& session, const load_options& options, const load_kind& kind)
        : session_(session), options_(options.bench), kind_(kind),
          rate_(static_cast<double>(options.rate)) {}

    task<int> run(const endpoint& server);

private:
    task<void> connect_one(const endpoint& server);
    task<void> ask(load_connection& server, std::size_t index);
    void fail_one(const error& why);
    int print_text(const endpoint& server);
    int print_json(const endpoint& server);

    const session& session_;
    const bench_options& options_;
    const load_kind& kind_;
    double rate_;
    std::vector<std::unique_ptr<load_connection>> open_;
    measurement all_;
};

task<int> load_client::run(const endpoint& server) {
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

task<void> load_client::connect_one(const endpoint& server) {
    result<std::unique_ptr<load_connection>> opened =
        co_await with_timeout(patience, kind_.open(server));
    if (opened) {
        open_.push_back(*std::move(opened));
    } else {
        fail_one(opened.error());
    }
}

/// With a rate, requests are due at fixed times, and what counts is the time from then on: a server
/// that stalls cannot hide the requests that were not sent meanwhile.
task<void> load_client::ask(load_connection& server, std::size_t index) {
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
        const result<std::uint64_t> answered =
            co_await with_deadline(all_.end + patience, server.ask());
        if (!answered) {
            fail_one(answered.error());
            co_return;
        }
        if (due >= all_.begin) {
            all_.latency.record(loop::current().now() - due);
            all_.bytes += *answered;
        }
        due += interval;
    }
}

void load_client::fail_one(const error& why) {
    ++all_.failed;
    if (!all_.failure) {
        all_.failure = why;
    }
}

int load_client::print_text(const endpoint& server) {
    const histogram& latency = all_.latency;
    const double per_second = static_cast<double>(latency.count()) / seconds(options_.span);
    table rows({{""}, {""}});
    rows.row({"requests",
              fmt::format("{} in {}, {}/s", human_count(static_cast<double>(latency.count())),
                          human_duration(options_.span), human_count(per_second))});
    rows.row(
        {"data", fmt::format("{}/s{}",
                             human_bytes(static_cast<double>(all_.bytes) / seconds(options_.span)),
                             kind_.direction)});
    std::string times = "mean " + human_duration(latency.mean());
    for (const quantile& each : quantiles) {
        times += fmt::format("  {} {}", each.name, human_duration(latency.quantile(each.fraction)));
    }
    rows.row({"latency", times + "  max " + human_duration(latency.max())});
    if (rate_ > 0) {
        rows.row({"", fmt::format("from when each request was due, at {}/s", human_count(rate_))});
    }
    const std::string title = fmt::format("{} over {}, {}", kind_.title, server.to_string(),
                                          plural(open_.size(), "connection"));
    return session_.print(session_.out.paint(style::bold, title) + "\n" +
                          rows.render(session_.out, 2));
}

int load_client::print_json(const endpoint& server) {
    const histogram& latency = all_.latency;
    json_writer json;
    json.begin_object().member("bench", kind_.name).member("endpoint", server.to_string());
    json.member("connections", open_.size()).member("failed", all_.failed);
    json.member("size", all_.bytes / std::max<std::uint64_t>(latency.count(), 1))
        .member("seconds", seconds(options_.span));
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

} // namespace

void declare_load_options(option_set& options, load_options& target) {
    options.duration("-t,--duration", target.bench.span, "How long to measure.", "5s");
    options.number("--rate", "N", target.rate, "Requests a second, of all connections together.",
                   "as many as go", 1, 100'000'000);
    options.flag("--json", target.bench.json, "Write JSON.");
    options.exit(exit_ok, "measured");
    options.exit(exit_failed, "nothing could be measured");
    options.exit(exit_partial, "some connections failed; the others were measured");
}

task<int> run_load(const session& session, const load_options& options, const load_kind& kind,
                   const endpoint& server) {
    load_client client(session, options, kind);
    co_return co_await client.run(server);
}

} // namespace runnel::inline v0::program
