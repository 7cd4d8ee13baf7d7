// SPDX-License-Identifier: Apache-2.0
#include "transfer.hpp"

#include "human.hpp"
#include "json.hpp"
#include "places.hpp"
#include "progress.hpp"
#include "sha256.hpp"

#include "runnel/async/deadline.hpp"
#include "runnel/async/scope.hpp"
#include "runnel/async/sleep.hpp"
#include "runnel/flow/copy.hpp"
#include "runnel/flow/layer.hpp"
#include "runnel/flow/timeout.hpp"

#include <fmt/format.h>

#include <utility>

namespace runnel::inline v0::program {
namespace {

constexpr duration display_interval = std::chrono::milliseconds(100);
/// Reading ahead overlaps the disk with the network.
constexpr std::size_t read_ahead = std::size_t{1} << 20;

/// Hashes what is read through it.
class hashing_layer final : public passing_layer {
public:
    hashing_layer(flow_ptr below, sha256& hash) : passing_layer(std::move(below)), hash_(hash) {}

    task<result<buffer>> read(std::size_t hint) override {
        result<buffer> data = co_await passing_layer::read(hint);
        if (data) {
            hash_.update(data->span());
        }
        co_return data;
    }

private:
    sha256& hash_;
};

task<void> display(const session& session, const copy_statistics& live,
                   std::optional<std::uint64_t> total, time_point start) {
    status_line line(session.err);
    smooth_rate rate;
    for (;;) {
        const time_point now = loop::current().now();
        rate.update(live.bytes_written, now);
        transfer_state state;
        state.done = live.bytes_written;
        state.total = total;
        state.elapsed = now - start;
        state.rate = rate.per_second();
        line.show(render_transfer(state, line.width()));
        const result<void> slept = co_await sleep_for(display_interval);
        if (!slept) {
            co_return;
        }
    }
}

result<void> outcome_of(const copy_result& copied) {
    if (copied.complete()) {
        return {};
    }
    const std::optional<error>& why = copied.stopped ? copied.stopped
                                      : copied.sink  ? copied.sink
                                                     : copied.source;
    return fail(why.value_or(errc::io_error));
}

} // namespace

void declare_transfer_options(option_set& options, transfer_options& target) {
    options.flag("-l,--listen", target.listen,
                 "Listen at the endpoint, and take the first who connects.");
    options.duration("--connect-timeout", target.connect_timeout,
                     "Give up connecting after so long. With --listen there is no limit.", "10s");
    options.duration("--idle-timeout", target.idle_timeout,
                     "Give up when nothing moved for so long.", "never");
    options.flag("--json", target.json, "Write what was moved as JSON.");
}

task<result<flow_ptr>> open_peer(const session& session, const transfer_options& options) {
    result<flow_ptr> peer = fail(errc::closed);
    if (options.listen) {
        result<listener_ptr> listener = co_await open_listener(*options.place, false);
        if (!listener) {
            co_return fail(listener.error());
        }
        session.complain("listening on " + place_of(**listener, *options.place));
        peer = co_await (*listener)->accept();
    } else {
        peer = co_await with_timeout(options.connect_timeout, open_flow(*options.place));
    }
    if (peer && options.idle_timeout > duration(0)) {
        timeout_options limits;
        limits.idle = options.idle_timeout;
        peer = make_timeout(*std::move(peer), limits);
    }
    co_return peer;
}

task<result<transfer_figures>> transfer(const session& session, flow_ptr& from, flow& to,
                                        std::optional<std::uint64_t> total) {
    sha256 hash;
    from = make_layered(std::make_unique<hashing_layer>(std::move(from), hash));
    copy_statistics live;
    copy_result copied;
    const time_point start = loop::current().now();
    const auto all = [&](scope& beside) -> task<void> {
        if (session.err.interactive()) {
            beside.spawn(display(session, live, total, start), "display");
        }
        copy_options options;
        options.read_ahead = read_ahead;
        options.live = &live;
        copied = co_await copy(*from, to, options);
        beside.request_stop();
    };
    static_cast<void>(co_await with_scope(all));
    const result<void> done = outcome_of(copied);
    if (!done) {
        co_return fail(done.error());
    }
    transfer_figures figures;
    figures.bytes = copied.statistics.bytes_written;
    figures.took = loop::current().now() - start;
    figures.sha256 = hash.finish();
    co_return figures;
}

int report_transfer(const session& session, const transfer_options& options,
                    const transfer_figures& figures, bool output_is_data) {
    std::string text;
    if (options.json) {
        json_writer json;
        json.begin_object().member("file", options.file);
        json.member("endpoint", options.place->to_string()).member("bytes", figures.bytes);
        json.member("seconds", seconds(figures.took)).member("sha256", figures.sha256).end();
        text = json.take();
    } else {
        text = fmt::format("{}  {}\n", figures.sha256, printable(options.file));
        session.err.write(
            fmt::format("{} in {}, {}\n", human_bytes(static_cast<double>(figures.bytes)),
                        human_duration(figures.took), human_rate(figures.bytes, figures.took)));
    }
    if (output_is_data) {
        return session.err.write(text) ? exit_ok : exit_failed;
    }
    return session.print(text);
}

} // namespace runnel::inline v0::program
