// SPDX-License-Identifier: Apache-2.0
#include "runnel/stack/tcp_wire.hpp"

#include "runnel/core/byte_order.hpp"
#include "runnel/core/check.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <optional>

namespace runnel::inline v0::stack {

namespace {

// The flags in byte 13 (RFC 9293 3.1, RFC 3168 6.1).
constexpr unsigned flag_fin = 0x01;
constexpr unsigned flag_syn = 0x02;
constexpr unsigned flag_reset = 0x04;
constexpr unsigned flag_push = 0x08;
constexpr unsigned flag_ack = 0x10;
constexpr unsigned flag_ece = 0x40;
constexpr unsigned flag_cwr = 0x80;

// Kinds of options, of IANA's registry of TCP parameters.
constexpr unsigned kind_end = 0;
constexpr unsigned kind_no_operation = 1;
constexpr unsigned kind_mss = 2;
constexpr unsigned kind_window_scale = 3;
constexpr unsigned kind_sack_permitted = 4;
constexpr unsigned kind_sack = 5;
constexpr unsigned kind_timestamps = 8;
constexpr unsigned kind_fast_open = 34;

// A larger shift means the same as this one (RFC 7323 2.3).
constexpr std::uint8_t max_window_scale = 14;
constexpr std::size_t min_cookie_size = 4; // RFC 7413 4.1.1

std::optional<tcp_control> control_of(unsigned flags) noexcept {
    switch (flags & (flag_syn | flag_fin | flag_reset)) {
    case flag_syn:
        return tcp_control::syn;
    case flag_fin:
        return (flags & flag_ack) != 0 ? std::optional(tcp_control::fin) : std::nullopt;
    case flag_reset:
        return tcp_control::reset;
    case 0:
        if ((flags & flag_ack) == 0) {
            return std::nullopt;
        }
        return (flags & flag_push) != 0 ? tcp_control::push : tcp_control::none;
    default:
        return std::nullopt;
    }
}

bool parse_sack(std::span<const std::byte> body, tcp_header& header) noexcept {
    if (body.empty() || body.size() % 8 != 0) {
        return false;
    }
    for (std::size_t at = 0; at < body.size(); at += 8) {
        header.sack.add(
            {sequence(load_be32(body.data() + at)), sequence(load_be32(body.data() + at + 4))});
    }
    return true;
}

bool parse_fast_open(std::span<const std::byte> body, tcp_header& header) noexcept {
    fast_open_cookie cookie;
    if (body.size() > fast_open_cookie::max_size || body.size() % 2 != 0 ||
        (!body.empty() && body.size() < min_cookie_size)) {
        return false;
    }
    std::ranges::copy(body, cookie.bytes.begin());
    cookie.size = static_cast<std::uint8_t>(body.size());
    header.syn.fast_open = cookie;
    return true;
}

/// Takes one option; `body` is what follows kind and length. False if its length is wrong.
bool parse_option(unsigned kind, std::span<const std::byte> body, tcp_header& header) noexcept {
    switch (kind) {
    case kind_mss:
        if (body.size() != 2) {
            return false;
        }
        header.syn.max_segment_size = load_be16(body.data());
        return true;
    case kind_window_scale:
        if (body.size() != 1) {
            return false;
        }
        header.syn.window_scale =
            std::min(std::to_integer<std::uint8_t>(body[0]), max_window_scale);
        return true;
    case kind_sack_permitted:
        header.syn.sack_permitted = true;
        return body.empty();
    case kind_sack:
        return parse_sack(body, header);
    case kind_timestamps:
        if (body.size() != 8) {
            return false;
        }
        header.timestamps = tcp_timestamps{load_be32(body.data()), load_be32(body.data() + 4)};
        return true;
    case kind_fast_open:
        return parse_fast_open(body, header);
    default:
        return true;
    }
}

bool parse_options(std::span<const std::byte> options, tcp_header& header) noexcept {
    std::size_t at = 0;
    while (at < options.size()) {
        const auto kind = std::to_integer<unsigned>(options[at]);
        if (kind == kind_end) {
            break;
        }
        if (kind == kind_no_operation) {
            ++at;
            continue;
        }
        if (options.size() - at < 2) {
            return false;
        }
        const auto size = std::to_integer<std::size_t>(options[at + 1]);
        if (size < 2 || size > options.size() - at ||
            !parse_option(kind, options.subspan(at + 2, size - 2), header)) {
            return false;
        }
        at += size;
    }
    if (!header.is_syn()) {
        header.syn = {};
    }
    return true;
}

unsigned flags_of(const tcp_header& header) noexcept {
    unsigned flags = (header.ece ? flag_ece : 0U) | (header.cwr ? flag_cwr : 0U);
    const bool may_lack_ack = header.is_syn() || header.is_reset();
    if (header.acknowledges || !may_lack_ack) {
        flags |= flag_ack;
    }
    switch (header.control) {
    case tcp_control::none:
        break;
    case tcp_control::push:
        flags |= flag_push;
        break;
    case tcp_control::syn:
        flags |= flag_syn;
        break;
    case tcp_control::fin:
        flags |= flag_fin;
        break;
    case tcp_control::reset:
        flags |= flag_reset;
        break;
    }
    return flags;
}

/// Appends options, each ending at a multiple of 4 bytes, with no-operations in front.
class option_writer {
public:
    explicit option_writer(std::span<std::byte, max_tcp_header_size> out) noexcept : out_(out) {}

