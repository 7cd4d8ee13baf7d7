// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/stack/handle_table.hpp"
#include "runnel/stack/isn.hpp"
#include "runnel/stack/slab.hpp"
#include "runnel/stack/tcp_entry.hpp"
#include "runnel/stack/tcp_lower.hpp"
#include "runnel/stack/tcp_wire.hpp"
#include "runnel/stack/time_wait_table.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace runnel::inline v0::stack {

/// All of TCP above one network: which connection a packet is for, who listens where, and every
/// timer. A pure machine like the connections in it: packets, times and calls go in, and packets
/// leave through `tcp_lower`.
class tcp_layer final : public tcp_upper {
public:
    struct options {
        tcp_config config;
        /// Connections that may exist, TIME-WAIT not counted.
        std::size_t max_connections = std::size_t{1} << 20U;
        /// Those in TIME-WAIT; when there are more, the oldest goes early.
        std::size_t max_time_wait = std::size_t{1} << 18U;
    };

    /// `below` must outlive the layer. `secret`: of everything that strangers must not foresee.
    tcp_layer(tcp_lower& below, const options& how, const siphash_key& secret, time_point now);
    ~tcp_layer() override;

    // ---- program

    /// Begins to connect, from `local` or what the network and RFC 6056 choose; a part of `local`
    /// that is zero is chosen, too. The user's `on_events` tells how it goes on. Errors:
    /// `unreachable`, `invalid_argument` (a port or address that nobody can have),
    /// `address_in_use`, `limit_exceeded` (no free port, too many connections).
    [[nodiscard]] result<tcp_entry*> connect(const ip_endpoint& remote,
                                             const std::optional<ip_endpoint>& local,
                                             tcp_user& user, time_point now);

    /// Takes connections at an address or any, and a port or (0) a free one. Errors:
    /// `address_in_use`, `unreachable` (not an address of ours), `limit_exceeded` (no free port).
    [[nodiscard]] result<tcp_port*> listen(const ip_endpoint& at, const tcp_port::options& how,
                                           tcp_acceptor& acceptor, time_point now);
    /// Ends that; connections that were taken live on, those half open are forgotten.
    void unlisten(tcp_port& port, time_point now);

    /// Answers the SYN of a request, which then becomes a connection if the peer goes on. False if
    /// there is no such request any more.
    bool admit(tcp_port& port, const tcp_key& key, time_point now);
    /// Turns a request down with a RST.
    bool refuse(tcp_port& port, const tcp_key& key, time_point now);

    /// Sends what a connection has to send, arms its timer and tells its user what happened. To be
    /// called after the engine was used.
    void update(tcp_entry& entry, time_point now);

    /// The user is done with the connection: what it has to send and to wait for it still does, by
    /// itself and within `orphan_timeout`, if its writing side was shut down; otherwise it is
    /// aborted. The entry must not be used any more.
    void release(tcp_entry& entry, time_point now);

    /// Ends everything: connections are aborted and their users told, ports closed.
    void disconnect(time_point now);

    // ---- network

    void receive(tcp_packet& packet, time_point now) override;
    void end_of_burst(time_point now) override;
    void on_icmp_error(const tcp_icmp_error& what, time_point now) override;
    void on_writable(time_point now) override;
    void on_address_removed(const ip_address& address, time_point now) override;

    // ---- time

    /// When `on_timer` is to be called at the latest.
    [[nodiscard]] time_point deadline() noexcept { return timers_.next_wakeup(); }
    void on_timer(time_point now);

    // ---- how it stands

    [[nodiscard]] const tcp_counters& counters() const noexcept { return environment_.counters; }
    [[nodiscard]] const tcp_config& config() const noexcept { return environment_.config; }
    /// Connections in the table, those in TIME-WAIT not counted; those of them that rest; and those
    /// in TIME-WAIT.
    [[nodiscard]] std::size_t connections() const noexcept { return table_.size(); }
    [[nodiscard]] std::size_t resting() const noexcept { return resting_; }
    [[nodiscard]] std::size_t time_waiting() const noexcept { return time_wait_.size(); }
    /// Memory held by tables, in bytes; what connections have queued is not in it.
    [[nodiscard]] std::size_t footprint() const noexcept;
    /// Calls `function(const tcp_entry&)` for every connection.
    template <class Function>
    void for_each(Function function) {
        entries_.for_each([&](std::uint32_t, tcp_entry& entry) { function(std::as_const(entry)); });
    }

private:
    friend class tcp_entry;
    friend class tcp_port;

