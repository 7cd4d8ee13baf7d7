// SPDX-License-Identifier: Apache-2.0
#include "runnel/core/ip_endpoint.hpp"

#include "address_text.hpp"

namespace runnel::inline v0 {
namespace {

/// Whether this looks like an IPv6 address that lacks its brackets.
bool has_two_colons(std::string_view text) noexcept {
    return text.find(':') != text.rfind(':');
}

} // namespace

result<ip_endpoint> ip_endpoint::parse(std::string_view text) {
    address_reader in("endpoint", text);
    ip_address address;
    if (in.take("[")) {
        address = in.scoped_ipv6();
        in.expect("]", "']'");
    } else if (has_two_colons(text)) {
        in.complain("'[' in front of an IPv6 address");
    } else {
        address = in.ipv4();
    }
    in.expect(":", "':' and a port");
    return in.finish(ip_endpoint(address, in.port()));
}

std::string_view ip_endpoint::format_to(std::span<char, max_text_size> out) const noexcept {
    text_writer text(out);
    if (address_.is_v4()) {
        put(text, address_);
    } else {
        text.put('[');
        put(text, address_);
        text.put(']');
    }
    text.put(':');
    text.number(port_);
    return text.view();
}

std::string ip_endpoint::to_string() const {
    return text_of(*this);
}

result<std::uint16_t> parse_port(std::string_view text) {
    address_reader in("port", text);
    return in.finish(in.port());
}

} // namespace runnel::inline v0
