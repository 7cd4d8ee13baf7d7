// SPDX-License-Identifier: Apache-2.0
#include "server_connection.hpp"

#include "answering.hpp"
#include "head_buffer.hpp"
#include "runnel/async/deadline.hpp"
#include "runnel/async/loop.hpp"
#include "runnel/async/this_task.hpp"
#include "runnel/async/when.hpp"
#include "runnel/http/fault.hpp"
#include "runnel/http/framing.hpp"
#include "runnel/http/head_writer.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace runnel::inline v0::http {
server_connection::server_connection(server& owner, flow_ptr with)
    : owner_(owner), io_(std::move(with)), parser_(head_parser::kind::request, owner.options_.head),
      body_(io_, {.limit = owner.options_.body,
                  .timeout = owner.options_.body_timeout,
                  .rate = owner.options_.body_rate,
                  .chunks = owner.options_.chunks}) {}

void server_connection::drain() noexcept {
    last_ = true;
    if (idle_) {
        io_.below().shutdown_read(); // the read that waits gives the end
    }
}

task<void> server_connection::run() {
    bool open = true;
    while (open) {
        open = co_await exchange();
    }
}

/// Reads a head and answers it. Whether another may follow.
task<bool> server_connection::exchange() {
    const result<arrival> arrived = co_await read_head();
    if (!arrived) {
        co_await refuse(arrived.error());
        co_return false;
    }
    if (*arrived == arrival::none) {
        co_await end();
        co_return false;
    }
    const request_head head = parser_.request();
    const result<request_rules> rules = examine(head);
    if (!rules) {
        co_await refuse(rules.error());
        co_return false;
    }
    body_.begin(rules->body, rules->expects_continue);
    begun_ = false;
    const request_origin origin{.carrier = io_.below(),
                                .interim = *this,
                                .authority = rules->authority,
                                .protocol =
                                    rules->upgrade ? head.fields.find("Upgrade").value_or("") : ""};
    request asked(head, origin, body_);
    const auto ended = co_await when_any(answer(asked, *rules), watch());
    const bool open = std::get<0>(ended.results);
    if (ended.index != 0) { // the client has left
        ++owner_.statistics_.abandoned;
        io_.abort();
        head_.reset();
        co_return false;
    }
    if (taker_) {
        co_await hand_over();
    }
    head_.reset();
    if (!open) {
        co_return false;
    }
    // A client that still waits to be told to send its body may send it or not.
    if (!body_.complete() && !body_.awaited()) {
        const result<void> dropped = co_await body_.discard(owner_.options_.discard);
        last_ = last_ || !dropped;
    }
    if (last_) {
        co_await end();
        co_return false;
    }
    co_return true;
}

/// Reads up to the end of a head. Nothing, if the client ended the connection or stayed silent
/// before the first byte of one.
task<result<server_connection::arrival>> server_connection::read_head() {
    parser_.reset();
    time_point deadline = saturating_add(loop::current().now(), owner_.options_.idle_timeout);
    for (;;) {
        const bool first = head_.empty();
        if (last_ && first) {
            co_return arrival::none;
        }
        if (io_.buffered() == 0) {
            // Answers to requests that came together go out together.
            const result<void> sent =
                co_await with_timeout(owner_.options_.write_timeout, io_.flush());
            if (!sent) {
                co_return arrival::none;
            }
        }
        idle_ = first;
        result<buffer> piece = co_await with_deadline(deadline, io_.read());
        idle_ = false;
        if (!piece) {
            if (first) {
                co_return arrival::none;
            }
            co_return fail(std::move(piece.error()));
        }
        if (first) {
            began_ = loop::current().now();
            deadline = saturating_add(began_, owner_.options_.head_timeout);
        }
        const result<bool> whole = add_to_head(head_, *std::move(piece), parser_, io_);
        if (!whole) {
            co_return runnel::fail(whole.error());
        }
        if (*whole) {
            co_return arrival::whole;
        }
    }
}

/// Has the handler answer, and sends that. Whether the connection goes on.
task<bool> server_connection::answer(request& asked, const request_rules& rules) {
    const bool can_switch = asked.verb() == method::connect || rules.upgrade;
    response made = co_await owner_.answer(asked, can_switch);
    const bool keep = can_keep(rules) && !made.close_;
    co_return co_await send(made, parser_.request(), keep);
}

task<void> server_connection::watch() {
    static_cast<void>(co_await body_.settled());
    if (body_.complete() && io_.buffered() == 0) {
        result<buffer> more = co_await io_.read();
        const bool stopped = co_await this_task::stop_requested();
        if (more) {
            io_.unread(*std::move(more)); // the next request; what follows is not looked at
        } else if (stopped || more.error() != errc::end || !owner_.options_.half_close) {
            co_return;
        }
    }
    event answered; // who is done stops this
    static_cast<void>(co_await answered.wait());
}

