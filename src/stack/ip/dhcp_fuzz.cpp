// SPDX-License-Identifier: Apache-2.0
// Hands any bytes to the parser of DHCP, and to clients of DHCP and DHCPv6 in the middle of their
// lives. A message that was read can be written and read again, with the same meaning.

#include "runnel/core/check.hpp"
#include "runnel/stack/ip/dhcp_client.hpp"
#include "runnel/stack/ip/dhcpv6_client.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

namespace {

using namespace runnel;
using namespace runnel::stack;

constexpr mac_address mac(2, 0, 0, 0, 0, 1);

/// No machine runs for so long, and a lease of 136 years from then on still ends within time.
constexpr time_point latest(std::chrono::years(100));

void read_and_write(std::span<const std::byte> bytes) {
    const auto first = dhcp_message::parse(bytes);
    if (!first) {
        return;
    }
    check(first->routers.size() <= dhcp_message::max_servers, "lists are bounded");
    check(first->name_servers.size() <= dhcp_message::max_servers, "lists are bounded");
    check(first->routes.size() <= dhcp_message::max_routes, "lists are bounded");
    const buffer written = first->encode();
    const auto second = dhcp_message::parse(written.span());
    check(second.has_value(), "what was written can be read");
    check(second->what == first->what && second->yours == first->yours &&
              second->lease_seconds == first->lease_seconds && second->routers == first->routers,
          "and means the same");
}

/// Takes what a client wants done, and answers its checks. Gives the number of its conversation.
std::uint32_t drain(dhcp_client& client, time_point now, bool free) {
    std::uint32_t transaction = 0;
    while (const auto next = client.next_action()) {
        if (const auto* sent = std::get_if<dhcp_client::send>(&*next)) {
            transaction = dhcp_message::parse(sent->message.span())->transaction;
        } else if (std::holds_alternative<dhcp_client::check>(*next)) {
            client.checked(free, now);
        }
    }
    return transaction;
}

/// The bytes are messages behind their lengths, with the number of the conversation and our
/// Ethernet address put in.
void play(std::span<const std::byte> bytes) {
    time_point now(std::chrono::hours(1));
    dhcp_client client(mac, 1);
    client.start(now);
    std::uint32_t transaction = drain(client, now, true);
    while (bytes.size() > 2 && now < latest) {
        const std::size_t size =
            std::min<std::size_t>(load_be16(bytes.data()) % 512, bytes.size() - 2);
        std::vector<std::byte> message(bytes.begin() + 2,
                                       bytes.begin() + 2 + static_cast<std::ptrdiff_t>(size));
        bytes = bytes.subspan(2 + size);
        if (message.size() > 34) {
            store_be32(message.data() + 4, transaction);
            std::memcpy(message.data() + 28, mac.bytes().data(), 6);
        }
        client.received(message, now);
        const bool free = message.empty() || message[0] != std::byte{9};
        if (const std::uint32_t seen = drain(client, now, free); seen != 0) {
            transaction = seen;
        }
        if (size % 2 == 1 && client.deadline() != never) {
            now = std::max(now, client.deadline());
            client.advance(now);
            if (const std::uint32_t seen = drain(client, now, free); seen != 0) {
                transaction = seen;
            }
        }
    }
}

/// An answer to DHCPv6, with the number of the conversation put in.
void answer_v6(std::span<const std::byte> bytes) {
    time_point now(std::chrono::hours(1));
    dhcpv6_client client(mac, 1);
    client.start(now);
    for (int i = 0; i < 3 && client.deadline() < latest; ++i) {
        now = client.deadline();
        client.advance(now);
        const auto asked = client.next_message();
        std::vector<std::byte> answer(bytes.begin(), bytes.end());
        if (asked && answer.size() >= 4) {
            std::memcpy(answer.data(), asked->data(), 4);
            answer[0] = std::byte{7};
        }
        client.received(answer, now);
        check(client.name_servers().size() <= dhcpv6_client::max_servers, "lists are bounded");
        check(client.deadline() > now, "time goes on");
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto bytes = std::as_bytes(std::span(data, std::min<std::size_t>(size, 4096)));
    read_and_write(bytes);
    play(bytes);
    answer_v6(bytes);
    return 0;
}
