// SPDX-License-Identifier: Apache-2.0
#include "runnel/http/server.hpp"

#include "runnel/async/deadline.hpp"
#include "runnel/async/loop.hpp"
#include "runnel/async/scope.hpp"
#include "runnel/core/check.hpp"
#include "server_connection.hpp"

#include "answering.hpp"
#include "runnel/http/fault.hpp"

#include <algorithm>
#include <utility>

namespace runnel::inline v0::http {
namespace {

/// What the server answers itself, without asking the handler; 200: nothing.
status judge_method(method verb) noexcept {
    switch (verb) {
    case method::other:
        return status::not_implemented;
    case method::trace: // would tell scripts what they must not see
        return status::method_not_allowed;
    default:
        return status::ok;
    }
}

} // namespace

response error_response(status code) {
    std::string words = std::to_string(number(code));
    words.append(" ").append(reason(code)).append("\n");
    response made = response::text(code, words);
    made.close();
    return made;
}

server::~server() {
    check(open_.empty(), "a server outlives its connections");
}

void server::enter(server_connection& open) {
    open.index_ = open_.size();
    open_.push_back(&open);
    ++statistics_.connections;
    ++statistics_.open;
    if (draining_) {
        open.drain();
    }
}

void server::leave(server_connection& open) noexcept {
    open_[open.index_] = open_.back();
    open_[open.index_]->index_ = open.index_;
    open_.pop_back();
    --statistics_.open;
    changed_.set();
}

void server::drain() noexcept {
    draining_ = true;
    for (server_connection* const each : open_) {
        each->drain();
    }
}

void server::note(const answer_record& answered) {
    const unsigned code = number(answered.code);
    ++statistics_.answers[std::min(code / 100, 5U) - 1];
    const auto bound = std::ranges::lower_bound(server_statistics::bounds, answered.took);
    ++statistics_.durations[static_cast<std::size_t>(bound - server_statistics::bounds.begin())];
    statistics_.taken += answered.took;
    statistics_.sent += answered.sent;
    statistics_.received += answered.received;
    if (log_) {
        log_(answered);
    }
}

task<std::optional<response>> server::ask_handler(request& asked) {
    const time_point deadline = saturating_add(loop::current().now(), options_.handler_timeout);
    std::optional<response> made;
    try {
        made.emplace(co_await with_deadline(deadline, answer_(asked)));
    } catch (...) { // a mistake in the handler concerns this request only
        made.reset();
    }
    if (loop::current().now() >= deadline) {
        made.emplace(error_response(status::service_unavailable));
    }
    co_return made;
}

task<response> server::answer(request& asked, bool can_switch) {
    const incoming_body& body = asked.body();
    if (body.length() && *body.length() > options_.body) {
        co_return error_response(status::content_too_large);
    }
    if (const status judged = judge_method(asked.verb()); judged != status::ok) {
        response made = error_response(judged);
        if (judged == status::method_not_allowed) {
            made.add("Allow", "GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS, CONNECT");
        }
        co_return made;
    }
    ++statistics_.requests;
    std::optional<response> made = co_await ask_handler(asked);
    if (const auto& wrong = body.failure(); wrong && *wrong != errc::truncated) {
        co_return error_response(answer_to(*wrong));
    }
    if (!made || made->fields_.failure()) {
        co_return error_response(status::internal_server_error);
    }
    const bool connects = asked.verb() == method::connect;
    if (made->taker_ ? !can_switch : is_interim(made->code_)) {
        co_return error_response(status::internal_server_error);
    }
    // To the client of a CONNECT any success is a tunnel.
    if (connects && !made->taker_ && number(made->code_) / 100 == 2) {
        co_return error_response(status::not_implemented);
    }
    co_return *std::move(made);
}

std::string_view server::date_for(const response& made) {
    if (!options_.date || made.fields_.contains("Date")) {
        return {};
    }
    const auto now = std::chrono::floor<std::chrono::seconds>(loop::current().wall_now());
    if (now != dated_) {
        dated_ = now;
        date_ = date_text(now);
    }
    return date_.text();
}

task<void> server::serve_flow(flow_ptr with) {
    server_connection connection(*this, std::move(with));
    enter(connection);
    co_await connection.run();
    leave(connection);
}

task<result<void>> server::serve(listener& from) {
    draining_ = false;
    auto body = [&](scope& connections) -> task<result<void>> {
        for (;;) {
            while (options_.connections != 0 && connections.size() >= options_.connections) {
                const result<void> room = co_await changed_.wait();
                if (!room) {
                    co_return room;
                }
            }
            result<flow_ptr> arrived = co_await from.accept();
            if (!arrived) {
                if (arrived.error() == errc::closed) {
                    break;
                }
                co_return fail(arrived.error());
            }
            connections.spawn(serve_flow(*std::move(arrived)), "http connection");
        }
        drain();
        const time_point deadline = saturating_add(loop::current().now(), options_.drain);
        while (connections.size() != 0) {
            const result<void> changed = co_await with_deadline(deadline, changed_.wait());
            if (!changed) {
                connections.request_stop();
                break;
            }
        }
        co_return result<void>();
    };
    co_return co_await with_scope(std::move(body));
}

} // namespace runnel::inline v0::http
