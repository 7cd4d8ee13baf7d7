// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/buffer.hpp"
#include "runnel/stack/recycled.hpp"
#include "runnel/stack/ring.hpp"
#include "runnel/stack/tcp_segment.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace runnel::inline v0::stack {

/// The bytes of a stream as they arrive: those in order, for the program to read, and those behind
/// a hole.
///
/// Of bytes that come twice the first copy is kept. What is behind holes is a sorted array of
/// intervals, each a chain of buffers, so an arrival costs O(log n) and what it makes obsolete, and
/// two intervals become one without touching their buffers. Small pieces are copied together:
/// memory stays within about twice the bytes that are held, plus `max_intervals` frames.
class receive_queue {
public:
    /// More intervals behind holes than this are refused. A sender needs them only when it lost as
    /// many separate segments of one window.
    static constexpr std::size_t max_intervals = 256;
    /// More buffers behind holes than this are refused: 16384 full frames are 23 MB.
    static constexpr std::size_t max_pieces = 16384;

    enum class outcome : std::uint8_t {
        in_order,     // `next()` went on
        filled,       // `next()` went on over bytes that were waiting behind a hole
        out_of_order, // kept behind a hole
        duplicate,    // nothing new in it
        refused,      // over a limit
    };

    /// Where the stream begins.
    void start(sequence first) noexcept { next_ = first; }

    /// Takes bytes that arrived at place `begin`, which may lie before `next()`. The caller has
    /// checked them against the window.
    outcome insert(sequence begin, buffer data);

    /// The first place that has not arrived.
    [[nodiscard]] sequence next() const noexcept { return next_; }
    /// Moves over the place of a FIN.
    void skip_one() noexcept { next_ += 1; }
    [[nodiscard]] bool has_holes() const noexcept { return !intervals_.empty(); }
    /// The end of the last interval. Requires `has_holes()`.
    [[nodiscard]] sequence highest() const noexcept { return intervals_.back().end; }
    /// Whether everything in `range` came already.
    [[nodiscard]] bool holds(sequence_range range) const noexcept;

    /// Bytes in order that nobody has read.
    [[nodiscard]] std::size_t readable() const noexcept { return readable_; }
    /// Takes the next buffer; empty if there is none.
    [[nodiscard]] buffer read() noexcept;
    /// Moves up to `target.size()` bytes out, and says how many.
    std::size_t read_into(std::span<std::byte> target) noexcept;
    /// Drops what is readable, now and from now on.
    void discard() noexcept;

    /// Adds blocks for a SACK option, the one that changed last first (RFC 2018 4).
    void report(sack_blocks& blocks, std::size_t limit) const noexcept;

    /// Gives memory back that is not in use.
    void shrink() noexcept;
    /// Drops everything.
    void clear() noexcept;
    [[nodiscard]] std::size_t intervals() const noexcept { return intervals_.size(); }
    [[nodiscard]] std::size_t pieces() const noexcept { return pieces_; }

private:
    using handle = std::uint32_t;
    static constexpr handle none = 0xffff'ffff;
    struct piece {
        buffer data;
        handle next = none;
    };
    struct interval {
        sequence begin;
        sequence end;
        handle head = none;
        handle tail = none;
    };

    [[nodiscard]] std::size_t first_reaching(sequence place) const noexcept;
    outcome insert_behind_hole(sequence begin, buffer data);
    void join(std::size_t index, sequence begin, buffer data);
    void append(interval& to, buffer data);
    void splice(interval& to, const interval& from) noexcept;
    void remember(sequence place) noexcept;
    void deliver(buffer data);
    bool deliver_waiting();
    handle make(buffer data);
    buffer take(handle which) noexcept;

    sequence next_;
    ring<buffer> ready_;
    std::size_t readable_ = 0;
    recycled_vector<interval> intervals_;
    recycled_vector<piece> slab_;
    handle free_ = none;
    std::size_t pieces_ = 0;
    std::array<sequence, sack_blocks::capacity> recent_{};
    std::uint8_t recent_count_ = 0;
    bool discarding_ = false;
};

} // namespace runnel::inline v0::stack
