// SPDX-License-Identifier: Apache-2.0
#include "runnel/core/ip_address.hpp"

#include "address_text.hpp"

#include <algorithm>

namespace runnel::inline v0 {
namespace {

/// The zero groups that RFC 5952 4.2 writes as "::": the longest run of at least two, of several
/// equally long ones the first. `size` is 0 if there is none.
struct zero_run {
    std::size_t begin = 0;
    std::size_t size = 0;
};

zero_run longest_zero_run(const ipv6_address::byte_array& bytes) noexcept {
    zero_run longest;
    zero_run run;
    for (std::size_t i = 0; i < 8; ++i) {
        if (load_be16(bytes.data() + 2 * i) != 0) {
            run = {.begin = i + 1, .size = 0};
            continue;
        }
        ++run.size;
        if (run.size >= 2 && run.size > longest.size) {
            longest = run;
        }
    }
    return longest;
}

void put_groups(text_writer& out, const ipv6_address::byte_array& bytes) noexcept {
    const zero_run zeros = longest_zero_run(bytes);
    for (std::size_t i = 0; i < 8;) {
        if (zeros.size > 0 && i == zeros.begin) {
            out.put("::");
            i += zeros.size;
            continue;
        }
        if (i > 0 && i != zeros.begin + zeros.size) {
            out.put(':');
        }
        out.number(load_be16(bytes.data() + 2 * i), 16);
        ++i;
    }
}

/// Whether an interface can have this name (dev_valid_name in the kernel's net/core/dev.c, and '%'
/// is where the kernel puts a number).
bool is_interface_name(std::string_view name) noexcept {
    constexpr std::size_t longest = 15;
    constexpr std::string_view forbidden = "/:%";
    const auto belongs = [&](char c) { return c > ' ' && c < 0x7f && !forbidden.contains(c); };
    return !name.empty() && name.size() <= longest && name != "." && name != ".." &&
           std::ranges::all_of(name, belongs);
}

struct v4_block {
    ipv4_address first;
    ipv4_address last;
};

/// What IANA's registry of special-purpose IPv4 addresses marks as not globally reachable, and
/// multicast. 192.0.0.9 and 192.0.0.10 are holes in their block.
constexpr v4_block v4_not_global[] = {
    {{0, 0, 0, 0}, {0, 255, 255, 255}},       // "this network", RFC 791
    {{10, 0, 0, 0}, {10, 255, 255, 255}},     // private, RFC 1918
    {{100, 64, 0, 0}, {100, 127, 255, 255}},  // shared, RFC 6598
    {{127, 0, 0, 0}, {127, 255, 255, 255}},   // loopback, RFC 1122
    {{169, 254, 0, 0}, {169, 254, 255, 255}}, // link-local, RFC 3927
    {{172, 16, 0, 0}, {172, 31, 255, 255}},   // private, RFC 1918
    {{192, 0, 0, 0}, {192, 0, 0, 8}},         // protocol assignments, RFC 6890
    {{192, 0, 0, 11}, {192, 0, 0, 255}},      // the same
    {{192, 0, 2, 0}, {192, 0, 2, 255}},       // documentation, RFC 5737
    {{192, 88, 99, 0}, {192, 88, 99, 255}},   // former 6to4 relays, RFC 7526
    {{192, 168, 0, 0}, {192, 168, 255, 255}}, // private, RFC 1918
    {{198, 18, 0, 0}, {198, 19, 255, 255}},   // benchmarks, RFC 2544
    {{198, 51, 100, 0}, {198, 51, 100, 255}}, // documentation, RFC 5737
    {{203, 0, 113, 0}, {203, 0, 113, 255}},   // documentation, RFC 5737
    {{224, 0, 0, 0}, {239, 255, 255, 255}},   // multicast, RFC 5771
    {{240, 0, 0, 0}, {255, 255, 255, 255}},   // reserved, RFC 1112
};

struct v6_block {
    std::uint64_t upper; // of the first address
    unsigned length;
    bool global;
};

/// The special blocks inside the space of global unicast addresses, 2000::/3. The first that
/// matches decides. Only networks of up to /64; single addresses stand in `is_global` itself.
constexpr v6_block v6_special[] = {
    {0x2001'0003'0000'0000, 32, true},  // AMT, RFC 7450
    {0x2001'0004'0112'0000, 48, true},  // AS112, RFC 7535
    {0x2001'0020'0000'0000, 28, true},  // ORCHIDv2, RFC 7343
    {0x2001'0030'0000'0000, 28, true},  // drone identifiers, RFC 9374
    {0x2001'0000'0000'0000, 23, false}, // protocol assignments and Teredo, RFC 2928
    {0x2001'0db8'0000'0000, 32, false}, // documentation, RFC 3849
    {0x2002'0000'0000'0000, 16, false}, // 6to4, whose relays are gone, RFC 7526
    {0x3fff'0000'0000'0000, 20, false}, // documentation, RFC 9637
};

} // namespace

result<ipv4_address> ipv4_address::parse(std::string_view text) {
    address_reader in("IPv4 address", text);
    return in.finish(in.ipv4());
}

std::string_view ipv4_address::format_to(std::span<char, max_text_size> out) const noexcept {
    text_writer text(out);
    for (unsigned shift = 32; shift > 0;) {
        shift -= 8;
        text.number(number_ >> shift & 0xffU);
        if (shift > 0) {
            text.put('.');
        }
    }
    return text.view();
}

std::string ipv4_address::to_string() const {
    return text_of(*this);
}

bool ipv4_address::is_global() const noexcept {
    return std::ranges::none_of(v4_not_global, [this](const v4_block& block) {
        return block.first <= *this && *this <= block.last;
    });
}

result<ipv6_address> ipv6_address::parse(std::string_view text) {
    address_reader in("IPv6 address", text);
    return in.finish(in.scoped_ipv6());
}

result<ipv6_address::zoned> ipv6_address::parse_zoned(std::string_view text) {
    address_reader in("IPv6 address", text);
    zoned parsed{.address = in.ipv6(), .zone = {}};
    if (in.take("%")) {
        const std::string_view zone = in.rest();
        if (zone.find_first_not_of("0123456789") == std::string_view::npos) {
            parsed.address = parsed.address.with_scope(in.scope());
        } else if (is_interface_name(zone)) {
            parsed.zone = in.take_rest();
        } else {
            in.complain("the name or number of an interface", zone.size());
        }
    }
    return in.finish(parsed);
}

std::string_view ipv6_address::format_to(std::span<char, max_text_size> out) const noexcept {
    text_writer text(out);
    if (is_v4_mapped()) {
        text.put("::ffff:");
        put(text, unmapped());
    } else {
        put_groups(text, bytes_);
    }
    if (scope_ != 0) {
        text.put('%');
        text.number(scope_);
    }
    return text.view();
}

std::string ipv6_address::to_string() const {
    return text_of(*this);
}

bool ipv6_address::is_global() const noexcept {
    if (starts_with(0x0064'ff9b'0000'0000, 64) && lower() >> 32U == 0) {
        return true; // IPv4 behind NAT64, RFC 6052
    }
    if (!starts_with(1, 3)) {
        return false; // only 2000::/3 was ever given out for unicast
    }
    constexpr std::uint64_t anycast = 0x2001'0001'0000'0000;
    if (upper() == anycast && lower() >= 1 && lower() <= 3) {
        return true; // PCP, TURN and DNS-SD anycast: RFC 7723, RFC 8155, RFC 9665
    }
    const auto* found = std::ranges::find_if(v6_special, [this](const v6_block& block) {
        return starts_with(block.upper >> (64U - block.length), block.length);
    });
    return found == std::end(v6_special) || found->global;
}

result<ip_address> ip_address::parse(std::string_view text) {
    address_reader in("IP address", text);
    if (text.contains(':')) {
        return in.finish(ip_address(in.scoped_ipv6()));
    }
    return in.finish(ip_address(in.ipv4()));
}

std::string_view ip_address::format_to(std::span<char, max_text_size> out) const noexcept {
    return is_v4() ? v4().format_to(out.first<ipv4_address::max_text_size>())
                   : address_.format_to(out);
}

std::string ip_address::to_string() const {
    return text_of(*this);
}

} // namespace runnel::inline v0
