// SPDX-License-Identifier: Apache-2.0
#include "runnel/stack/ip/dhcp_message.hpp"

#include "runnel/core/byte_order.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

namespace runnel::inline v0::stack {
namespace {

// Places in the part that all messages have (RFC 2131 2).
constexpr std::size_t fixed_size = 236;
constexpr std::size_t server_name_place = 44;
constexpr std::size_t server_name_size = 64;
constexpr std::size_t file_place = 108;
constexpr std::size_t file_size = 128;
constexpr std::uint32_t magic_cookie = 0x6382'5363;
constexpr std::size_t options_place = fixed_size + 4;
/// What relays of BOOTP ask at least (RFC 1542 2.1).
constexpr std::size_t smallest_sent = 300;
constexpr std::uint8_t ethernet = 1;
constexpr std::uint16_t broadcast_flag = 0x8000;

enum option : std::uint8_t {
    pad = 0,
    subnet_mask = 1,
    routers = 3,
    name_servers = 6,
    domain_name = 15,
    interface_mtu = 26,
    requested_address = 50,
    lease_time = 51,
    overload = 52,
    message_type = 53,
    server_identifier = 54,
    parameter_list = 55,
    message_text = 56,
    max_message_size = 57,
    renewal_time = 58,
    rebinding_time = 59,
    client_identifier = 61,
    classless_routes = 121,
    end = 255,
};

/// The options of a message, wherever they stand in it.
class option_areas {
public:
    /// False if a length reaches behind the end of its area.
    bool add(std::span<const std::byte> area) {
        for (std::size_t at = 0; at < area.size();) {
            const auto code = std::to_integer<std::uint8_t>(area[at]);
            if (code == pad) {
                ++at;
                continue;
            }
            if (code == end) {
                break;
            }
            const std::size_t size =
                at + 1 < area.size() ? std::to_integer<std::size_t>(area[at + 1]) : area.size();
            if (at + 2 + size > area.size()) {
                return false;
            }
            pieces_.push_back({code, area.subspan(at + 2, size)});
            at += 2 + size;
        }
        return true;
    }
    /// All pieces of an option behind each other (RFC 3396); empty if it is not there.
    [[nodiscard]] std::vector<std::byte> find(std::uint8_t code) const {
        std::vector<std::byte> whole;
        for (const piece& one : pieces_) {
            if (one.code == code) {
                whole.insert(whole.end(), one.bytes.begin(), one.bytes.end());
            }
        }
        return whole;
    }
    [[nodiscard]] std::optional<std::uint32_t> number(std::uint8_t code) const {
        const auto bytes = find(code);
        return bytes.size() == 4 ? std::optional(load_be32(bytes.data())) : std::nullopt;
    }
    [[nodiscard]] std::optional<ipv4_address> address(std::uint8_t code) const {
        const auto value = number(code);
        return value ? std::optional(ipv4_address(*value)) : std::nullopt;
    }
    [[nodiscard]] std::vector<ipv4_address> addresses(std::uint8_t code) const {
        std::vector<ipv4_address> out;
        const auto bytes = find(code);
        for (std::size_t at = 0; at + 4 <= bytes.size() && out.size() < dhcp_message::max_servers;
             at += 4) {
            out.emplace_back(load_be32(bytes.data() + at));
        }
        return out;
    }
    /// Only what can be shown; a zero at the end does not count (RFC 2132 2).
    [[nodiscard]] std::string text(std::uint8_t code) const {
        std::string out;
        for (const std::byte one : find(code)) {
            const char character = static_cast<char>(one);
            if (character == '\0') {
                break;
            }
            out += character >= ' ' && character <= '~' ? character : '?';
        }
        return out;
    }

private:
    struct piece {
        std::uint8_t code;
        std::span<const std::byte> bytes;
    };
    std::vector<piece> pieces_;
};

std::optional<unsigned> read_mask(std::optional<std::uint32_t> mask) {
    if (!mask || std::countl_one(*mask) + std::countr_zero(*mask) < 32) {
        return std::nullopt;
    }
    return static_cast<unsigned>(std::countl_one(*mask));
}

/// RFC 3442: the length of a network, as many bytes of it as that takes, and a router. Nothing if
/// one of them cannot be.
std::vector<dhcp_message::route> read_routes(std::span<const std::byte> bytes) {
    std::vector<dhcp_message::route> out;
    while (!bytes.empty() && out.size() < dhcp_message::max_routes) {
        const auto length = std::to_integer<unsigned>(bytes[0]);
        const std::size_t significant = (length + 7) / 8;
        if (length > 32 || bytes.size() < 1 + significant + 4) {
            return {};
        }
        std::array<std::byte, 4> network{};
        std::copy_n(bytes.begin() + 1, significant, network.begin());
        const ip_prefix destination(ipv4_address(load_be32(network.data())), length);
        out.push_back(
            {destination.network(), ipv4_address(load_be32(bytes.data() + 1 + significant))});
        bytes = bytes.subspan(1 + significant + 4);
    }
    return out;
}

void read_options(const option_areas& from, dhcp_message& into) {
    into.requested = from.address(requested_address);
    into.server = from.address(server_identifier);
    into.lease_seconds = from.number(lease_time);
    into.renewal_seconds = from.number(renewal_time);
    into.rebinding_seconds = from.number(rebinding_time);
    into.prefix_length = read_mask(from.number(subnet_mask));
    into.routers = from.addresses(routers);
    into.name_servers = from.addresses(name_servers);
    into.routes = read_routes(from.find(classless_routes));
    into.domain = from.text(domain_name);
    into.text = from.text(message_text);
    if (const auto bytes = from.find(interface_mtu); bytes.size() == 2) {
        into.mtu = load_be16(bytes.data());
    }
}

/// Writes options behind each other, as far as there is room.
class option_writer {
public:
    explicit option_writer(std::span<std::byte> room) : room_(room) {}

