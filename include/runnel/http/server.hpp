// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/event.hpp"
#include "runnel/async/task.hpp"
#include "runnel/async/time.hpp"
#include "runnel/core/error.hpp"
#include "runnel/flow/flow.hpp"
#include "runnel/flow/listener.hpp"
#include "runnel/http/chunked.hpp"
#include "runnel/http/date.hpp"
#include "runnel/http/handler.hpp"
#include "runnel/http/head_parser.hpp"
#include "runnel/http/request.hpp"
#include "runnel/http/response.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace runnel::inline v0::http {

/// What a server grants to its clients.
struct server_options {
    /// How long a head may take, from its first byte.
    duration head_timeout = std::chrono::seconds(10);
    /// How long a connection may wait for its first or next request.
    duration idle_timeout = std::chrono::seconds(60);
    /// How long the next piece of a body may take to come.
    duration body_timeout = std::chrono::seconds(30);
    /// Bytes of a body a second that have to come while the handler waits for them, on average,
    /// after `body_timeout` of grace. 0: any.
    std::uint64_t body_rate = 0;
    /// How long a handler may take until it gives a response. Then what it waits for is stopped,
    /// and the answer is 503.
    duration handler_timeout = duration::max();
    /// How long a client may take nothing of an answer.
    duration write_timeout = std::chrono::seconds(30);
    /// How long a connection that ends waits for the client to end it, too, so that the last answer
    /// is not lost with what the client still sends (RFC 9112, section 9.6).
    duration linger = std::chrono::seconds(2);
    /// How long open connections have to end once the listener is closed.
    duration drain = std::chrono::seconds(30);
    head_limits head = {};
    chunk_limits chunks = {};
    /// Bytes of the body of a request.
    std::uint64_t body = std::uint64_t{16} << 20U;
    /// Bytes of a body that the handler did not read, up to which the connection is kept.
    std::uint64_t discard = std::uint64_t{64} << 10U;
    /// Whether a client that ends its own side while it is answered still wants the answer, as
    /// `nc -N` does. Otherwise it has left, as one that resets the connection has in any case: what
    /// the handler waits for is cancelled.
    bool half_close = true;
    /// Whether answers say when they were made, in `Date`, unless their handler said it.
    bool date = true;
    /// Connections at a time; more wait at the transport. 0: any number.
    std::uint64_t connections = 0;
};
static_assert(std::is_trivially_destructible_v<server_options>);

/// Counters of a server.
struct server_statistics {
    /// Bounds of the buckets of `durations`; a last one holds what took longer.
    static constexpr std::array<duration, 8> bounds{
        std::chrono::milliseconds(1),   std::chrono::milliseconds(5),
        std::chrono::milliseconds(25),  std::chrono::milliseconds(100),
        std::chrono::milliseconds(500), std::chrono::seconds(2),
        std::chrono::seconds(10),       std::chrono::seconds(60)};

    std::uint64_t connections = 0; ///< since the start
    std::uint64_t open = 0;        ///< of those, that still are
    std::uint64_t requests = 0;    ///< given to the handler
    std::uint64_t refused = 0;   ///< answered by the server itself: malformed, too large, too slow
    std::uint64_t abandoned = 0; ///< whose client left before the answer was sent
    std::uint64_t sent = 0;      ///< bytes of bodies
    std::uint64_t received = 0;  ///< bytes of bodies
    std::array<std::uint64_t, 5> answers{};                   ///< of statuses 1xx to 5xx
    std::array<std::uint64_t, bounds.size() + 1> durations{}; ///< how many answers took so long
    duration taken{};                                         ///< by all of them together
};

/// The counters in the text format of Prometheus, as names that begin with `prefix`.
[[nodiscard]] std::string prometheus_text(const server_statistics& counted,
                                          std::string_view prefix = "runnel_http");

/// What was answered, for a log.
struct answer_record {
    const flow& carrier;
    std::string_view method; ///< empty if the head could not be read, and so is the target
    std::string_view target;
    status code;
    std::uint64_t sent;         ///< bytes of the body
    duration took;              ///< from the head of the request to the end of the answer
    std::uint64_t received = 0; ///< bytes of the body of the request
    unsigned version = 1;       ///< 1 or 2
};

class server_connection;

/// Serves HTTP/1.1 and 1.0 over flows of any kind: keeps connections open, answers in order,
/// streams bodies both ways, and answers what is wrong with the status that says so and the end of
/// the connection. Belongs to one loop; for more, one server on each.
class server {
public:
    explicit server(handler answer, server_options options = {})
        : answer_(std::move(answer)), options_(options) {}
    server(const server&) = delete;
    server& operator=(const server&) = delete;
    ~server();

    /// Is called after each answer.
    void on_answer(std::function<void(const answer_record&)> log) { log_ = std::move(log); }

    /// Serves the flows that arrive, until the listener is closed. Then idle connections are ended,
    /// others after the answer they are at, and the rest when the drain time is over. Gives the
    /// error of a listener that breaks, or of a stop.
    [[nodiscard]] task<result<void>> serve(listener& from);

    /// Serves one flow to its end.
    [[nodiscard]] task<void> serve_flow(flow_ptr with);

    /// Ends idle connections now, and others behind the answer they are at. New ones are answered
    /// once. For those who call `serve_flow`; `serve` does it when its listener is closed.
    void drain() noexcept;

    [[nodiscard]] const server_statistics& statistics() const noexcept { return statistics_; }

private:
    friend class server_connection;

    void enter(server_connection& open);
    void leave(server_connection& open) noexcept;
    /// What is answered to a request: what the handler gives, or what is wrong with that.
    /// `can_switch`: the connection may be taken over.
    [[nodiscard]] task<response> answer(request& asked, bool can_switch);
    [[nodiscard]] task<std::optional<response>> ask_handler(request& asked);
    void note(const answer_record& answered);
    /// What `Date` of this answer says; empty: no such field.
    [[nodiscard]] std::string_view date_for(const response& made);

    handler answer_;
    server_options options_;
    std::function<void(const answer_record&)> log_;
    server_statistics statistics_;
    std::vector<server_connection*> open_;
    event changed_{event_reset::automatic}; // a connection ended
    bool draining_ = false;
    std::chrono::sys_seconds dated_{};
    date_text date_{dated_};
};

} // namespace runnel::inline v0::http
