// SPDX-License-Identifier: Apache-2.0
#include "runnel/stack/ip/dhcpv6_client.hpp"

#include "runnel/core/byte_order.hpp"

#include <algorithm>
#include <utility>

namespace runnel::inline v0::stack {
namespace {

constexpr std::byte reply{7};
constexpr std::byte information_request{11};

enum option : std::uint16_t {
    client_identifier = 1,
    server_identifier = 2,
    option_request = 6,
    elapsed_time = 8,
    dns_servers = 23,
    refresh_time = 32,
};

// RFC 8415 7.6 and 21.23.
constexpr duration first_delay = std::chrono::seconds(1);
constexpr duration first_wait = std::chrono::seconds(1);
constexpr duration longest_wait = std::chrono::seconds(3600);
constexpr std::uint32_t usual_refresh = 86'400;
constexpr std::uint32_t least_refresh = 600;
constexpr std::uint32_t without_end = 0xffff'ffff;

void put(std::vector<std::byte>& into, std::uint16_t code, std::span<const std::byte> bytes) {
    std::array<std::byte, 4> head{};
    store_be16(head.data(), code);
    store_be16(head.data() + 2, static_cast<std::uint16_t>(bytes.size()));
    into.insert(into.end(), head.begin(), head.end());
    into.insert(into.end(), bytes.begin(), bytes.end());
}

/// What counts of an answer.
struct answer {
    bool has_server = false;
    std::span<const std::byte> client;
    std::vector<ip_address> name_servers;
    std::uint32_t refresh = usual_refresh;
};

/// Nothing if an option is longer than the message, or of a length that cannot be.
std::optional<answer> read(std::span<const std::byte> options) {
    answer out;
    while (!options.empty()) {
        const std::size_t size = options.size() >= 4 ? load_be16(options.data() + 2) : 0;
        if (options.size() < 4 + size) {
            return std::nullopt;
        }
        const auto value = options.subspan(4, size);
        switch (load_be16(options.data())) {
        case server_identifier:
            out.has_server = true;
            break;
        case client_identifier:
            out.client = value;
            break;
        case dns_servers:
            if (size % 16 != 0) {
                return std::nullopt;
            }
            for (std::size_t at = 0; at < size; at += 16) {
                const ipv6_address one(
                    std::span<const std::byte, 16>(value.subspan(at).first<16>()));
                if (out.name_servers.size() < dhcpv6_client::max_servers && !one.is_multicast() &&
                    !one.is_unspecified()) {
                    out.name_servers.emplace_back(one);
                }
            }
            break;
        case refresh_time:
            out.refresh = size == 4 ? load_be32(value.data()) : out.refresh;
            break;
        default:
            break;
        }
        options = options.subspan(4 + size);
    }
    return out;
}

} // namespace

dhcpv6_client::dhcpv6_client(mac_address hardware, std::uint64_t seed) noexcept : random_(seed) {
    // A name by the address of the link (RFC 8415 11.4).
    store_be32(identifier_.data(), 0x0003'0001);
    std::copy(hardware.bytes().begin(), hardware.bytes().end(), identifier_.begin() + 4);
}

/// A tenth more or less (RFC 8415 15).
duration dhcpv6_client::spread(duration around) {
    const auto tenth = static_cast<std::uint64_t>(around.count() / 10);
    return around - duration(tenth) + duration(random_.below(2 * tenth + 1));
}

void dhcpv6_client::start(time_point now) {
    if (started_) {
        return;
    }
    started_ = true;
    // Not all hosts of a link at once (RFC 8415 18.2.6).
    deadline_ = now + duration(random_.below(static_cast<std::uint64_t>(first_delay.count())));
}

void dhcpv6_client::advance(time_point now) {
    if (now < deadline_) {
        return;
    }
    if (!asking_) {
        asking_ = true;
        began_ = now;
        transaction_ = static_cast<std::uint32_t>(random_.below(1U << 24U));
        wait_ = spread(first_wait);
    } else {
        wait_ = std::min(spread(2 * wait_), spread(longest_wait));
    }
    ask(now);
    deadline_ = now + wait_;
}

void dhcpv6_client::ask(time_point now) {
    std::vector<std::byte> bytes(4);
    store_be32(bytes.data(), transaction_);
    bytes[0] = information_request;
    put(bytes, client_identifier, identifier_);
    std::array<std::byte, 4> wanted{};
    store_be16(wanted.data(), dns_servers);
    store_be16(wanted.data() + 2, refresh_time);
    put(bytes, option_request, wanted);
    constexpr duration unit = std::chrono::milliseconds(10);
    std::array<std::byte, 2> elapsed{};
    store_be16(elapsed.data(),
               static_cast<std::uint16_t>(std::min<std::int64_t>((now - began_) / unit, 0xffff)));
    put(bytes, elapsed_time, elapsed);
    message_ = buffer::copy_of(bytes);
}

void dhcpv6_client::received(std::span<const std::byte> message, time_point now) {
    if (!asking_ || message.size() < 4 || message[0] != reply ||
        (load_be32(message.data()) & 0xff'ffffU) != transaction_) {
        return;
    }
    auto got = read(message.subspan(4));
    if (!got || !got->has_server || !std::ranges::equal(got->client, identifier_)) {
        return;
    }
    asking_ = false;
    name_servers_ = std::move(got->name_servers);
    deadline_ = got->refresh == without_end
                    ? never
                    : now + std::chrono::seconds(std::max(got->refresh, least_refresh));
}

std::optional<buffer> dhcpv6_client::next_message() {
    return std::exchange(message_, std::nullopt);
}

} // namespace runnel::inline v0::stack
