// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/time.hpp"
#include "runnel/core/error.hpp"
#include "runnel/core/siphash.hpp"
#include "runnel/flow/dns_cache.hpp"
#include "runnel/flow/dns_message.hpp"
#include "runnel/flow/resolv_conf.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace runnel::inline v0 {

struct dns_verdict;

/// How lookups are done.
struct dns_options {
    /// The servers, how long they may take and how often they are asked.
    resolv_conf conf = resolv_conf::parse({});
    /// The largest response over UDP, by EDNS; 0 for no EDNS.
    std::uint16_t udp_size = dns_query::usual_udp_size;
    /// Whether queries mix upper and lower case at random and responses must repeat it: some bits
    /// more for a forger to guess. Off by default, as some servers do not repeat it.
    bool randomise_case = false;
    /// Bounds on how long answers and absences are kept, whatever servers say.
    duration longest_kept = std::chrono::hours(24);
    duration longest_absent = std::chrono::minutes(15);
    /// Memory for answers that are kept.
    std::size_t cache_bytes = std::size_t{1} << 20U;
    /// Most lookups at once, equal ones counted too.
    std::size_t most_lookups = 1024;
};

/// One conversation with one server: a socket of the driver.
enum class dns_exchange_id : std::uint64_t {};

/// Begin an exchange: send a query to a server, and hand what arrives to `received`.
///
/// Over UDP, a new socket, connected to the server, so that the system chooses a random port and
/// drops what others send; the message is the datagram. Over TCP, a new connection; the message
/// goes behind two bytes with its length, and so do responses. The exchange stays open until
/// `dns_close`.
struct dns_send {
    dns_exchange_id exchange{};
    /// Index into `resolv_conf::servers`.
    std::size_t server = 0;
    bool over_tcp = false;
    std::vector<std::byte> message;
};

/// An exchange is over: close its socket. What still arrives is of no interest.
struct dns_close {
    dns_exchange_id exchange{};
};

/// A lookup as its caller knows it.
enum class dns_lookup_id : std::uint64_t {};

/// A lookup is done. The error's code is a `dns_errc`, its text names the question, and where
/// servers failed, each with its reason.
struct dns_looked_up {
    dns_lookup_id lookup{};
    result<dns_answer> answer;
};

/// Looks names up in the DNS, by asking recursive servers: a pure engine without sockets or clock.
///
/// - Servers are asked one after the other, each for `timeout`; a late answer is still taken. A
/// server
///   that was silent or could not be reached is asked after all others for 30 s.
/// - A truncated response is asked for again over TCP; a server that does not know EDNS, without
/// it.
/// - Aliases are followed within a response, and by up to 8 further queries.
/// - Equal questions at the same time are one lookup; answers and absences are kept.
/// - A response counts only on its own exchange, with the random id, the question, and, if wanted,
/// the
///   case of the query; others are ignored.
///
/// The driver calls an input function, then takes all of `next_action`, then sees to it that
/// `advance` is called at `next_wakeup`. No function calls back. `now` never goes back.
class dns_client {
public:
    using action = std::variant<dns_send, dns_close, dns_looked_up>;

    /// `secret` makes ids and case unpredictable: `siphash_key::generate()`, or a fixed key in a
    /// test.
    dns_client(dns_options options, const siphash_key& secret);
    dns_client(const dns_client&) = delete;
    dns_client& operator=(const dns_client&) = delete;

    /// Begins a lookup. Always ends with one `dns_looked_up`, at once where the answer is known,
    /// unless it is cancelled.
    [[nodiscard]] dns_lookup_id start(const dns_question& question, time_point now);

    /// Forgets a lookup; ids of finished ones are ignored.
    void cancel(dns_lookup_id id);

    /// One whole message has arrived on an exchange.
    void received(dns_exchange_id id, std::span<const std::byte> message, time_point now);

    /// The exchange came to an end without an answer: its query could not be sent, the connection
    /// was refused, reset or closed, the server's port is not reachable.
    void failed(dns_exchange_id id, const error& reason, time_point now);

    /// Time has passed.
    void advance(time_point now);

    /// When to call `advance`, if nothing happens before; `never` if nothing waits.
    [[nodiscard]] time_point next_wakeup() const noexcept;

    /// What to do next; nothing when all is done.
    [[nodiscard]] std::optional<action> next_action();

    [[nodiscard]] dns_cache& cache() noexcept { return cache_; }

private:
    /// Names a lookup inside; grows, so that the order of events never depends on addresses.
    using serial_number = std::uint64_t;

    struct server_state {
        time_point avoid_until = time_point::min();
        bool knows_edns = true;
    };

    struct exchange_state {
        serial_number lookup = 0;
        std::size_t server = 0;
        bool over_tcp = false;
        dns_query query;
    };

    /// What has gone wrong with a server; of several troubles the last of this list tells most.
    enum class trouble : std::uint8_t { none, unreachable, silent, refusal };

    struct lookup_state {
        serial_number serial = 0;
        dns_question question; // as asked for, and kept
        dns_name name;         // where aliases have led so far
        unsigned aliases = 0;  // that took a query of their own
        duration kept = duration::max();
        std::vector<dns_lookup_id> callers;
        std::vector<dns_exchange_id> exchanges; // open ones; the lookup waits for the last
        std::vector<std::size_t> order;         // of servers
        std::size_t tries = 0;
        time_point deadline = never; // for the last exchange
        trouble worst = trouble::none;
        std::string reasons;
    };

    void begin_round(lookup_state& lookup, time_point now);
    void try_next(lookup_state& lookup, time_point now);
    void open_exchange(lookup_state& lookup, std::size_t server, bool over_tcp, time_point now);
    void close_exchange(lookup_state& lookup, dns_exchange_id exchange);
    void close_exchanges(lookup_state& lookup);
    void set_deadline(lookup_state& lookup, time_point deadline);
    void note_trouble(lookup_state& lookup, std::size_t server, trouble what,
                      std::string_view reason, time_point now);
    void exchange_failed(dns_exchange_id id, trouble what, std::string_view reason, time_point now);
    void take_response(dns_exchange_id id, const dns_response& response, time_point now);
    void take_verdict(lookup_state& lookup, dns_verdict verdict, time_point now);
    void follow_alias(lookup_state& lookup, const dns_name& target, time_point now);
    void give_up(lookup_state& lookup);
    void finish(lookup_state& lookup, const result<dns_answer>& answer);
    [[nodiscard]] std::uint64_t rng() noexcept;

    dns_options options_;
    siphash_key secret_;
    std::uint64_t drawn_ = 0;
    std::uint64_t last_id_ = 0;
    std::size_t rotation_ = 0;
    dns_cache cache_;
    std::vector<server_state> servers_;
    std::map<serial_number, lookup_state> lookups_;
    std::map<dns_question, serial_number> by_question_;
    std::map<dns_lookup_id, serial_number> callers_;
    std::map<dns_exchange_id, exchange_state> exchanges_;
    std::set<std::pair<time_point, serial_number>> deadlines_;
    std::deque<action> actions_;
};

} // namespace runnel::inline v0
