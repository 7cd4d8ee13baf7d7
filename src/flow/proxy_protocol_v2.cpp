// SPDX-License-Identifier: Apache-2.0
#include "crc32c.hpp"
#include "proxy_protocol_parts.hpp"
#include "runnel/core/byte_order.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace runnel::inline v0 {
namespace {

using proxy_wire::bad;
using proxy_wire::fixed_size;

constexpr unsigned version2 = 0x20;
constexpr unsigned command_local = 0;
constexpr unsigned command_proxy = 1;
constexpr unsigned stream = 1;
constexpr unsigned datagram = 2;

/// The upper half of the byte that follows the command.
enum class family : std::uint8_t { unspecified, inet, inet6, unix_socket };

/// The bytes of both addresses, with ports.
constexpr std::size_t addresses_size(family of) noexcept {
    switch (of) {
    case family::inet:
        return 12;
    case family::inet6:
        return 36;
    case family::unix_socket:
        return 2 * proxy_header::longest_unix_path;
    case family::unspecified:
        break;
    }
    return 0;
}

std::string read_path(std::span<const std::byte> field) {
    std::string path(reinterpret_cast<const char*>(field.data()), field.size());
    // An abstract name begins with NUL and cannot end with one; a path ends at the first.
    const std::size_t end =
        path.front() == '\0' ? path.find_last_not_of('\0') + 1 : path.find('\0');
    return path.substr(0, end);
}

template <class Address>
proxy_ip_pair read_pair(std::span<const std::byte> at) {
    constexpr std::size_t size = Address::byte_count;
    const Address source(at.first<size>());
    const Address destination(at.subspan<size, size>());
    return {{source, load_be16(at, 2 * size)}, {destination, load_be16(at, 2 * size + 2)}};
}

void read_addresses(std::span<const std::byte> at, family of, proxy_header& into) {
    constexpr std::size_t path_size = proxy_header::longest_unix_path;
    switch (of) {
    case family::inet:
        into.addresses = read_pair<ipv4_address>(at);
        break;
    case family::inet6:
        into.addresses = read_pair<ipv6_address>(at);
        break;
    case family::unix_socket:
        into.addresses = proxy_unix_pair{read_path(at.first(path_size)),
                                         read_path(at.subspan(path_size, path_size))};
        break;
    case family::unspecified:
        break;
    }
}

/// Checks the bytes of command, family and transport as soon as they are there.
result<void> check_kind(std::span<const std::byte> received) {
    if (received.size() > 12) {
        const auto command = std::to_integer<unsigned>(received[12]);
        if ((command & 0xF0U) != version2) {
            return bad(fmt::format("version {} is unknown", command >> 4U));
        }
        if ((command & 0x0FU) > command_proxy) {
            return bad(fmt::format("command {} is unknown", command & 0x0FU));
        }
    }
    if (received.size() > 13) {
        const auto kind = std::to_integer<unsigned>(received[13]);
        const bool is_local = (std::to_integer<unsigned>(received[12]) & 0x0FU) == command_local;
        const bool is_known =
            kind >> 4U <= static_cast<unsigned>(family::unix_socket) && (kind & 0x0FU) <= datagram;
        if (!is_known && !is_local) {
            return bad(fmt::format("family and transport 0x{:02x} are unknown", kind));
        }
    }
    return {};
}

void put(std::vector<std::byte>& out, std::span<const std::byte> bytes) {
    out.insert(out.end(), bytes.begin(), bytes.end());
}

void put16(std::vector<std::byte>& out, std::uint16_t value) {
    out.push_back(static_cast<std::byte>(value >> 8U));
    out.push_back(static_cast<std::byte>(value));
}

void write_pair(std::vector<std::byte>& out, const proxy_ip_pair& pair, bool v4) {
    for (const ip_endpoint& endpoint : {pair.source, pair.destination}) {
        if (v4) {
            put(out, endpoint.address().v4().bytes());
        } else {
            put(out, endpoint.address().to_v6().bytes());
        }
    }
    put16(out, pair.source.port());
    put16(out, pair.destination.port());
}

result<void> write_paths(std::vector<std::byte>& out, const proxy_unix_pair& pair) {
    for (const std::string& path : {pair.source, pair.destination}) {
        if (path.size() > proxy_header::longest_unix_path) {
            return fail(
                errc::invalid_argument,
                fmt::format("PROXY header: a Unix path of {} bytes is too long", path.size()));
        }
        put(out, std::as_bytes(std::span(path)));
        out.resize(out.size() + proxy_header::longest_unix_path - path.size());
    }
    return {};
}

/// Appends the addresses; gives the byte of their family and the transport.
result<unsigned> write_addresses(std::vector<std::byte>& out, const proxy_header& header) {
    const unsigned transport = header.datagrams ? datagram : stream;
    const auto kind = [&](family of) { return static_cast<unsigned>(of) << 4U | transport; };
    if (const auto* pair = std::get_if<proxy_ip_pair>(&header.addresses)) {
        const bool v4 = pair->source.address().is_v4() && pair->destination.address().is_v4();
        write_pair(out, *pair, v4);
        return kind(v4 ? family::inet : family::inet6);
    }
    if (const auto* pair = std::get_if<proxy_unix_pair>(&header.addresses)) {
        const auto written = write_paths(out, *pair);
        if (!written) {
            return fail(written.error());
        }
        return kind(family::unix_socket);
    }
    return 0U;
}

void write_checksum(std::vector<std::byte>& out) {
    out.push_back(std::byte{proxy_wire::type::crc32c});
    put16(out, 4);
    out.resize(out.size() + 4);
}

} // namespace