task<result<void>> server_connection::send_interim(status code, const field_block& fields) {
    if (begun_) {
        co_return fail(errc::invalid_argument, "an interim answer behind the answer");
    }
    if (parser_.request().minor == 0) {
        co_return result<void>();
    }
    result<buffer> encoded = encode_head(code, fields, {});
    if (!encoded) {
        co_return runnel::fail(std::move(encoded.error()));
    }
    static_cast<void>(io_.write(*std::move(encoded))); // goes out with the flush
    co_return co_await with_timeout(owner_.options_.write_timeout, io_.flush());
}

/// Whether the connection can stay open, as far as the request is concerned.
bool server_connection::can_keep(const request_rules& rules) const noexcept {
    if (!rules.keep_alive || last_) {
        return false;
    }
    if (body_.complete()) {
        return true;
    }
    const std::optional<std::uint64_t> length = body_.length();
    return !body_.awaited() && (!length || *length - body_.received() <= owner_.options_.discard);
}

task<bool> server_connection::send(response& made, const request_head& head, bool keep) {
    begun_ = true;
    head_framing framing{.keep_alive = keep, .peer_minor = head.minor};
    const bool streams = static_cast<bool>(made.writer_);
    if (made.taker_) {
        framing.upgrade = made.protocol_;
        framing.keep_alive = true;
    } else if (!is_bodiless(made.code_)) {
        if (!streams || made.length_) {
            framing.body = {.kind = body_kind::length,
                            .length = streams ? *made.length_ : made.content_.size()};
        } else if (head.minor != 0) {
            framing.body.kind = body_kind::chunked;
        } else {
            framing.body.kind = body_kind::until_end;
            framing.keep_alive = false;
        }
    }
    framing.date = owner_.date_for(made);
    last_ = last_ || !framing.keep_alive;
    result<buffer> encoded = encode_head(made.code_, made.fields_, framing);
    if (!encoded) {
        co_await refuse(error(errc::invalid_argument));
        co_return false;
    }
    static_cast<void>(io_.write(*std::move(encoded))); // goes out with what follows
    if (made.taker_) {
        log(made.code_, 0);
        taker_ = std::move(made.taker_);
        co_return false;
    }
    h1_outgoing_body body(io_, framing.body, head.verb == method::head,
                          owner_.options_.write_timeout);
    bool whole = true;
    if (!is_bodiless(made.code_)) {
        whole = co_await send_body(made, body);
    }
    if (!whole) {
        io_.abort(); // the client sees that it was cut
    }
    log(made.code_, body.sent());
    co_return whole;
}

/// Whether all of it was sent.
task<bool> server_connection::send_body(response& made, outgoing_body& body) {
    result<void> sent;
    if (made.writer_) {
        try {
            sent = co_await made.writer_(body);
        } catch (...) {
            sent = fail(errc::aborted);
        }
    } else {
        sent = co_await body.write(std::move(made.content_));
    }
    if (sent) {
        sent = co_await body.finish();
    }
    co_return sent.has_value();
}

/// Answers what is wrong with a request, and ends the connection.
task<void> server_connection::refuse(const error& why) {
    const bool answerable = why.code().category() == http_category() || why == errc::timed_out ||
                            why == errc::invalid_argument;
    if (!answerable) { // the client is gone
        io_.abort();
        co_return;
    }
    ++owner_.statistics_.refused;
    const status code =
        why == errc::invalid_argument ? status::internal_server_error : answer_to(why);
    response made = error_response(code);
    const head_framing framing{.body = {.kind = body_kind::length, .length = made.content_.size()},
                               .keep_alive = false,
                               .date = owner_.date_for(made)};
    const result<buffer> head = encode_head(code, made.fields_, framing);
    if (head) {
        static_cast<void>(io_.write(head->span()));
        static_cast<void>(io_.write(made.content_.span()));
    }
    log(code, made.content_.size());
    co_await end();
}

task<void> server_connection::hand_over() {
    flow_taker taker = std::exchange(taker_, nullptr);
    const result<void> sent = co_await with_timeout(owner_.options_.write_timeout, io_.flush());
    if (sent) {
        co_await taker(io_.release());
    }
}

/// The graceful end: what was written goes out, and the client gets time to read it, though it may
/// still be sending.
task<void> server_connection::end() {
    const result<void> sent = co_await with_timeout(owner_.options_.write_timeout, io_.flush());
    if (!sent) {
        io_.abort();
        co_return;
    }
    static_cast<void>(co_await with_timeout(owner_.options_.linger, io_.close()));
}

void server_connection::log(status code, std::uint64_t sent) {
    const bool known = !head_.empty() && parser_.size() == head_.size() && parser_.size() != 0;
    const request_head head = known ? parser_.request() : request_head{};
    owner_.note({.carrier = io_.below(),
                 .method = head.method_name,
                 .target = head.target,
                 .code = code,
                 .sent = sent,
                 .took = loop::current().now() - began_,
                 .received = known ? body_.received() : 0});
}

} // namespace runnel::inline v0::http
