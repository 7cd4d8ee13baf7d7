// SPDX-License-Identifier: Apache-2.0
#include "command.hpp"
#include "demo_parts.hpp"
#include "echo_handler.hpp"
#include "human.hpp"
#include "places.hpp"

#include "runnel/async/io.hpp"
#include "runnel/async/scope.hpp"
#include "runnel/flow/pipe.hpp"
#include "runnel/flow/proxy.hpp"

#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <unistd.h>

namespace runnel::inline v0::program {
namespace {

constexpr std::uint64_t megabyte = std::uint64_t{1} << 20;
/// Sent each way in each part.
constexpr std::uint64_t volume = 32 * megabyte;
/// How long the server of the first part thinks, in virtual time.
constexpr duration thinking_time = std::chrono::hours(1);

/// client - pipe - proxy - pipe - server
task<result<hashes>> through_a_proxy(proxy_result& joined, duration& took) {
    const time_point start = loop::current().now();
    auto near = make_pipe();
    auto far = make_pipe();
    const auto all = [&](scope& beside) -> task<result<hashes>> {
        const auto join = [&]() -> task<void> {
            joined = co_await proxy(*near.second, *far.first);
        };
        beside.spawn(join, "proxy");
        beside.spawn(think_and_answer(*far.second, thinking_time), "server");
        co_return co_await ask(*near.first, volume);
    };
    result<hashes> done = co_await with_scope(all);
    took = loop::current().now() - start;
    co_return done;
}

void show_virtual_time(storyteller& story, io_backend& clock) {
    story.title("A proxy between two pipes, in virtual time");
    story.say(
        fmt::format("  A client sends {}, and ends its side. The server reads all of it, thinks "
                    "for an\n  hour, and answers with its hash through the side that is "
                    "still open.",
                    human_bytes(static_cast<double>(volume))));
    loop_options options;
    options.backend = backend_kind::virtual_time;
    const time_point start = clock.now();
    const auto own = loop::create(options);
    if (!own) {
        story.check(fail(own.error()), "virtual time");
        return;
    }
    proxy_result joined;
    duration took{};
    const result<hashes> done = (*own)->run(through_a_proxy(joined, took));
    const duration real = clock.now() - start;
    story.check(done ? result<void>() : fail(done.error()), "everybody came to the end");
    if (done) {
        story.check(done->sent == done->received, "the answer is the hash of what was sent");
    }
    story.check(joined.why == proxy_end::finished &&
                    joined.forward.statistics.bytes_written == volume,
                "the proxy carried every byte and both ends");
    story.check(took == thinking_time, fmt::format("{} of virtual time took {}",
                                                   human_duration(took), human_duration(real)));
}

/// Sends and receives at once over one flow.
task<result<hashes>> exchange(flow& server) {
    hashes both;
    const auto all = [&](scope& beside) -> task<result<void>> {
        const auto send = [&]() -> task<result<void>> {
            const result<std::string> sent = co_await send_volume(server, volume);
            if (!sent) {
                co_return fail(sent.error());
            }
            both.sent = *sent;
            co_return result<void>();
        };
        beside.spawn(send, "sender");
        const result<std::string> received = co_await receive_hash(server);
        if (!received) {
            co_return fail(received.error());
        }
        both.received = *received;
        co_return result<void>();
    };
    const result<void> done = co_await with_scope(all);
    if (!done) {
        co_return fail(done.error());
    }
    const result<void> closed = co_await server.close();
    if (!closed) {
        co_return fail(closed.error());
    }
    co_return both;
}

task<result<hashes>> echo_over_tcp() {
    const endpoint anywhere = *endpoint::parse("tcp://127.0.0.1:0");
    result<listener_ptr> listener = co_await open_listener(anywhere, false);
    if (!listener) {
        co_return fail(listener.error());
    }
    const result<endpoint> place = endpoint::parse((*listener)->local().to_string());
    const auto handler = make_echo_handler(duration(0));
    const auto all = [&](scope& beside) -> task<result<hashes>> {
        const auto serve = [&]() -> task<result<void>> {
            result<flow_ptr> client = co_await (*listener)->accept();
            if (!client) {
                co_return fail(client.error());
            }
            connection record;
            co_await handler->serve(*std::move(client), record);
            co_return record.failure ? fail(*record.failure) : result<void>();
        };
        beside.spawn(serve, "server");
        result<flow_ptr> server = co_await open_flow(*place);
        if (!server) {
            co_return fail(server.error());
        }
        co_return co_await exchange(**server);
    };
    co_return co_await with_scope(all);
}

void show_tcp(storyteller& story, io_backend& clock, const global_options& globals) {
    story.title("An echo over TCP on the loopback");
    story.say(fmt::format("  {} there and back at once, by each way to talk to the kernel.",
                          human_bytes(static_cast<double>(volume))));
    for (const backend_kind kind : {backend_kind::io_uring, backend_kind::epoll}) {
        if (globals.backend != backend_kind::automatic && globals.backend != kind) {
            continue;
        }
        loop_options options;
        options.backend = kind;
        const auto own = loop::create(options);
        if (!own && globals.backend == kind) {
            story.check(fail(own.error()), to_string(kind));
            continue;
        }
        if (!own) {
            story.say(fmt::format("  {}: {}", to_string(kind), human_error(own.error())));
            continue;
        }
        const time_point start = clock.now();
        const result<hashes> done = (*own)->run(echo_over_tcp());
        const duration took = clock.now() - start;
        if (!done) {
            story.check(fail(done.error()), to_string(kind));
            continue;
        }
        story.check(done->sent == done->received,
                    fmt::format("{:8}  {}, {} in all, hashes equal", to_string(kind),
                                human_duration(took), human_rate(2 * volume, took)));
    }
}

/// A new file for packets; empty if there can be none.
std::string temporary_file() {
    std::error_code problem;
    const auto folder = std::filesystem::temp_directory_path(problem);
    if (problem) {
        return {};
    }
    constexpr std::string_view suffix = ".pcapng";
    std::string name = (folder / "runnel-demo-XXXXXX").string() + std::string(suffix);
    const int fd = ::mkstemps(name.data(), static_cast<int>(suffix.size()));
    if (fd < 0) {
        return {};
    }
    ::close(fd);
    return name;
}

class demo_command final : public command {
public:
    demo_command() : command("demo", "show that it works, in a few seconds") {}

