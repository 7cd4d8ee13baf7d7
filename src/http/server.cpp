// SPDX-License-Identifier: Apache-2.0
#include "runnel/http/server.hpp"

#include "runnel/async/deadline.hpp"
#include "runnel/async/loop.hpp"
#include "runnel/async/scope.hpp"
#include "runnel/core/check.hpp"
#include "server_connection.hpp"

#include <utility>

namespace runnel::inline v0::http {

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
