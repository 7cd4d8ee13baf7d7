// SPDX-License-Identifier: Apache-2.0
#include "relay_handler.hpp"

#include "human.hpp"
#include "places.hpp"

#include "runnel/async/deadline.hpp"
#include "runnel/flow/proxy.hpp"

#include <fmt/format.h>

#include <utility>

namespace runnel::inline v0::program {
namespace {

/// Which side failed, and how.
error failure_of(const proxy_result& ended, const relay_options& options) {
    switch (ended.why) {
    case proxy_end::timed_out:
        return {errc::timed_out,
                fmt::format("nothing moved for {}", human_duration(options.idle_timeout))};
    case proxy_end::stopped:
        return errc::cancelled;
    case proxy_end::finished:
    case proxy_end::failed:
        break;
    }
    const error a = ended.a_end();
    const bool a_is_innocent = a == errc::end || a == errc::aborted;
    return a_is_innocent ? ended.b_end().wrap("target") : a.wrap("client");
}

class relay_handler final : public connection_handler {
public:
    relay_handler(const endpoint& target, const relay_options& options)
        : target_(target), target_text_(target.to_string()), options_(options) {}

    task<void> serve(flow_ptr client, connection& record) override {
        record.target = target_text_;
        const result<void> joined = co_await serve_checked(std::move(client), record);
        if (!joined) {
            record.failure = joined.error();
            record.tell = true;
        }
    }

private:
    /// An error is one that came before the two sides were joined.
    task<result<void>> serve_checked(flow_ptr client, connection& record) {
        proxy_header front;
        if (options_.proxy_in) {
            result<fronted_client> read =
                co_await read_proxy_front(std::move(client), options_.proxy_in_timeout);
            if (!read) {
                co_return fail(read.error());
            }
            client = std::move(read->stream);
            front = std::move(read->front);
            const std::string source = client_of(front);
            if (!source.empty() && !record.client.empty()) {
                record.client = fmt::format("{} via {}", source, record.client);
            }
        }
        const result<flow_ptr> target =
            co_await with_timeout(options_.connect_timeout, open_flow(target_));
        if (!target) {
            co_return fail(target.error());
        }
        if (options_.proxy_out != proxy_version::none) {
            const result<void> sent = co_await send_front(*client, std::move(front), **target);
            if (!sent) {
                co_return fail(sent.error());
            }
        }
        co_await join(*client, **target, options_, record);
        co_return result<void>();
    }

    /// Tells the target who the client is: as its proxy said, or else as we see it.
    task<result<void>> send_front(const flow& client, proxy_header front, flow& target) {
        if (!front.local && std::holds_alternative<std::monostate>(front.addresses)) {
            front = front_of(client);
        }
        result<buffer> bytes = encode_front(front, options_.proxy_out);
        if (!bytes) {
            co_return fail(bytes.error());
        }
        const write_result written =
            co_await with_timeout(options_.connect_timeout, target.write(*std::move(bytes)));
        if (!written) {
            co_return fail(written.error());
        }
        co_return result<void>();
    }

    endpoint target_;
    std::string target_text_;
    const relay_options& options_;
};

} // namespace

task<void> join(flow& a, flow& b, const relay_options& options, connection& record) {
    proxy_options settings;
    settings.idle_timeout = options.idle_timeout;
    settings.live_forward = &record.in;
    settings.live_backward = &record.out;
    const proxy_result ended = co_await proxy(a, b, settings);
    record.in = ended.forward.statistics;
    record.out = ended.backward.statistics;
    record.ends = fmt::format("client: {}  target: {}", human_error(ended.a_end()),
                              human_error(ended.b_end()));
    if (ended.why != proxy_end::finished) {
        record.failure = failure_of(ended, options);
    }
}

std::unique_ptr<connection_handler> make_relay_handler(const endpoint& target,
                                                       const relay_options& options) {
    return std::make_unique<relay_handler>(target, options);
}

} // namespace runnel::inline v0::program
