// SPDX-License-Identifier: Apache-2.0
#include "runnel/host/hvsock.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <utility>

namespace runnel::inline v0::host {
namespace {

constexpr std::size_t guid_text_size = 36;

constexpr bool is_dash_at(std::size_t place) noexcept {
    return place == 8 || place == 13 || place == 18 || place == 23;
}

constexpr int hex_digit(char c) noexcept {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

constexpr std::optional<guid> read_guid(std::string_view text) noexcept {
    if (text.size() == guid_text_size + 2 && text.front() == '{' && text.back() == '}') {
        text = text.substr(1, guid_text_size);
    }
    if (text.size() != guid_text_size) {
        return std::nullopt;
    }
    guid::byte_array bytes{};
    std::size_t digits = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (is_dash_at(i)) {
            if (text[i] != '-') {
                return std::nullopt;
            }
            continue;
        }
        const int digit = hex_digit(text[i]);
        if (digit < 0) {
            return std::nullopt;
        }
        std::uint8_t& byte = bytes[digits++ / 2];
        byte = static_cast<std::uint8_t>(byte << 4 | digit);
    }
    return guid(bytes);
}

constexpr guid known_children = *read_guid("90db8b89-0d35-4f79-8ce9-49ea0ac8b7cd");
constexpr guid known_loopback = *read_guid("e0e16197-dd56-4a10-9195-5ee7a155a838");
constexpr guid known_parent = *read_guid("a42e7cda-d03f-480c-9cc2-a4de20abb878");
constexpr guid known_silo_host = *read_guid("36bd0c5c-7276-4223-88ba-7d03b654c568");
/// The services of vsock ports, with the port zero.
constexpr guid port_template = *read_guid("00000000-facb-11e6-bd58-64006a7986d3");
/// Hyper-V takes no larger ones.
constexpr std::uint32_t largest_port = 0x7FFF'FFFF;

constexpr std::pair<std::string_view, guid> machine_names[] = {
    {"", guid()},
    {"*", guid()},
    {"wildcard", guid()},
    {"children", known_children},
    {"loopback", known_loopback},
    {"parent", known_parent},
    {"silohost", known_silo_host},
};

std::optional<guid> find_machine(std::string_view text) {
    for (const auto& [name, machine] : machine_names) {
        if (text == name) {
            return machine;
        }
    }
    return read_guid(text);
}

std::optional<guid> find_service(std::string_view text) {
    std::uint32_t port = 0;
    const char* const last = text.data() + text.size();
    const auto [stopped, failure] = std::from_chars(text.data(), last, port);
    if (failure == std::errc() && stopped == last && port <= largest_port) {
        return hyperv_service(port);
    }
    return read_guid(text);
}

std::string machine_text(const guid& machine) {
    if (machine == guid()) {
        return "";
    }
    for (const auto& [name, known] : machine_names) {
        if (machine == known) {
            return std::string(name);
        }
    }
    return machine.to_string();
}

} // namespace

result<guid> guid::parse(std::string_view text) {
    if (const auto read = read_guid(text)) {
        return *read;
    }
    return fail(errc::invalid_argument,
                fmt::format("'{}' is no GUID: expected hexadecimal digits as in "
                            "a42e7cda-d03f-480c-9cc2-a4de20abb878",
                            text));
}

std::string guid::to_string() const {
    std::string text;
    for (const std::uint8_t byte : bytes_) {
        if (is_dash_at(text.size())) {
            text += '-';
        }
        text += fmt::format("{:02x}", byte);
    }
    return text;
}

namespace hyperv_machine {

guid wildcard() noexcept {
    return guid();
}
guid children() noexcept {
    return known_children;
}
guid loopback() noexcept {
    return known_loopback;
}
guid parent() noexcept {
    return known_parent;
}
guid silo_host() noexcept {
    return known_silo_host;
}

} // namespace hyperv_machine

guid hyperv_service(std::uint32_t port) noexcept {
    guid::byte_array bytes = port_template.bytes();
    for (std::size_t i = 0; i < sizeof port; ++i) {
        bytes[i] = static_cast<std::uint8_t>(port >> (24 - 8 * i));
    }
    return guid(bytes);
}

std::optional<std::uint32_t> vsock_port(const guid& service) noexcept {
    constexpr std::size_t digits = sizeof(std::uint32_t);
    const guid::byte_array& bytes = service.bytes();
    if (!std::equal(bytes.begin() + digits, bytes.end(), port_template.bytes().begin() + digits)) {
        return std::nullopt;
    }
    std::uint32_t port = 0;
    for (std::size_t i = 0; i < digits; ++i) {
        port = port << 8 | bytes[i];
    }
    return port;
}

result<hvsock_address> hvsock_address::parse(std::string_view machine, std::string_view service) {
    const auto known = find_machine(machine);
    if (!known) {
        return fail(errc::invalid_argument,
                    fmt::format("'{}' is no Hyper-V machine: expected a GUID, 'wildcard', "
                                "'children', 'loopback', 'parent' or 'silohost'",
                                machine));
    }
    const auto at = find_service(service);
    if (!at) {
        return fail(errc::invalid_argument,
                    fmt::format("'{}' is no Hyper-V service: expected a GUID, or a port from 0 to "
                                "{}",
                                service, largest_port));
    }
    return hvsock_address(*known, *at);
}

result<vsock_address> hvsock_address::to_vsock() const {
    const auto port = vsock_port(service_);
    if (!port) {
        return fail(errc::not_supported,
                    fmt::format("service {} is no vsock port, and Linux reaches no others",
                                service_.to_string()));
    }
    if (machine_ == known_parent || machine_ == known_silo_host) {
        return vsock_address(vsock_address::host, *port);
    }
    if (machine_ == known_loopback) {
        return vsock_address(vsock_address::local, *port);
    }
    if (machine_ == guid() || machine_ == known_children) {
        return vsock_address(vsock_address::any, *port);
    }
    return fail(errc::not_supported,
                fmt::format("machine {} cannot be reached from Linux", machine_.to_string()));
}

result<hvsock_address> hvsock_address::from_vsock(const vsock_address& place) {
    const guid service = hyperv_service(place.port());
    switch (place.cid()) {
    case vsock_address::any:
        return hvsock_address(guid(), service);
    case vsock_address::local:
        return hvsock_address(known_loopback, service);
    case vsock_address::host:
        return hvsock_address(known_parent, service);
    default:
        return fail(errc::not_supported,
                    fmt::format("the GUID of machine {} is not known", place.cid()));
    }
}

flow_address hvsock_address::to_flow_address() const {
    return {"hvsock", fmt::format("//{}/{}", machine_text(machine_), service_.to_string())};
}

} // namespace runnel::inline v0::host
