// SPDX-License-Identifier: Apache-2.0
#include "runnel/core/mac_address.hpp"

#include "address_text.hpp"

namespace runnel::inline v0 {

result<mac_address> mac_address::parse(std::string_view text) {
    address_reader in("MAC address", text);
    byte_array bytes{};
    const std::string_view separator = text.contains(':') ? ":" : "-";
    for (std::size_t i = 0; i < byte_count; ++i) {
        if (i > 0) {
            in.expect(separator, separator == ":" ? "':'" : "'-'");
        }
        bytes[i] = static_cast<std::byte>(in.hex(2, 2, "two hexadecimal digits"));
    }
    return in.finish(mac_address(bytes));
}

std::string_view mac_address::format_to(std::span<char, max_text_size> out) const noexcept {
    text_writer text(out);
    for (std::size_t i = 0; i < byte_count; ++i) {
        if (i > 0) {
            text.put(':');
        }
        text.number(std::to_integer<unsigned>(bytes_[i]) >> 4U, 16);
        text.number(std::to_integer<unsigned>(bytes_[i]) & 0xfU, 16);
    }
    return text.view();
}

std::string mac_address::to_string() const {
    return text_of(*this);
}

} // namespace runnel::inline v0
