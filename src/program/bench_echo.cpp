// SPDX-License-Identifier: Apache-2.0
#include "bench_load.hpp"
#include "echo_handler.hpp"
#include "human.hpp"
#include "places.hpp"

#include "runnel/core/random.hpp"

#include <cstring>
#include <utility>

namespace runnel::inline v0::program {
namespace {

class echo_connection final : public load_connection {
public:
    echo_connection(flow_ptr server, buffer payload)
        : server_(std::move(server)), payload_(std::move(payload)) {}

    task<result<std::uint64_t>> ask() override {
        const write_result written = co_await server_->write(payload_.share());
        if (!written) {
            co_return fail(written.error());
        }
        std::size_t received = 0;
        while (received < payload_.size()) {
            const result<buffer> part = co_await server_->read(payload_.size() - received);
            if (!part) {
                co_return fail(part.error());
            }
            if (part->size() > payload_.size() - received ||
                std::memcmp(part->data(), payload_.data() + received, part->size()) != 0) {
                co_return fail(errc::protocol_error, "the server did not send back what it got");
            }
            received += part->size();
        }
        co_return payload_.size();
    }

private:
    flow_ptr server_;
    buffer payload_;
};

task<result<std::unique_ptr<load_connection>>> open_echo(const endpoint& server,
                                                         std::uint64_t size) {
    result<flow_ptr> opened = co_await open_flow(server);
    if (!opened) {
        co_return fail(opened.error());
    }
    buffer payload = buffer::allocate(size);
    prng(1).fill(payload.writable());
    co_return std::make_unique<echo_connection>(*std::move(opened), std::move(payload));
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
        declare_bench_sides(options, load_.bench);
        options.number("-n,--connections", "N", load_.bench.connections, "Connections at a time.",
                       "64", 1, 100'000);
        options.bytes("--size", load_.bench.size, "Bytes of a message.", "64", 1,
                      std::uint64_t{1} << 24);
        declare_load_options(options, load_);
        options.example("Both sides here, 64 connections:", "runnel bench echo");
        options.example("The latency at a load that the server can take:",
                        "runnel bench echo --connect tcp://server:7 --rate 10000");
    }

    int run(const session& session) override {
        const load_kind kind{
            .name = "echo",
            .title = "Echo of " + human_bytes(static_cast<double>(load_.bench.size)),
            .open = [this](const endpoint& server) { return open_echo(server, load_.bench.size); },
            .direction = " each way"};
        return run_bench(
            session, load_.bench, [] { return make_echo_handler(duration(0)); },
            [&](const endpoint& server) { return run_load(session, load_, kind, server); });
    }

private:
    load_options load_{.bench = {.connections = 64, .size = 64}};
};

} // namespace

std::unique_ptr<command> make_bench_echo_command() {
    return std::make_unique<bench_echo_command>();
}

} // namespace runnel::inline v0::program
