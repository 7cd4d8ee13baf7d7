// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/buffer.hpp"
#include "runnel/core/check.hpp"
#include "runnel/stack/sequence.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

namespace runnel::inline v0::stack {

/// What a segment does beside carrying bytes and acknowledging others. That these exclude each
/// other is why they are no separate flags: a SYN that is also a FIN or a RST cannot be written.
enum class tcp_control : std::uint8_t { none, push, syn, fin, reset };

/// The two clocks of the timestamps option (RFC 7323 3).
struct tcp_timestamps {
    std::uint32_t value = 0;
    std::uint32_t echo = 0;
    friend constexpr bool operator==(const tcp_timestamps&,
                                     const tcp_timestamps&) noexcept = default;
};

/// A cookie of TCP Fast Open (RFC 7413 4.1.1). An empty one asks for a cookie.
struct fast_open_cookie {
    static constexpr std::size_t max_size = 16;
    std::array<std::byte, max_size> bytes{};
    std::uint8_t size = 0;
    friend constexpr bool operator==(const fast_open_cookie&,
                                     const fast_open_cookie&) noexcept = default;
};

/// The blocks of a SACK option (RFC 2018 3): at most four fit.
class sack_blocks {
public:
    static constexpr std::size_t capacity = 4;

    /// Adds a block if there is room.
    constexpr void add(sequence_range block) noexcept {
        if (size_ < capacity) {
            blocks_[size_++] = block;
        }
    }
    constexpr void clear() noexcept { size_ = 0; }
    [[nodiscard]] constexpr bool empty() const noexcept { return size_ == 0; }
    [[nodiscard]] constexpr std::size_t size() const noexcept { return size_; }
    constexpr const sequence_range& operator[](std::size_t index) const noexcept {
        return blocks_[index];
    }
    [[nodiscard]] constexpr std::span<const sequence_range> span() const noexcept {
        return {blocks_.data(), size_};
    }
    friend constexpr bool operator==(const sack_blocks& a, const sack_blocks& b) noexcept {
        for (std::size_t i = 0; i < a.size_ && i < b.size_; ++i) {
            if (a.blocks_[i] != b.blocks_[i]) {
                return false;
            }
        }
        return a.size_ == b.size_;
    }

private:
    std::array<sequence_range, capacity> blocks_{};
    std::uint8_t size_ = 0;
};

/// What is offered only in a SYN. Left out of any other segment when it is written, and ignored in
/// any other that is read.
struct tcp_syn_options {
    /// The largest payload the sender takes in one segment, in bytes; 0 when it does not say.
    std::uint16_t max_segment_size = 0;
    /// The shift of the sender's windows (RFC 7323 2), at most 14.
    std::optional<std::uint8_t> window_scale;
    bool sack_permitted = false;
    std::optional<fast_open_cookie> fast_open;
    friend constexpr bool operator==(const tcp_syn_options&,
                                     const tcp_syn_options&) noexcept = default;
};

/// A TCP header with its options, in the order of the host. The checksum is the wire's concern, and
/// an urgent pointer is ignored as RFC 6093 leaves it: its bytes are bytes of the stream.
struct tcp_header {
    std::uint16_t source_port = 0;
    std::uint16_t destination_port = 0;
    sequence number;
    sequence ack;
    tcp_control control = tcp_control::none;
    /// Whether `ack` means something. Always so on the wire but for a SYN or a RST.
    bool acknowledges = true;
    /// ECN (RFC 3168 6.1): the echo of a congestion mark, and the answer to such an echo.
    bool ece = false;
    bool cwr = false;
    /// As on the wire: not scaled yet.
    std::uint16_t window = 0;
    std::optional<tcp_timestamps> timestamps;
    sack_blocks sack;
    tcp_syn_options syn;

    [[nodiscard]] constexpr bool is_syn() const noexcept { return control == tcp_control::syn; }
    [[nodiscard]] constexpr bool is_fin() const noexcept { return control == tcp_control::fin; }
    [[nodiscard]] constexpr bool is_reset() const noexcept { return control == tcp_control::reset; }
    /// What the segment takes of the sequence space with `payload` bytes (SEG.LEN).
    [[nodiscard]] constexpr std::uint32_t length(std::size_t payload) const noexcept {
        return static_cast<std::uint32_t>(payload) + (is_syn() || is_fin() ? 1U : 0U);
    }
    friend constexpr bool operator==(const tcp_header&, const tcp_header&) noexcept = default;
};

/// The payload of a segment to send: slices of what the program wrote.
class tcp_payload {
public:
    /// As many pieces as a segment may be gathered from, one fewer than the kernel's own limit of
    /// 17, so that the headers are one more.
    static constexpr std::size_t max_slices = 16;

    /// Adds a slice; requires `size() < max_slices`.
    void add(buffer slice) noexcept {
        check(size_ < max_slices, "a segment has a bounded number of slices");
        bytes_ += slice.size();
        slices_[size_++] = std::move(slice);
    }
    void clear() noexcept {
        for (std::size_t i = 0; i < size_; ++i) {
            slices_[i].reset();
        }
        size_ = 0;
        bytes_ = 0;
    }
    [[nodiscard]] bool full() const noexcept { return size_ == max_slices; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }
    [[nodiscard]] std::span<const buffer> slices() const noexcept {
        return {slices_.data(), size_};
    }
    [[nodiscard]] std::span<buffer> slices() noexcept { return {slices_.data(), size_}; }

private:
    std::array<buffer, max_slices> slices_;
    std::size_t size_ = 0;
    std::size_t bytes_ = 0;
};

/// A segment to send, or many equal ones in one: with a payload above `segment_size` it stands for
/// the segments of that size it can be cut into (GSO), whose last may be shorter.
struct tcp_segment {
    tcp_header header;
    tcp_payload payload;
    /// Payload bytes of each segment on the wire, at least 1.
    std::uint16_t segment_size = 1;
    /// Whether the packet is to be marked ECT(0) (RFC 3168 6.1.2).
    bool ecn_capable = false;
};

} // namespace runnel::inline v0::stack
