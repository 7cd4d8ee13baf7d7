// SPDX-License-Identifier: Apache-2.0
#include "bench_load.hpp"
#include "places.hpp"

#include "runnel/http/client_connection.hpp"
#include "runnel/http/server.hpp"
#include "runnel/http/status.hpp"

#include <fmt/format.h>

#include <limits>
#include <string>
#include <utility>

namespace runnel::inline v0::program {
namespace {

/// Serves one body at every path.
class fixed_handler final : public connection_handler {
public:
    explicit fixed_handler(std::uint64_t size)
        : body_(buffer::copy_of(std::string(size, 'x'))),
          server_([this](http::request&) { return answer(); }) {}

    task<void> serve(flow_ptr client, connection& /*record*/) override {
        return server_.serve_flow(std::move(client));
    }
    void drain() noexcept override { server_.drain(); }

private:
    task<http::response> answer() {
        co_return http::response(http::status::ok, "application/octet-stream", body_.share());
    }

    buffer body_;
    http::server server_;
};

/// Asks for the same path again and again, on a new connection where the server ends one.
class http_connection final : public load_connection {
public:
    http_connection(flow_ptr open, const endpoint& server, const std::string& target)
        : server_(server), target_(target),
          open_(std::make_unique<http::client_connection>(std::move(open))) {}

    task<result<std::uint64_t>> ask() override {
        if (!open_->ready()) {
            result<flow_ptr> again = co_await open_flow(server_);
            if (!again) {
                co_return fail(again.error());
            }
            open_ = std::make_unique<http::client_connection>(*std::move(again));
        }
        http::client_request asked("GET", target_, "localhost");
        const result<http::response_head> head = co_await open_->send(std::move(asked));
        if (!head) {
            co_return fail(head.error());
        }
        if (number(head->code) >= 400) {
            co_return fail(errc::not_found,
                           fmt::format("{}: the server says {}", target_, number(head->code)));
        }
        const result<void> read =
            co_await open_->body().discard(std::numeric_limits<std::uint64_t>::max());
        if (!read) {
            co_return fail(read.error());
        }
        co_return open_->body().received();
    }

private:
    const endpoint& server_;
    const std::string& target_;
    std::unique_ptr<http::client_connection> open_;
};

task<result<std::unique_ptr<load_connection>>> open_http(const endpoint& server,
                                                         const std::string& target) {
    result<flow_ptr> opened = co_await open_flow(server);
    if (!opened) {
        co_return fail(opened.error());
    }
    co_return std::make_unique<http_connection>(*std::move(opened), server, target);
}

class bench_http_command final : public command {
public:
    bench_http_command() : command("http", "measure how long answers by HTTP take") {}

    void declare(option_set& options) override {
        options.describe("The client sends GET on each connection, waits for all of the answer, "
                         "and sends the next. The server answers every path with the same bytes; "
                         "any other server of HTTP/1.1 will do.");
        options.describe("With --rate the requests are due at fixed times, whether or not the "
                         "server keeps up, and latency counts from then on (which corrects for "
                         "coordinated omission).");
        declare_bench_sides(options, load_.bench);
        options.number("-n,--connections", "N", load_.bench.connections, "Connections at a time.",
                       "64", 1, 100'000);
        options.bytes("--size", load_.bench.size, "Bytes of an answer, of our server's.", "128", 0,
                      std::uint64_t{1} << 24);
        options.text("--path", "PATH", target_, "What to ask for.");
        declare_load_options(options, load_);
        options.example("Both sides here, 64 connections:", "runnel bench http");
        options.example("A file of a web server, a thousand times a second:",
                        "runnel bench http --connect tcp://server:80 --path /file --rate 1000");
    }

    int run(const session& session) override {
        const load_kind kind{
            .name = "http",
            .title = "GET " + target_,
            .open = [this](const endpoint& server) { return open_http(server, target_); },
            .direction = {}};
        return run_bench(
            session, load_.bench,
            [this] { return std::make_unique<fixed_handler>(load_.bench.size); },
            [&](const endpoint& server) { return run_load(session, load_, kind, server); });
    }

private:
    load_options load_{.bench = {.connections = 64, .size = 128}};
    std::string target_ = "/";
};

} // namespace

std::unique_ptr<command> make_bench_http_command() {
    return std::make_unique<bench_http_command>();
}

} // namespace runnel::inline v0::program