    void declare(option_set& options) override {
        options.describe("Runs a few flows end to end within this process and tells what happens: "
                         "no network but the loopback, no root. Each check compares hashes of what "
                         "was sent and received. The packets of the TCP/IP stack are written to a "
                         "file, for Wireshark or tcpdump.");
        options.text("--capture", "FILE", capture_,
                     "Where the packets go; by default to a new file in the folder for temporary "
                     "ones, whose name is shown.",
                     value_kind::file);
        options.exit(exit_ok, "all checks hold");
        options.exit(exit_failed, "some do not");
    }

    int run(const session& session) override {
        loop_options options;
        options.backend = backend_kind::epoll;
        const auto stopwatch = loop::create(options);
        if (!stopwatch) {
            session.complain(stopwatch.error());
            return exit_failed;
        }
        storyteller story(session);
        story.say(fmt::format("runnel {}: flows from end to end", RUNNEL_VERSION));
        show_virtual_time(story, (*stopwatch)->io());
        show_tcp(story, (*stopwatch)->io(), session.globals);
        show_stack(story, (*stopwatch)->io(), capture_.empty() ? temporary_file() : capture_);
        return story.finish();
    }

private:
    std::string capture_;
};

} // namespace

std::unique_ptr<command> make_demo_command() {
    return std::make_unique<demo_command>();
}

} // namespace runnel::inline v0::program