    std::byte* add(unsigned kind, std::size_t size) noexcept {
        for (std::size_t pad = (8 - (at_ + size) % 4) % 4; pad > 0; --pad) {
            out_[at_++] = std::byte{kind_no_operation};
        }
        return add_unaligned(kind, size);
    }
    std::byte* add_unaligned(unsigned kind, std::size_t size) noexcept {
        check(size <= room(), "all options of a segment fit in its header");
        out_[at_] = static_cast<std::byte>(kind);
        out_[at_ + 1] = static_cast<std::byte>(size);
        std::byte* body = out_.data() + at_ + 2;
        at_ += size;
        return body;
    }
    [[nodiscard]] std::size_t room() const noexcept { return out_.size() - at_; }
    [[nodiscard]] std::size_t size() const noexcept { return at_; }

private:
    std::span<std::byte, max_tcp_header_size> out_;
    std::size_t at_ = min_tcp_header_size;
};

void write_syn_options(const tcp_syn_options& syn, bool timestamps_follow,
                       option_writer& writer) noexcept {
    if (syn.max_segment_size != 0) {
        store_be16(writer.add(kind_mss, 4), syn.max_segment_size);
    }
    if (syn.window_scale) {
        *writer.add(kind_window_scale, 3) =
            static_cast<std::byte>(std::min(*syn.window_scale, max_window_scale));
    }
    if (syn.sack_permitted) {
        // In front of timestamps it needs no padding, which leaves room for the longest cookie.
        timestamps_follow ? writer.add_unaligned(kind_sack_permitted, 2)
                          : writer.add(kind_sack_permitted, 2);
    }
}

void write_fast_open(const tcp_syn_options& syn, option_writer& writer) noexcept {
    if (syn.fast_open) {
        std::byte* body = writer.add(kind_fast_open, std::size_t{2} + syn.fast_open->size);
        std::memcpy(body, syn.fast_open->bytes.data(), syn.fast_open->size);
    }
}

void write_sack(const sack_blocks& sack, option_writer& writer) noexcept {
    const std::size_t room = writer.room() < 12 ? 0 : (writer.room() - 4) / 8;
    const std::size_t count = std::min(sack.size(), room);
    if (count == 0) {
        return;
    }
    std::byte* body = writer.add(kind_sack, 2 + 8 * count);
    for (std::size_t i = 0; i < count; ++i) {
        store_be32(body + 8 * i, sack[i].begin.number());
        store_be32(body + 8 * i + 4, sack[i].end.number());
    }
}

} // namespace

std::expected<tcp_parsed, tcp_drop> parse_tcp(std::span<const std::byte> segment) noexcept {
    if (segment.size() < min_tcp_header_size) {
        return std::unexpected(tcp_drop::truncated);
    }
    const std::byte* at = segment.data();
    tcp_parsed parsed;
    parsed.header_size = (std::to_integer<std::size_t>(at[12]) >> 4U) * 4;
    if (parsed.header_size < min_tcp_header_size || parsed.header_size > segment.size()) {
        return std::unexpected(tcp_drop::truncated);
    }
    const auto flags = std::to_integer<unsigned>(at[13]);
    const std::optional<tcp_control> control = control_of(flags);
    if (!control) {
        return std::unexpected(tcp_drop::bad_flags);
    }
    tcp_header& header = parsed.header;
    header.source_port = load_be16(at);
    header.destination_port = load_be16(at + 2);
    header.number = sequence(load_be32(at + 4));
    header.acknowledges = (flags & flag_ack) != 0;
    header.ack = header.acknowledges ? sequence(load_be32(at + 8)) : sequence();
    header.control = *control;
    header.ece = (flags & flag_ece) != 0;
    header.cwr = (flags & flag_cwr) != 0;
    header.window = load_be16(at + 14);
    const std::size_t options = parsed.header_size - min_tcp_header_size;
    if (!parse_options(segment.subspan(min_tcp_header_size, options), header)) {
        return std::unexpected(tcp_drop::bad_option);
    }
    return parsed;
}

bool valid_tcp_checksum(checksum pseudo, std::span<const std::byte> segment) noexcept {
    pseudo.add(segment);
    return pseudo.valid();
}

std::size_t write_tcp(const tcp_header& header,
                      std::span<std::byte, max_tcp_header_size> out) noexcept {
    option_writer writer(out);
    if (header.is_syn()) {
        write_syn_options(header.syn, header.timestamps.has_value(), writer);
    }
    if (header.timestamps) {
        std::byte* body = writer.add(kind_timestamps, 10);
        store_be32(body, header.timestamps->value);
        store_be32(body + 4, header.timestamps->echo);
    }
    if (header.is_syn()) {
        write_fast_open(header.syn, writer);
    } else if (!header.is_reset()) {
        write_sack(header.sack, writer);
    }
    const unsigned flags = flags_of(header);
    store_be16(out.data(), header.source_port);
    store_be16(out.data() + 2, header.destination_port);
    store_be32(out.data() + 4, header.number.number());
    store_be32(out.data() + 8, (flags & flag_ack) != 0 ? header.ack.number() : 0);
    out[12] = static_cast<std::byte>(writer.size() / 4 << 4U);
    out[13] = static_cast<std::byte>(flags);
    store_be16(out.data() + 14, header.window);
    store_be32(out.data() + 16, 0);
    return writer.size();
}

std::size_t tcp_header_size(const tcp_header& header) noexcept {
    std::array<std::byte, max_tcp_header_size> scratch{};
    return write_tcp(header, scratch);
}

void set_tcp_checksum(std::span<std::byte> header, checksum pseudo,
                      const checksum& payload) noexcept {
    pseudo.add(header);
    pseudo.add(payload);
    store_be16(header, 16, pseudo.value());
}

} // namespace runnel::inline v0::stack
