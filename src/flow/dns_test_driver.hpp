// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "dns_test_message.hpp"
#include "runnel/flow/dns_client.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace runnel::inline v0::dns_test {

/// A moment of virtual time.
inline time_point at(duration since_start) {
    return time_point(since_start);
}

/// What a query asks, as text: "example.org A".
inline std::string question_of(const dns_send& send) {
    const auto name = dns_name::read(send.message, 12, send.message.size());
    const auto type = static_cast<dns_type>(load_be16(send.message, name->next));
    return name->name.to_string() + " " + to_string(type);
}

/// What a lookup gave, as text: its data, or what went wrong.
inline std::string describe(const result<dns_answer>& answer) {
    if (!answer) {
        return answer.error().message();
    }
    std::string text;
    for (const dns_data& data : answer->data) {
        text += text.empty() ? "" : " ";
        if (const auto* v4 = std::get_if<ipv4_address>(&data)) {
            text += v4->to_string();
        } else if (const auto* v6 = std::get_if<ipv6_address>(&data)) {
            text += v6->to_string();
        } else if (const auto* name = std::get_if<dns_name>(&data)) {
            text += name->to_string();
        }
    }
    return text;
}

/// Keeps track of what an engine wants: open exchanges, and finished lookups.
template <class Engine, class Done>
class driver {
public:
    explicit driver(Engine& engine) : engine_(engine) {}

    /// Takes all actions; to be called after each input.
    void take() {
        while (auto next = engine_.next_action()) {
            if (auto* send = std::get_if<dns_send>(&*next)) {
                EXPECT_TRUE(open.emplace(send->exchange, *send).second);
                sent.push_back(std::move(*send));
            } else if (const auto* close = std::get_if<dns_close>(&*next)) {
                EXPECT_EQ(open.erase(close->exchange), 1U);
            } else {
                done.push_back(describe(std::get<Done>(*next).answer));
            }
        }
    }

    void receive(const dns_send& on, const std::vector<std::byte>& message, time_point now) {
        engine_.received(on.exchange, message, now);
        take();
    }

    /// Answers a query with what `make` adds to an empty response.
    template <class Make>
    void answer(const dns_send& on, time_point now, Make make) {
        responder response(on.message);
        make(response);
        receive(on, response.done(), now);
    }

    void advance(time_point now) {
        engine_.advance(now);
        take();
    }

    /// The texts of finished lookups since the last call.
    std::vector<std::string> results() { return std::exchange(done, {}); }

    std::vector<dns_send> sent;
    std::map<dns_exchange_id, dns_send> open;
    std::vector<std::string> done;

private:
    Engine& engine_;
};

} // namespace runnel::inline v0::dns_test
