// SPDX-License-Identifier: Apache-2.0
#include "runnel/http/client_connection.hpp"

#include "head_buffer.hpp"
#include "runnel/async/deadline.hpp"
#include "runnel/async/loop.hpp"
#include "runnel/core/check.hpp"
#include "runnel/http/fault.hpp"
#include "runnel/http/framing.hpp"
#include "runnel/http/head_writer.hpp"

#include <utility>

namespace runnel::inline v0::http {
namespace {

/// Interim answers before the final one.
constexpr int most_interim = 16;

} // namespace

client_connection::client_connection(flow_ptr with, client_options options)
    : options_(options), io_(std::move(with)), parser_(head_parser::kind::response, options.head),
      body_(io_,
            {.limit = options.body, .timeout = options.body_timeout, .chunks = options.chunks}) {}

task<result<response_head>> client_connection::send(client_request asked) {
    check(ready(), "a request follows the end of the answer before");
    const method verb = method_of(asked.method);
    const bool upgrades = !asked.upgrade.empty();
    began_ = false;
    outgoing_.reset();
    const result<void> sent = co_await send_request(std::move(asked));
    if (!sent && sent.error() == errc::invalid_argument) {
        co_return fail(sent.error());
    }
    if (!sent) {
        open_ = false; // what was answered before it took all of it may still be there
    }
    result<response_head> answer = co_await read_answer(verb, upgrades);
    if (!answer) {
        open_ = false;
        if (!sent && !began_) {
            co_return fail(sent.error());
        }
    }
    co_return answer;
}

result<void> client_connection::begin(client_request asked, std::optional<std::uint64_t> length) {
    check(ready(), "a request follows the end of the answer before");
    head_framing framing{.keep_alive = asked.keep_alive, .upgrade = asked.upgrade};
    if (length) {
        framing.body = {.kind = body_kind::length, .length = *length};
    } else {
        framing.body.kind = body_kind::chunked;
    }
    result<buffer> head =
        encode_head(asked.method, asked.target, asked.authority, asked.fields, framing);
    if (!head) {
        return fail(std::move(head.error()));
    }
    asked_ = method_of(asked.method);
    upgrades_ = !asked.upgrade.empty();
    began_ = false;
    open_ = asked.keep_alive;
    static_cast<void>(io_.write(*std::move(head))); // goes out with what follows
    sending_ = true;
    outgoing_.emplace(io_, framing.body, false, options_.write_timeout);
    return {};
}

task<result<response_head>> client_connection::answer() {
    result<response_head> head = co_await read_answer(asked_, upgrades_);
    open_ = open_ && head.has_value();
    co_return head;
}

task<result<void>> client_connection::send_request(client_request asked) {
    head_framing framing{.keep_alive = asked.keep_alive, .upgrade = asked.upgrade};
    // Methods that usually bring a body say that there is none (RFC 9110, section 8.6).
    if (!asked.content.empty() || asked.method == "POST" || asked.method == "PUT" ||
        asked.method == "PATCH") {
        framing.body = {.kind = body_kind::length, .length = asked.content.size()};
    }
    result<buffer> head =
        encode_head(asked.method, asked.target, asked.authority, asked.fields, framing);
    if (!head) {
        co_return fail(std::move(head.error()));
    }
    open_ = asked.keep_alive;
    static_cast<void>(io_.write(*std::move(head))); // goes out with what follows
    if (!asked.content.empty()) {
        static_cast<void>(io_.write(std::move(asked.content)));
    }
    co_return co_await with_timeout(options_.write_timeout, io_.flush());
}

task<result<response_head>> client_connection::read_answer(method asked, bool upgrades) {
    const time_point deadline = saturating_add(loop::current().now(), options_.head_timeout);
    for (int interim = 0; interim <= most_interim; ++interim) {
        const result<void> read = co_await read_head(deadline);
        if (!read) {
            co_return runnel::fail(read.error());
        }
        const response_head head = parser_.response();
        const bool switches = head.code == status::switching_protocols;
        if (switches && !upgrades) {
            co_return fail(fault::unexpected_answer);
        }
        if (is_interim(head.code) && !switches) {
            continue;
        }
        const result<response_rules> rules = examine(head, asked);
        if (!rules) {
            co_return runnel::fail(rules.error());
        }
        open_ = open_ && rules->keep_alive && rules->body.kind != body_kind::tunnel;
        body_.begin(rules->body, false);
        co_return head;
    }
    co_return fail(fault::unexpected_answer);
}

task<result<void>> client_connection::read_head(time_point deadline) {
    parser_.reset();
    head_.reset();
    for (;;) {
        result<buffer> piece = co_await with_deadline(deadline, io_.read());
        if (!piece && piece.error() == errc::timed_out && sends()) {
            deadline = saturating_add(loop::current().now(), options_.head_timeout);
            continue;
        }
        if (!piece) {
            const bool cut = began_ && piece.error() == errc::end;
            co_return runnel::fail(cut ? error(errc::truncated) : std::move(piece.error()));
        }
        began_ = true;
        const result<bool> whole = add_to_head(head_, *std::move(piece), parser_, io_);
        if (!whole) {
            co_return runnel::fail(whole.error());
        }
        if (*whole) {
            co_return result<void>();
        }
    }
}

task<result<void>> client_connection::close() {
    open_ = false;
    co_return co_await io_.close();
}

} // namespace runnel::inline v0::http