    // tcp_layer.cpp
    [[nodiscard]] tcp_entry* create(const tcp_key& key, sequence first, std::uint32_t offset);
    void destroy(tcp_entry& entry) noexcept;
    void update_one(tcp_entry& entry, time_point now);
    void transmit(tcp_entry& entry, time_point now);
    void announce(tcp_entry& entry) noexcept;
    void retire(tcp_entry& entry, time_point now);
    void mark(tcp_entry& entry) noexcept;
    void update_marked(time_point now);

    // tcp_layer_rest.cpp
    void watch_rest(tcp_entry& entry, time_point now);
    void unwatch_rest(tcp_entry& entry) noexcept;
    void queue_for_rest(tcp_entry& entry, time_point now) noexcept;
    void on_rest_timer();
    [[nodiscard]] bool is_free(const tcp_key& key, time_point now) noexcept;

    // tcp_layer_input.cpp
    [[nodiscard]] bool read_packet(tcp_packet& packet, tcp_parsed& out);
    [[nodiscard]] tcp_entry* find(const tcp_key& key) noexcept;
    void deliver(tcp_entry& entry, tcp_packet& packet, const tcp_header& header, time_point now);
    void receive_unknown(const tcp_key& key, tcp_packet& packet, const tcp_header& header,
                         time_point now);
    void receive_at(tcp_port& port, const tcp_key& key, std::optional<sequence> least,
                    tcp_packet& packet, const tcp_header& header, time_point now);
    void open(tcp_port& port, const tcp_key& key, const tcp_handshake& terms, tcp_packet& packet,
              const tcp_header& header, time_point now);
    void reply(const tcp_key& key, time_point now);
    void reset(const tcp_key& key, const tcp_header& about, std::uint32_t length, time_point now);

    // tcp_ports.cpp
    [[nodiscard]] tcp_port* find_port(const tcp_key& key) noexcept;
    [[nodiscard]] tcp_port* find_port(std::uint64_t hash, const ip_endpoint& at) noexcept;
    [[nodiscard]] bool port_taken(const ip_endpoint& at, const tcp_port::options& how) noexcept;
    [[nodiscard]] result<ip_endpoint> choose_port(const ip_endpoint& at,
                                                  const tcp_port::options& how);
    void on_port_timer(tcp_port& port) noexcept;
    void schedule(tcp_port& port) noexcept;

    void on_time_wait_timer() noexcept;
    struct time_wait_timer final : timer {
        explicit time_wait_timer(tcp_layer& owner) noexcept;
        tcp_layer* layer;
    };
    struct rest_timer final : timer {
        explicit rest_timer(tcp_layer& owner) noexcept;
        tcp_layer* layer;
    };

    tcp_lower* below_;
    siphash_key secret_;
    tcp_environment environment_;
    std::size_t max_connections_;
    std::size_t max_time_wait_;
    isn_source numbers_;
    challenge_limit resets_;
    timer_wheel timers_;
    std::size_t resting_ = 0;
    slab<tcp_entry> entries_;
    handle_table table_;
    tcp_entry* latest_ = nullptr; // that a packet was for
    time_wait_table time_wait_;
    time_wait_timer time_wait_timer_;
    std::vector<std::unique_ptr<tcp_port>> ports_; // by handle; null where free
    handle_table port_table_;
    tcp_port* forwarding_ = nullptr;
    tcp_entry* first_dirty_ = nullptr;
    tcp_entry** last_dirty_ = &first_dirty_;
    // Connections in use that are looked at when the oldest has been here for long enough.
    rest_timer rest_timer_;
    tcp_entry* oldest_used_ = nullptr;
    tcp_entry* newest_used_ = nullptr;
    tcp_segment out_; // what is being sent; here because it is large
    time_point now_;  // of the timer that fires
    bool bursting_ = false;
    bool blocked_ = false;
    bool down_ = false;
};

} // namespace runnel::inline v0::stack
