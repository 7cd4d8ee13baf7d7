// SPDX-License-Identifier: Apache-2.0
#include "runnel/core/ip_prefix.hpp"

#include "address_text.hpp"

namespace runnel::inline v0 {

result<ip_prefix> ip_prefix::parse(std::string_view text) {
    address_reader in("IP prefix", text);
    const ip_address address = text.contains(':') ? ip_address(in.ipv6()) : ip_address(in.ipv4());
    in.expect("/", "'/' and a length");
    const std::uint32_t length = in.number("a length", 0, address.width());
    return in.finish(in.failed() ? ip_prefix() : ip_prefix(address, length));
}

std::string_view ip_prefix::format_to(std::span<char, max_text_size> out) const noexcept {
    text_writer text(out);
    put(text, address_);
    text.put('/');
    text.number(length_);
    return text.view();
}

std::string ip_prefix::to_string() const {
    return text_of(*this);
}

} // namespace runnel::inline v0
