// SPDX-License-Identifier: Apache-2.0
// A script of queries, datagrams, failures, pauses and cancellations drives the resolver: each
// query ends exactly once, each exchange is opened and closed once, and in the end nothing is left.

#include "runnel/core/byte_order.hpp"
#include "runnel/core/check.hpp"
#include "runnel/flow/dns_stub.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <set>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

namespace {

using namespace runnel;
using namespace std::chrono_literals;

/// Takes numbers and bytes off the front of the fuzzer's input.
class script {
public:
    script(const std::uint8_t* data, std::size_t size)
        : rest_(reinterpret_cast<const std::byte*>(data), size) {}

    [[nodiscard]] bool empty() const { return rest_.empty(); }

    unsigned number() {
        const auto taken = bytes(1);
        return taken.empty() ? 0 : std::to_integer<unsigned>(taken[0]);
    }

    std::span<const std::byte> bytes(std::size_t count) {
        const auto taken = rest_.first(std::min(count, rest_.size()));
        rest_ = rest_.subspan(taken.size());
        return taken;
    }

private:
    std::span<const std::byte> rest_;
};

class session {
public:
    session()
        : stub_({.conf = resolv_conf::parse("nameserver 10.0.0.1\nnameserver 10.0.0.2\n"
                                            "search example.org corp\noptions timeout:2\n"),
                 .cache_bytes = 4096,
                 .most_lookups = 16},
                hosts_table::parse("192.0.2.1 known\n"), siphash_key{1, 2}) {}

    void step(script& input) {
        switch (input.number() % 6) {
        case 0:
            query(input);
            break;
        case 1:
            receive(input, false);
            break;
        case 2:
            receive(input, true);
            break;
        case 3:
            if (const auto exchange = pick(open_, input)) {
                stub_.failed(exchange->first, error(errc::refused), now_);
            }
            break;
        case 4:
            now_ += std::chrono::milliseconds(input.number() * 16);
            stub_.advance(now_);
            break;
        default:
            if (!waiting_.empty()) {
                const auto id =
                    *std::next(waiting_.begin(),
                               static_cast<std::ptrdiff_t>(input.number() % waiting_.size()));
                waiting_.erase(id);
                stub_.cancel(id);
            }
        }
        take();
    }

    void finish() {
        for (int rounds = 0; stub_.next_wakeup() != never; ++rounds) {
            check(rounds < 10'000, "time makes every lookup end");
            check(stub_.next_wakeup() > now_, "what was due is done");
            now_ = stub_.next_wakeup();
            stub_.advance(now_);
            take();
        }
        check(waiting_.empty() && open_.empty(), "nothing is left");
    }

private:
    template <class Map>
    static const typename Map::value_type* pick(const Map& map, script& input) {
        if (map.empty()) {
            return nullptr;
        }
        const auto index = static_cast<std::ptrdiff_t>(input.number() % map.size());
        return &*std::next(map.begin(), index);
    }

    void query(script& input) {
        static constexpr std::array<std::string_view, 8> names{
            "host", "a.b", "www.example.org", "known", "localhost", "x.", "10.1.2.3", "a..b"};
        static constexpr std::array<dns_type, 4> types{dns_type::a, dns_type::aaaa, dns_type::srv,
                                                       dns_type::cname};
        const auto name = names[input.number() % names.size()];
        const auto id = stub_.query(name, types[input.number() % types.size()], now_);
        check(waiting_.insert(id).second, "queries have names of their own");
    }

    /// Hands bytes to an open exchange; as a response to its query with `plausible`, so that what
    /// stands behind the question is read.
    void receive(script& input, bool plausible) {
        const auto* exchange = pick(open_, input);
        if (exchange == nullptr) {
            return;
        }
        std::vector<std::byte> message;
        if (plausible) {
            const std::vector<std::byte>& query = exchange->second;
            const auto name = dns_name::read(query, 12, query.size());
            message.assign(query.begin(),
                           query.begin() + static_cast<std::ptrdiff_t>(name->next + 4));
            constexpr unsigned response = 0x80;
            constexpr unsigned authoritative_or_truncated = 0x06;
            message[2] =
                static_cast<std::byte>(response | (input.number() & authoritative_or_truncated));
            message[3] = static_cast<std::byte>(input.number());
            store_be16(std::span(message), 6, static_cast<std::uint16_t>(input.number() % 8));
            store_be16(std::span(message), 8, static_cast<std::uint16_t>(input.number() % 4));
            store_be16(std::span(message), 10, 0);
        }
        const auto bytes = input.bytes(input.number());
        message.insert(message.end(), bytes.begin(), bytes.end());
        stub_.received(exchange->first, message, now_);
    }

    void take() {
        while (auto next = stub_.next_action()) {
            if (auto* send = std::get_if<dns_send>(&*next)) {
                check(send->server < 2, "the server is one of the list");
                check(open_.emplace(send->exchange, std::move(send->message)).second,
                      "opened once");
            } else if (const auto* close = std::get_if<dns_close>(&*next)) {
                check(open_.erase(close->exchange) == 1, "closed once");
            } else {
                check(waiting_.erase(std::get<dns_resolved>(*next).query) == 1, "answered once");
            }
        }
        check(stub_.cache().bytes() <= 4096, "the cache keeps its bound");
        check(waiting_.size() <= 16, "the number of lookups is bounded");
    }

    dns_stub stub_;
    time_point now_{};
    std::map<dns_exchange_id, std::vector<std::byte>> open_;
    std::set<dns_query_id> waiting_;
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    script input(data, size);
    session running;
    while (!input.empty()) {
        running.step(input);
    }
    running.finish();
    return 0;
}
