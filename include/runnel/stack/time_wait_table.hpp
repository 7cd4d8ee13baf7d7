// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/stack/handle_table.hpp"
#include "runnel/stack/tcp_key.hpp"
#include "runnel/stack/time_wait.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace runnel::inline v0::stack {

/// All connections of a stack in TIME-WAIT: 64 bytes each and 11 for finding them, no timers. They
/// all wait for the same time, so they leave in the order they came.
class time_wait_table {
public:
    /// `limit`: when there are more, the one that waited longest goes early.
    time_wait_table(const siphash_key& secret, duration span, std::size_t limit) noexcept
        : secret_(secret), span_(span), limit_(limit) {}

    /// Takes a connection's place. There must be none with this key.
    void add(const tcp_key& key, const time_wait_entry& entry, time_point now);

    /// What to do with a segment for `key`, or nothing if there is no such connection. For
    /// `reopen` the entry is gone, and `next` is where the new connection's numbers must begin at
    /// least (RFC 6191 2). For `acknowledge`, `answer` is filled in but for the ports.
    struct outcome {
        time_wait_entry::verdict verdict{};
        sequence next;
    };
    std::optional<outcome> receive(const tcp_key& key, const tcp_header& header,
                                   std::uint32_t length, tcp_header& answer, time_point now);

    [[nodiscard]] bool contains(const tcp_key& key) const noexcept;
    /// Whether a new connection of our own may take the place of an old one: its peer uses
    /// timestamps, and ours has moved on (RFC 6191 3). Then the entry is gone.
    bool reuse(const tcp_key& key, time_point now) noexcept;

    [[nodiscard]] time_point deadline() const noexcept;
    /// Drops those whose time is over.
    void expire(time_point now) noexcept;
    [[nodiscard]] std::size_t size() const noexcept { return table_.size(); }
    [[nodiscard]] std::size_t footprint() const noexcept {
        return slab_.capacity() * sizeof(record) + table_.footprint();
    }

private:
    struct record {
        tcp_key key;
        std::uint32_t next = 0;
        std::uint32_t expected = 0;
        std::uint32_t peer_timestamp = 0;
        std::uint32_t timestamp_offset = 0;
        std::uint32_t expires = 0; // milliseconds, modulo 2^32, with the lowest bit for timestamps
        std::uint32_t older = handle_table::none;
        std::uint32_t newer = handle_table::none;
    };
    static_assert(sizeof(record) == 64);

    [[nodiscard]] std::uint32_t find(const tcp_key& key) const noexcept;
    [[nodiscard]] time_wait_entry entry_of(const record& one, time_point now) const noexcept;
    static void set_expiry(record& one, time_point when, bool timestamps) noexcept;
    void link(std::uint32_t which) noexcept;
    void unlink(std::uint32_t which) noexcept;
    void remove(std::uint32_t which) noexcept;

    siphash_key secret_;
    duration span_;
    std::size_t limit_;
    std::vector<record> slab_;
    handle_table table_;
    std::uint32_t free_ = handle_table::none;
    std::uint32_t oldest_ = handle_table::none;
    std::uint32_t newest_ = handle_table::none;
    time_point base_{}; // what the short times count from
};

} // namespace runnel::inline v0::stack