    void put(std::uint8_t code, std::span<const std::byte> bytes) {
        if (bytes.size() > 255 || at_ + 2 + bytes.size() >= room_.size()) {
            return;
        }
        room_[at_] = std::byte{code};
        room_[at_ + 1] = static_cast<std::byte>(bytes.size());
        std::copy(bytes.begin(), bytes.end(), room_.begin() + static_cast<std::ptrdiff_t>(at_ + 2));
        at_ += 2 + bytes.size();
    }
    void put(std::uint8_t code, std::uint32_t number) {
        std::array<std::byte, 4> bytes{};
        store_be32(bytes.data(), number);
        put(code, bytes);
    }
    void put(std::uint8_t code, const std::optional<std::uint32_t>& number) {
        if (number) {
            put(code, *number);
        }
    }
    void put(std::uint8_t code, const std::optional<ipv4_address>& address) {
        if (address) {
            put(code, address->number());
        }
    }
    void put(std::uint8_t code, std::string_view text) {
        if (!text.empty()) {
            put(code, std::as_bytes(std::span(text.substr(0, 255))));
        }
    }
    void put(std::uint8_t code, const std::vector<ipv4_address>& list) {
        std::vector<std::byte> bytes;
        for (const ipv4_address one : list) {
            if (bytes.size() < 4 * dhcp_message::max_servers) {
                const auto four = one.bytes();
                bytes.insert(bytes.end(), four.begin(), four.end());
            }
        }
        if (!bytes.empty()) {
            put(code, bytes);
        }
    }
    std::size_t finish() {
        room_[at_++] = std::byte{option::end};
        return at_;
    }

private:
    std::span<std::byte> room_;
    std::size_t at_ = 0;
};

std::vector<std::byte> routes_as_bytes(const std::vector<dhcp_message::route>& routes) {
    std::vector<std::byte> bytes;
    for (const dhcp_message::route& one : routes) {
        const unsigned length = one.destination.length();
        const auto network = one.destination.first().v4().bytes();
        const auto gateway = one.gateway.bytes();
        if (bytes.size() + 9 > 255) {
            break;
        }
        bytes.push_back(static_cast<std::byte>(length));
        bytes.insert(bytes.end(), network.begin(), network.begin() + (length + 7) / 8);
        bytes.insert(bytes.end(), gateway.begin(), gateway.end());
    }
    return bytes;
}

void put_options(const dhcp_message& from, option_writer& into) {
    const std::array type{static_cast<std::byte>(from.what)};
    into.put(message_type, type);
    into.put(requested_address, from.requested);
    into.put(server_identifier, from.server);
    into.put(lease_time, from.lease_seconds);
    into.put(renewal_time, from.renewal_seconds);
    into.put(rebinding_time, from.rebinding_seconds);
    if (from.prefix_length) {
        into.put(subnet_mask, ip_prefix(ipv4_address(), *from.prefix_length).mask().v4().number());
    }
    into.put(option::routers, from.routers);
    into.put(option::name_servers, from.name_servers);
    into.put(domain_name, from.domain);
    into.put(message_text, from.text);
    if (from.mtu) {
        std::array<std::byte, 2> bytes{};
        store_be16(bytes.data(), *from.mtu);
        into.put(interface_mtu, bytes);
    }
    if (const auto bytes = routes_as_bytes(from.routes); !bytes.empty()) {
        into.put(classless_routes, bytes);
    }
}

/// What only clients say: who they are and what they want to know.
void put_wishes(const dhcp_message& from, option_writer& into) {
    std::array<std::byte, 7> identifier{std::byte{ethernet}};
    std::copy(from.hardware.bytes().begin(), from.hardware.bytes().end(), identifier.begin() + 1);
    into.put(client_identifier, identifier);
    if (from.what == dhcp_message::kind::discover || from.what == dhcp_message::kind::request) {
        // The one of classless routes stands in front of that of routers (RFC 3442).
        constexpr std::array wanted{
            std::byte{classless_routes}, std::byte{subnet_mask},  std::byte{routers},
            std::byte{name_servers},     std::byte{domain_name},  std::byte{interface_mtu},
            std::byte{lease_time},       std::byte{renewal_time}, std::byte{rebinding_time}};
        into.put(parameter_list, wanted);
        std::array<std::byte, 2> size{};
        store_be16(size.data(), dhcp_message::max_size + 28);
        into.put(max_message_size, size);
    }
}

} // namespace

result<dhcp_message> dhcp_message::parse(std::span<const std::byte> bytes) {
    const auto wrong = [](const char* why) {
        return fail(errc::protocol_error, std::string("DHCP: ") + why);
    };
    if (bytes.size() < options_place || bytes.size() > max_size) {
        return wrong("a message of a size that cannot be");
    }
    const std::byte* const at = bytes.data();
    const auto operation = std::to_integer<unsigned>(at[0]);
    if ((operation != 1 && operation != 2) || at[1] != std::byte{ethernet} ||
        at[2] != std::byte{mac_address::byte_count} || load_be32(at + fixed_size) != magic_cookie) {
        return wrong("no message for Ethernet");
    }
    option_areas options;
    if (!options.add(bytes.subspan(options_place))) {
        return wrong("an option that is longer than the message");
    }
    if (const auto more = options.find(overload); more.size() == 1) {
        const auto which = std::to_integer<unsigned>(more[0]);
        if (((which & 1U) != 0 && !options.add(bytes.subspan(file_place, file_size))) ||
            ((which & 2U) != 0 &&
             !options.add(bytes.subspan(server_name_place, server_name_size)))) {
            return wrong("an option that is longer than its field");
        }
    }
    const auto type = options.find(message_type);
    if (type.size() != 1 || type[0] < std::byte{1} || type[0] > std::byte{8}) {
        return wrong("no type of message");
    }
    dhcp_message out;
    out.what = static_cast<kind>(type[0]);
    out.reply = operation == 2;
    out.transaction = load_be32(at + 4);
    out.seconds = load_be16(at + 8);
    out.broadcast = (load_be16(at + 10) & broadcast_flag) != 0;
    out.client = ipv4_address(load_be32(at + 12));
    out.yours = ipv4_address(load_be32(at + 16));
    out.relay = ipv4_address(load_be32(at + 24));
    out.hardware = mac_address(bytes.subspan<28, 6>());
    read_options(options, out);
    return out;
}

buffer dhcp_message::encode() const {
    buffer made = buffer::allocate(max_size);
    const std::span<std::byte> bytes = made.writable();
    std::ranges::fill(bytes, std::byte{0});
    std::byte* const at = bytes.data();
    at[0] = std::byte{static_cast<std::uint8_t>(reply ? 2 : 1)};
    at[1] = std::byte{ethernet};
    at[2] = std::byte{mac_address::byte_count};
    store_be32(at + 4, transaction);
    store_be16(at + 8, seconds);
    store_be16(at + 10, broadcast ? broadcast_flag : std::uint16_t{0});
    store_be32(at + 12, client.number());
    store_be32(at + 16, yours.number());
    store_be32(at + 24, relay.number());
    std::memcpy(at + 28, hardware.bytes().data(), mac_address::byte_count);
    store_be32(at + fixed_size, magic_cookie);
    option_writer options(bytes.subspan(options_place));
    put_options(*this, options);
    if (!reply) {
        put_wishes(*this, options);
    }
    return made.share(0, std::max(options_place + options.finish(), smallest_sent));
}

} // namespace runnel::inline v0::stack
