// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/flow/dns_client.hpp"
#include "runnel/flow/hosts_table.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

namespace runnel::inline v0 {

/// A query as its caller knows it.
enum class dns_query_id : std::uint64_t {};

/// A query is done. The error's code is a `dns_errc`.
struct dns_resolved {
    dns_query_id query{};
    result<dns_answer> answer;
};

/// Resolves names as people write them, as the system's own resolver does: a pure engine like
/// `dns_client`, which it contains, and driven like that.
///
/// Addresses in figures, `localhost` (RFC 6761) and the names of the hosts table are answered
/// without a server; `invalid` and `onion` are never looked up. Names with fewer dots than `ndots`
/// are first tried below each search domain and then as they are, others the other way round; a dot
/// at the end means just the name itself.
///
/// The first name that exists counts, also when it has no record of the type: so the questions for
/// A and AAAA, asked on their own, never find addresses of different hosts. A server's failure ends
/// the query: nobody is led to another name because one zone is out of order.
class dns_stub {
public:
    using action = std::variant<dns_send, dns_close, dns_resolved>;

    /// Longest text of a name, in bytes: beyond what any name could need, all its bytes escaped.
    static constexpr std::size_t longest_text = 1024;

    dns_stub(dns_options options, hosts_table hosts, const siphash_key& secret);
    dns_stub(const dns_stub&) = delete;
    dns_stub& operator=(const dns_stub&) = delete;

    /// Begins to resolve a name. Always ends with one `dns_resolved`, unless it is cancelled.
    [[nodiscard]] dns_query_id query(std::string_view text, dns_type type, time_point now);

    /// Forgets a query; ids of finished ones are ignored.
    void cancel(dns_query_id query);

    /// The inputs of `dns_client`.
    void received(dns_exchange_id exchange, std::span<const std::byte> message, time_point now);
    void failed(dns_exchange_id exchange, const error& reason, time_point now);
    void advance(time_point now);

    /// When to call `advance`, if nothing happens before; `never` if nothing waits.
    [[nodiscard]] time_point next_wakeup() const noexcept { return client_.next_wakeup(); }

    /// What to do next; nothing when all is done.
    [[nodiscard]] std::optional<action> next_action();

    [[nodiscard]] dns_cache& cache() noexcept { return client_.cache(); }

private:
    /// A name on its way through the search list.
    struct pending {
        dns_query_id id{};
        dns_question question;
        bool absolute = false;
        std::size_t next = 0; // of its candidates
    };

    [[nodiscard]] std::optional<dns_name> next_candidate(pending& query) const;
    void look_up_next(pending query, time_point now);
    void collect(time_point now);
    void resolve(dns_query_id query, result<dns_answer> answer);

    resolv_conf conf_;
    hosts_table hosts_;
    dns_client client_;
    std::uint64_t last_id_ = 0;
    std::map<dns_lookup_id, pending> pending_;
    std::map<dns_query_id, dns_lookup_id> lookups_;
    std::deque<action> actions_;
};

} // namespace runnel::inline v0
