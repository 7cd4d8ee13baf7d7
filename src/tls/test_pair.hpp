// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/loop.hpp"
#include "runnel/async/task.hpp"
#include "runnel/async/when.hpp"
#include "runnel/flow/pipe.hpp"
#include "runnel/tls/certificate.hpp"
#include "runnel/tls/error.hpp"
#include "runnel/tls/session.hpp"

#include <string>
#include <tuple>
#include <utility>

/// What the tests of TLS have in common.
namespace runnel::tls {

/// An authority, with options for a server that it vouches for and a client that trusts it.
struct test_authority {
    identity authority = make_authority("authority").value();
    identity own = make_own();

    [[nodiscard]] server_options server() const {
        server_options options;
        options.identities.push_back(own);
        return options;
    }
    [[nodiscard]] client_options client() const {
        client_options options;
        options.authorities = authority.chain;
        return options;
    }

private:
    [[nodiscard]] identity make_own() const {
        certificate_request request;
        request.names = {"server.test", "127.0.0.1"};
        return make_certificate(authority, request).value();
    }
};

/// Runs a coroutine in virtual time.
template <class F>
void run_virtually(F body) {
    auto made = loop::create({.backend = backend_kind::virtual_time});
    (*made)->run(body());
}

/// What came of two handshakes with each other. The sessions are gone.
struct handshakes {
    result<session_ptr> client = fail(errc::cancelled);
    result<session_ptr> server = fail(errc::cancelled);
    session_info client_info;
    session_info server_info;
};

/// Exchanges a byte each way, so that tickets and late alerts arrive too, and closes.
inline task<void> converse(handshakes& all) {
    session& client = **all.client;
    session& server = **all.server;
    auto served = [](session& at) -> task<result<void>> {
        const auto question = co_await at.read();
        if (!question) {
            co_return fail(question.error());
        }
        const auto answered = co_await at.write(buffer::copy_of("a"));
        if (!answered) {
            co_return fail(answered.error());
        }
        co_return co_await at.close();
    }(server);
    auto asked = [](session& at) -> task<result<void>> {
        const auto wrote = co_await at.write(buffer::copy_of("q"));
        const auto answer = co_await at.read();
        if (!wrote || !answer) {
            co_return fail(answer ? wrote.error() : answer.error());
        }
        co_return co_await at.close();
    }(client);
    auto both = co_await when_all(std::move(asked), std::move(served));
    if (!std::get<0>(both)) {
        all.client = fail(std::get<0>(both).error());
    }
    if (!std::get<1>(both)) {
        all.server = fail(std::get<1>(both).error());
    }
}

inline handshakes shake_hands(const client_config& from, const server_config& to,
                              const std::string& host = "server.test") {
    handshakes all;
    run_virtually([&]() -> task<void> {
        auto pipe = make_pipe();
        auto both = co_await when_all(client(std::move(pipe.first), from, host),
                                      server(std::move(pipe.second), to));
        all.client = std::move(std::get<0>(both));
        all.server = std::move(std::get<1>(both));
        if (all.client) {
            all.client_info = (*all.client)->info();
        }
        if (all.server) {
            all.server_info = (*all.server)->info();
        }
        if (all.client && all.server) {
            co_await converse(all);
        }
        if (all.client) {
            (*all.client)->abort();
        }
        if (all.server) {
            (*all.server)->abort();
        }
    });
    return all;
}

inline handshakes shake_hands(const client_options& from, const server_options& to,
                              const std::string& host = "server.test") {
    return shake_hands(client_config::make(from).value(), server_config::make(to).value(), host);
}

} // namespace runnel::tls
