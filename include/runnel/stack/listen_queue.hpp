// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/time.hpp"
#include "runnel/stack/handle_table.hpp"
#include "runnel/stack/isn.hpp"
#include "runnel/stack/tcp_connection.hpp"
#include "runnel/stack/tcp_environment.hpp"
#include "runnel/stack/tcp_key.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace runnel::inline v0::stack {

/// The connections of a listener that are not open yet: one entry each up to a limit, and beyond it
/// none at all, but a cookie in the number of our SYN (RFC 4987 3.6), so that a flood of SYNs costs
/// no memory and keeps nobody out.
///
/// A cookie holds the peer's segment size in eight steps, and with timestamps also its window scale
/// and whether it takes SACK and ECN; without them a connection from a cookie does without.
class listen_queue {
public:
    struct options {
        /// Half-open connections that are kept.
        std::size_t backlog = 1024;
        /// Whether a SYN that finds the backlog full gets a cookie, or nothing.
        bool cookies = true;
        /// Whether a SYN waits for `accept` or `refuse` before it is answered: for those who want
        /// to know first whether the way on is open.
        bool deferred = false;
        /// How often a SYN-ACK is repeated.
        std::uint8_t retries = 5;
    };

    listen_queue(tcp_environment& environment, const isn_source& numbers, const siphash_key& secret,
                 const options& how) noexcept
        : environment_(&environment), numbers_(&numbers), secret_(secret), options_(how) {}

    /// What a segment asks for.
    enum class verdict : std::uint8_t {
        drop,
        reply,  // `out` is to be sent
        held,   // the program is to decide: `accept` or `refuse`
        opened, // `handshake` is agreed: make the connection, and give it this segment
    };
    struct outcome {
        verdict what = verdict::drop;
        tcp_handshake handshake;
    };
    /// Takes a segment for which there is no connection. `least`: where our numbers must begin at
    /// least, if a connection in TIME-WAIT was just left for this one.
    outcome receive(const tcp_key& key, const tcp_header& header, std::uint32_t length,
                    std::optional<sequence> least, tcp_header& out, time_point now);

    /// Answers a SYN that was held. False if it is gone.
    bool accept(const tcp_key& key, tcp_header& out, time_point now);
    /// Turns a SYN that was held down with a RST. False if it is gone.
    bool refuse(const tcp_key& key, tcp_header& out) noexcept;

    [[nodiscard]] time_point deadline() const noexcept;
    /// The next SYN-ACK that is due again, if any; called until it gives false.
    bool on_timer(tcp_key& key, tcp_header& out, time_point now);

    [[nodiscard]] std::size_t size() const noexcept { return table_.size(); }
    [[nodiscard]] std::size_t footprint() const noexcept {
        return slab_.capacity() * sizeof(entry) + table_.footprint();
    }

private:
    struct entry {
        tcp_key key;
        sequence local_first;
        sequence remote_first;
        std::uint32_t peer_timestamp = 0;
        std::uint32_t timestamp_offset = 0;
        std::uint32_t older = handle_table::none;
        std::uint32_t newer = handle_table::none;
        time_point due{};
        std::uint16_t peer_segment_size = 0;
        std::uint16_t peer_window = 0;
        std::uint8_t peer_scale = 0;
        std::uint8_t tries = 0;
        bool scaling : 1 = false;
        bool selective_ack : 1 = false;
        bool timestamps : 1 = false;
        bool ecn : 1 = false;
        bool held : 1 = false;
    };
    static_assert(sizeof(entry) <= 96);
    struct list {
        std::uint32_t oldest = handle_table::none;
        std::uint32_t newest = handle_table::none;
    };
    static constexpr std::size_t max_tries = 8;

    [[nodiscard]] std::uint32_t find(const tcp_key& key) const noexcept;
    entry read_syn(const tcp_key& key, const tcp_header& syn, std::optional<sequence> least,
                   time_point now) const noexcept;
    outcome receive_syn(const tcp_key& key, const tcp_header& header, std::optional<sequence> least,
                        tcp_header& out, time_point now);
    outcome receive_known(std::uint32_t which, const tcp_header& header, tcp_header& out,
                          time_point now);
    outcome receive_cookie(const tcp_key& key, const tcp_header& header, tcp_header& out,
                           std::uint32_t length, time_point now);
    void write_syn_ack(const entry& one, tcp_header& out, time_point now) const noexcept;
    [[nodiscard]] tcp_handshake agree(const entry& one) const noexcept;
    [[nodiscard]] std::uint32_t cookie(const tcp_key& key, sequence remote, std::uint32_t period,
                                       std::uint32_t step) const noexcept;
    [[nodiscard]] std::uint32_t add(const entry& one);
    void remove(std::uint32_t which) noexcept;
    void schedule(std::uint32_t which, time_point now) noexcept;
    void unlink(std::uint32_t which) noexcept;
    list& list_of(const entry& one) noexcept { return lists_[one.tries]; }

    tcp_environment* environment_;
    const isn_source* numbers_;
    siphash_key secret_;
    options options_;
    std::vector<entry> slab_;
    handle_table table_;
    std::uint32_t free_ = handle_table::none;
    // Those that were answered equally often wait for equally long: each list is in the order in
    // which its members are due.
    list lists_[max_tries + 1];
};

} // namespace runnel::inline v0::stack
