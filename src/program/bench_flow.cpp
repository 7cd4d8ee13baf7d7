// SPDX-License-Identifier: Apache-2.0
#include "bench.hpp"
#include "bulk.hpp"
#include "human.hpp"
#include "json.hpp"
#include "places.hpp"
#include "table.hpp"

#include "runnel/async/deadline.hpp"
#include "runnel/async/when.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace runnel::inline v0::program {
namespace {

constexpr duration patience = std::chrono::seconds(10);

class flow_client {
public:
    flow_client(const session& session, const bench_options& options, bulk_direction direction)
        : session_(session), options_(options), direction_(direction) {}

    task<int> run(const endpoint& server) {
        std::vector<task<void>> tasks;
        for (std::uint64_t i = 0; i < options_.connections; ++i) {
            tasks.push_back(move_one(server));
        }
        co_await when_all(std::move(tasks));
        if (failure_) {
            session_.complain(fmt::format("{} of {} failed: {}", failed_,
                                          plural(options_.connections, "connection"),
                                          human_error(*failure_)));
        }
        if (failed_ == options_.connections) {
            co_return exit_failed;
        }
        const int printed = options_.json ? print_json(server) : print_text(server);
        if (printed != exit_ok) {
            co_return printed;
        }
        co_return failed_ == 0 ? exit_ok : exit_partial;
    }

private:
    task<void> move_one(const endpoint& server) {
        const result<bulk_figures> moved = co_await try_move(server);
        if (!moved) {
            ++failed_;
            failure_ = failure_ ? failure_ : moved.error();
            co_return;
        }
        sum_.sent += moved->sent;
        sum_.received += moved->received;
        sum_.took = std::max(sum_.took, moved->took);
    }

    task<result<bulk_figures>> try_move(const endpoint& server) {
        result<flow_ptr> opened = co_await with_timeout(patience, open_flow(server));
        if (!opened) {
            co_return fail(opened.error());
        }
        result<bulk_figures> moved =
            co_await move_bulk(**opened, direction_, options_.size, options_.span);
        if (moved) {
            static_cast<void>(co_await with_timeout(patience, (*opened)->close()));
        }
        co_return moved;
    }

    int print_text(const endpoint& server) {
        table rows({{"direction"}, {"data", table::align::right}, {"rate", table::align::right}});
        if (direction_ != bulk_direction::down) {
            rows.row({"to the server", human_bytes(static_cast<double>(sum_.sent)),
                      human_rate(sum_.sent, sum_.took)});
        }
        if (direction_ != bulk_direction::up) {
            rows.row({"from the server", human_bytes(static_cast<double>(sum_.received)),
                      human_rate(sum_.received, sum_.took)});
        }
        const std::string title = fmt::format("Bulk over {}, {}, {}", server.to_string(),
                                              plural(options_.connections - failed_, "connection"),
                                              human_duration(sum_.took));
        return session_.print(session_.out.paint(style::bold, title) + "\n" +
                              rows.render(session_.out, 2));
    }

    int print_json(const endpoint& server) {
        json_writer json;
        json.begin_object().member("bench", "flow").member("endpoint", server.to_string());
        json.member("connections", options_.connections - failed_).member("failed", failed_);
        json.member("size", options_.size).member("seconds", seconds(sum_.took));
        json.member("bytes_to_server", sum_.sent).member("bytes_from_server", sum_.received);
        json.member("bytes_per_second_to_server",
                    static_cast<double>(sum_.sent) / seconds(sum_.took));
        json.member("bytes_per_second_from_server",
                    static_cast<double>(sum_.received) / seconds(sum_.took));
        json.end();
        return session_.print(json.take());
    }

    const session& session_;
    const bench_options& options_;
    bulk_direction direction_;
    bulk_figures sum_;
    std::uint64_t failed_ = 0;
    std::optional<error> failure_;
};

class bench_flow_command final : public command {
public:
    bench_flow_command() : command("flow", "measure how much data goes through") {}

    void declare(option_set& options) override {
        options.describe("The client sends, receives, or does both at once, as much as goes, and "
                         "the server tells at the end what it received. The two sides have a "
                         "protocol of their own, so both have to be this program.");
        declare_bench_sides(options, bench_);
        options.choice<bulk_direction, bulk_direction>("-d,--direction", "WAY", direction_,
                                                       {{"up", bulk_direction::up},
                                                        {"down", bulk_direction::down},
                                                        {"both", bulk_direction::both}},
                                                       "Which way the data goes, seen from the "
                                                       "client.",
                                                       "up");
        options.number("-n,--connections", "N", bench_.connections, "Connections at a time.", "1",
                       1, 100'000);
        options.bytes("--size", bench_.size, "Bytes of each write.", "64KiB", 1,
                      std::uint64_t{1} << 24);
        options.duration("-t,--duration", bench_.span, "How long to send.", "5s");
        options.flag("--json", bench_.json, "Write JSON.");
        options.example("Both sides here:", "runnel bench flow --direction both");
        options.exit(exit_ok, "measured");
        options.exit(exit_failed, "nothing could be measured");
        options.exit(exit_partial, "some connections failed; the others were measured");
    }

    int run(const session& session) override {
        flow_client client(session, bench_, direction_);
        return run_bench(
            session, bench_, [this] { return make_bulk_handler(bench_.size); },
            [&client](const endpoint& server) { return client.run(server); });
    }

private:
    bench_options bench_{.connections = 1, .size = std::uint64_t{64} * 1024};
    bulk_direction direction_ = bulk_direction::up;
};

} // namespace

std::unique_ptr<command> make_bench_flow_command() {
    return std::make_unique<bench_flow_command>();
}

} // namespace runnel::inline v0::program
