// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "context.hpp"
#include "engine.hpp"
#include "test_pair.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <utility>

namespace runnel::tls {

/// Two engines that have shaken hands, and what carries their bytes.
class engine_pair {
public:
    engine_pair(const client_config& from, const server_config& to,
                const std::function<void(SSL* client, SSL* server)>& change = {})
        : a_ready_(prepare_client(from, "server.test").value()),
          b_ready_(prepare_server(to).value()), changed_(change_both(change)),
          a(std::move(a_ready_.ssl)), b(std::move(b_ready_.ssl)) {
        a.session_key = a_ready_.name;
        for (int flight = 0; flight < 4; ++flight) {
            static_cast<void>(a.handshake());
            carry(a, b);
            static_cast<void>(b.handshake());
            carry(b, a);
        }
    }

    static void carry(engine& from, engine& to) {
        while (!from.output().empty()) {
            to.receive(from.output().pop_front());
        }
    }

    static engine::status read_from(engine& at) {
        buffer data;
        return at.read(data, 0);
    }

private:
    bool change_both(const std::function<void(SSL*, SSL*)>& change) {
        if (change) {
            change(a_ready_.ssl.get(), b_ready_.ssl.get());
        }
        return static_cast<bool>(change);
    }

    prepared_session a_ready_;
    prepared_session b_ready_;
    bool changed_;

public:
    engine a;
    engine b;
};

} // namespace runnel::tls