proxy_wire::parse_result proxy_wire::parse_v2(std::span<const std::byte> received,
                                              std::size_t longest) {
    const auto kind_is_right = check_kind(received);
    if (!kind_is_right) {
        return fail(kind_is_right.error());
    }
    if (received.size() < fixed_size) {
        return std::nullopt;
    }
    const std::size_t size = fixed_size + load_be16(received, 14);
    if (size > longest) {
        return fail(errc::limit_exceeded,
                    fmt::format("PROXY header: {} bytes, of at most {}", size, longest));
    }
    const auto command = std::to_integer<unsigned>(received[12]) & 0x0FU;
    const auto kind = std::to_integer<unsigned>(received[13]);
    const bool is_specified = kind >> 4U != 0 && (kind & 0x0FU) != 0;
    const auto of = static_cast<family>(kind >> 4U);
    if (command == command_proxy && is_specified && size < fixed_size + addresses_size(of)) {
        return bad("the addresses are cut off");
    }
    if (received.size() < size) {
        return std::nullopt;
    }
    parsed_proxy_header parsed{.header = {}, .size = size, .version = 2};
    parsed.header.local = command == command_local;
    if (parsed.header.local || !is_specified) {
        return parsed; // Whatever follows is to be ignored.
    }
    parsed.header.datagrams = (kind & 0x0FU) == datagram;
    read_addresses(received.subspan(fixed_size), of, parsed.header);
    const auto read =
        read_extensions(received.first(size), fixed_size + addresses_size(of), parsed.header);
    if (!read) {
        return fail(read.error());
    }
    return parsed;
}

result<std::vector<std::byte>> encode_proxy_v2(const proxy_header& header, bool with_checksum) {
    std::vector<std::byte> out(proxy_wire::signature.begin(), proxy_wire::signature.end());
    out.push_back(
        static_cast<std::byte>(version2 | (header.local ? command_local : command_proxy)));
    out.resize(fixed_size);
    if (!header.local) {
        const auto kind = write_addresses(out, header);
        if (!kind) {
            return fail(kind.error());
        }
        out[13] = static_cast<std::byte>(*kind);
        const auto written = proxy_wire::write_extensions(out, header);
        if (!written) {
            return fail(written.error());
        }
    }
    if (with_checksum) {
        write_checksum(out);
    }
    const std::size_t size = out.size() - fixed_size;
    if (size > 0xFFFF) {
        return fail(errc::invalid_argument,
                    fmt::format("PROXY header: {} bytes are too long", size));
    }
    store_be16(std::span(out), 14, static_cast<std::uint16_t>(size));
    if (with_checksum) {
        store_be32(std::span(out), out.size() - 4, crc32c(0, out));
    }
    return out;
}

} // namespace runnel::inline v0
