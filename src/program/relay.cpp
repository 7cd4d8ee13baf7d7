// SPDX-License-Identifier: Apache-2.0
#include "command.hpp"
#include "human.hpp"
#include "interrupt.hpp"
#include "json.hpp"
#include "places.hpp"
#include "progress.hpp"
#include "relay_handler.hpp"
#include "server.hpp"

#include "runnel/async/deadline.hpp"
#include "runnel/async/sleep.hpp"

#include <fmt/format.h>

#include <optional>

namespace runnel::inline v0::program {
namespace {

constexpr duration display_interval = std::chrono::milliseconds(500);

class relay_command final : public command {
public:
    relay_command() : command("relay", "join two endpoints") {}

    void declare(option_set& options) override;
    int run(const session& session) override;

private:
    task<int> join_once(const session& session);
    task<result<void>> open_and_join(connection& record);
    task<void> display(const session& session, const connection& record);
    int summarize(const session& session, const connection& record, duration took);

    std::optional<endpoint> a_;
    std::optional<endpoint> b_;
    bool listen_ = false;
    relay_options joining_;
    server_options serving_;
};

void relay_command::declare(option_set& options) {
    options.describe("Opens both endpoints and carries what comes from each to the other, in both "
                     "directions at once, until both have ended. The end of one side is passed on, "
                     "and the other direction goes on for as long as it likes. A failure of one "
                     "side ends the other in the same way.");
    options.describe("With --listen, A is where to listen, and each connection there is joined to "
                     "a new one to B, many at a time.");
    options.endpoint("A", "ENDPOINT", a_, "One side; with --listen, where to listen.");
    options.endpoint("B", "ENDPOINT", b_, "The other side.");
    options.flag("-l,--listen", listen_, "Listen at A and serve all who come.");
    options.duration("--connect-timeout", joining_.connect_timeout,
                     "Give up opening an endpoint after so long.", "10s");
    options.duration("--idle-timeout", joining_.idle_timeout,
                     "End a connection on which nothing moved in either direction for so long.",
                     "never");
    options.group("PROXY protocol");
    options.flag(
        "--proxy-in", joining_.proxy_in,
        "Each client comes through a proxy that says in a PROXY header, of version 1 or 2, "
        "who it is. The header is required: use it where only that proxy can connect.");
    options.duration("--proxy-in-timeout", joining_.proxy_in_timeout,
                     "Give up a client whose header is not there after so long.", "5s");
    options.choice<proxy_version, proxy_version>(
        "--proxy-out", "VERSION", joining_.proxy_out,
        {{"v1", proxy_version::v1}, {"v2", proxy_version::v2}},
        "Tell the target in a PROXY header who the client is.", "no header");
    declare_server_options(options, serving_);
    options.example("Publish a service that listens on the loopback only:",
                    "runnel relay --listen tcp://:8080 tcp://127.0.0.1:80");
    options.example("Reach a Unix socket by TCP:",
                    "runnel relay --listen tcp://127.0.0.1:2375 unix:/run/docker.sock");
    options.example("Talk to a server from the shell:", "runnel relay - tcp://example.org:80");
    options.example("Run a program for each connection:",
                    "runnel relay --listen unix:/tmp/date.sock exec:date");
    options.example("Tell a web server behind the relay who its clients are:",
                    "runnel relay --listen tcp://:80 tcp://127.0.0.1:8080 --proxy-out v2");
    options.exit(exit_ok, "both sides ended cleanly; with --listen: ended by a signal, and every "
                          "connection came to its end");
    options.exit(exit_failed, "an endpoint could not be opened, or the stream was cut short");
    options.exit(exit_partial,
                 "with --listen: some connections were ended after the drain timeout");
    options.exit(exit_interrupted, "ended by a signal; with --listen, by a second one");
}

int relay_command::run(const session& session) {
    if (listen_) {
        return run_server(session, *a_, serving_,
                          [this] { return make_relay_handler(*b_, joining_); });
    }
    if (joining_.proxy_in || joining_.proxy_out != proxy_version::none) {
        return session.usage_error("--proxy-in and --proxy-out need --listen");
    }
    if (serving_.once || serving_.max_connections != 0 || serving_.loops != 1) {
        return session.usage_error("--once, --max-connections and --loops need --listen");
    }
    const std::unique_ptr<loop> own = session.make_loop();
    return own == nullptr ? exit_failed : own->run(join_once(session));
}

task<int> relay_command::join_once(const session& session) {
    connection record;
    result<void> done;
    bool interrupted = false;
    const time_point start = loop::current().now();
    const auto all = [&](scope& beside) -> task<void> {
        if (serving_.stats && session.err.interactive()) {
            beside.spawn(display(session, record), "display");
        }
        interrupted = co_await until_interrupted(open_and_join(record), done);
        beside.request_stop();
    };
    static_cast<void>(co_await with_scope(all));
    const duration took = loop::current().now() - start;
    if (interrupted) {
        static_cast<void>(summarize(session, record, took));
        co_return exit_interrupted;
    }
    if (!done) {
        session.complain(done.error());
        co_return exit_failed;
    }
    co_return summarize(session, record, took);
}

task<result<void>> relay_command::open_and_join(connection& record) {
    result<flow_ptr> a = co_await with_timeout(joining_.connect_timeout, open_flow(*a_));
    if (!a) {
        co_return fail(a.error());
    }
    result<flow_ptr> b = co_await with_timeout(joining_.connect_timeout, open_flow(*b_));
    if (!b) {
        co_return fail(b.error());
    }
    co_await join(**a, **b, joining_, record);
    co_return result<void>();
}

task<void> relay_command::display(const session& session, const connection& record) {
    const time_point start = loop::current().now();
    status_line line(session.err);
    smooth_rate forward;
    smooth_rate backward;
    for (;;) {
        const result<void> slept = co_await sleep_for(display_interval);
        if (!slept) {
            co_return;
        }
        const time_point now = loop::current().now();
        forward.update(record.in.bytes_read, now);
        backward.update(record.out.bytes_read, now);
        line.show(fmt::format("{}  A to B {} {}/s  B to A {} {}/s", human_clock(now - start),
                              human_bytes(static_cast<double>(record.in.bytes_written)),
                              human_bytes(forward.per_second()),
                              human_bytes(static_cast<double>(record.out.bytes_written)),
                              human_bytes(backward.per_second()))
                      .substr(0, line.width()));
    }
}

int relay_command::summarize(const session& session, const connection& record, duration took) {
    const std::uint64_t forward = record.in.bytes_written;
    const std::uint64_t backward = record.out.bytes_written;
    if (serving_.stats || serving_.verbose) {
        session.err.write(printable(fmt::format(
                              "A to B {} at {}, B to A {} at {}, {}  {}",
                              human_bytes(static_cast<double>(forward)), human_rate(forward, took),
                              human_bytes(static_cast<double>(backward)),
                              human_rate(backward, took), human_duration(took), record.ends)) +
                          "\n");
    }
    if (serving_.json) {
        json_writer json;
        json.begin_object().member("bytes_forward", forward).member("bytes_backward", backward);
        json.member("seconds", seconds(took)).member("clean", !record.failure).end();
        if (session.print(json.take()) != exit_ok) {
            return exit_failed;
        }
    }
    if (record.failure && *record.failure != errc::cancelled) {
        session.complain(*record.failure);
    }
    return record.failure ? exit_failed : exit_ok;
}

} // namespace

std::unique_ptr<command> make_relay_command() {
    return std::make_unique<relay_command>();
}

} // namespace runnel::inline v0::program
