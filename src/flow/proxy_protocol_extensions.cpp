// SPDX-License-Identifier: Apache-2.0
#include "crc32c.hpp"
#include "proxy_protocol_parts.hpp"
#include "runnel/core/byte_order.hpp"

#include <fmt/format.h>

#include <array>
#include <limits>

namespace runnel::inline v0::proxy_wire {
namespace {

/// Type and length.
constexpr std::size_t extension_head = 3;

/// Flags and the result of verification, in front of what is nested in the one about TLS.
constexpr std::size_t tls_head = 5;

namespace tls_flag {
constexpr unsigned used = 0x01;
constexpr unsigned certificate_on_connection = 0x02;
constexpr unsigned certificate_on_session = 0x04;
} // namespace tls_flag

struct extension {
    std::uint8_t type = 0;
    std::size_t offset = 0; // of the value in what is read
    std::span<const std::byte> value;

    [[nodiscard]] std::string text() const {
        return {reinterpret_cast<const char*>(value.data()), value.size()};
    }
};

/// The extension at `offset`, which is before the end.
result<extension> extension_at(std::span<const std::byte> bytes, std::size_t offset) {
    const std::size_t left = bytes.size() - offset;
    if (left < extension_head || left - extension_head < load_be16(bytes, offset + 1)) {
        return bad("an extension is cut off");
    }
    const std::size_t begin = offset + extension_head;
    return extension{std::to_integer<std::uint8_t>(bytes[offset]), begin,
                     bytes.subspan(begin, load_be16(bytes, offset + 1))};
}

/// The place of a text that is nested in the extension about TLS, or null for an unknown type.
std::string* text_of(proxy_tls& tls, std::uint8_t which) noexcept {
    switch (which) {
    case type::tls_version:
        return &tls.version;
    case type::tls_common_name:
        return &tls.common_name;
    case type::tls_cipher:
        return &tls.cipher;
    case type::tls_signature_algorithm:
        return &tls.signature_algorithm;
    case type::tls_key_algorithm:
        return &tls.key_algorithm;
    default:
        return nullptr;
    }
}

result<proxy_tls> read_tls(std::span<const std::byte> value) {
    if (value.size() < tls_head) {
        return bad("the extension about TLS is cut off");
    }
    const auto flags = std::to_integer<unsigned>(value[0]);
    proxy_tls tls;
    tls.used = (flags & tls_flag::used) != 0;
    tls.certificate_on_connection = (flags & tls_flag::certificate_on_connection) != 0;
    tls.certificate_on_session = (flags & tls_flag::certificate_on_session) != 0;
    tls.verify = load_be32(value, 1);
    for (std::size_t at = tls_head; at < value.size();) {
        const auto nested = extension_at(value, at);
        if (!nested) {
            return fail(nested.error());
        }
        if (std::string* text = text_of(tls, nested->type)) {
            *text = nested->text();
        }
        at = nested->offset + nested->value.size();
    }
    return tls;
}

/// The sum over the whole header, with zeros in place of the checksum itself.
result<void> verify_checksum(std::span<const std::byte> header, const extension& checksum) {
    if (checksum.value.size() != 4) {
        return bad("the checksum is not 4 bytes");
    }
    constexpr std::array<std::byte, 4> zeros{};
    std::uint32_t sum = crc32c(0, header.first(checksum.offset));
    sum = crc32c(sum, zeros);
    sum = crc32c(sum, header.subspan(checksum.offset + 4));
    if (sum != load_be32(checksum.value)) {
        return bad("the checksum is wrong");
    }
    return {};
}

/// Where the text of a known type goes, or null for another type.
std::optional<std::string>* place_of(proxy_header& header, std::uint8_t which) noexcept {
    switch (which) {
    case type::alpn:
        return &header.alpn;
    case type::authority:
        return &header.authority;
    case type::unique_id:
        return &header.unique_id;
    case type::network_namespace:
        return &header.network_namespace;
    default:
        return nullptr;
    }
}

bool has_place(std::uint8_t which) noexcept {
    proxy_header any;
    return place_of(any, which) != nullptr || which == type::tls || which == type::crc32c ||
           which == type::noop;
}

result<void> take(const extension& next, proxy_header& into) {
    if (next.type == type::tls) {
        auto tls = read_tls(next.value);
        if (!tls) {
            return fail(tls.error());
        }
        if (into.tls) {
            return bad("an extension is given twice");
        }
        into.tls = std::move(*tls);
    } else if (std::optional<std::string>* place = place_of(into, next.type)) {
        if (*place) {
            return bad("an extension is given twice");
        }
        if (next.type == type::unique_id && next.value.size() > proxy_header::longest_unique_id) {
            return bad("the unique id is longer than 128 bytes");
        }
        *place = next.text();
    } else if (next.type != type::noop) {
        into.extensions.push_back({next.type, next.text()});
    }
    return {};
}

/// Appends extensions to a buffer; remembers whether one did not fit.
class extension_writer {
public:
    explicit extension_writer(std::vector<std::byte>& out) : out_(out) {}

    void add(std::uint8_t which, std::string_view value) {
        fits_ = fits_ && value.size() <= std::numeric_limits<std::uint16_t>::max();
        const auto bytes = std::as_bytes(std::span(value));
        out_.push_back(std::byte{which});
        out_.push_back(static_cast<std::byte>(value.size() >> 8U));
        out_.push_back(static_cast<std::byte>(value.size()));
        out_.insert(out_.end(), bytes.begin(), bytes.end());
    }

    void add(std::uint8_t which, const std::optional<std::string>& value) {
        if (value) {
            add(which, std::string_view(*value));
        }
    }

    void add(const proxy_tls& tls) {
        std::vector<std::byte> value(tls_head);
        value[0] = static_cast<std::byte>(
            (tls.used ? tls_flag::used : 0) |
            (tls.certificate_on_connection ? tls_flag::certificate_on_connection : 0) |
            (tls.certificate_on_session ? tls_flag::certificate_on_session : 0));
        store_be32(std::span(value), 1, tls.verify);
        extension_writer nested(value);
        proxy_tls copy = tls;
        for (std::uint8_t which = type::tls_version; which <= type::tls_key_algorithm; ++which) {
            const std::string& text = *text_of(copy, which);
            if (!text.empty()) {
                nested.add(which, std::string_view(text));
            }
        }
        fits_ = fits_ && nested.fits_;
        add(type::tls, std::string_view(reinterpret_cast<const char*>(value.data()), value.size()));
    }

    [[nodiscard]] bool fits() const { return fits_; }

private:
    std::vector<std::byte>& out_;
    bool fits_ = true;
};

} // namespace

result<void> read_extensions(std::span<const std::byte> header, std::size_t offset,
                             proxy_header& into) {
    bool summed = false;
    while (offset < header.size()) {
        const auto next = extension_at(header, offset);
        if (!next) {
            return fail(next.error());
        }
        if (next->type == type::crc32c && std::exchange(summed, true)) {
            return bad("an extension is given twice");
        }
        const auto taken =
            next->type == type::crc32c ? verify_checksum(header, *next) : take(*next, into);
        if (!taken) {
            return taken;
        }
        offset = next->offset + next->value.size();
    }
    return {};
}

result<void> write_extensions(std::vector<std::byte>& out, const proxy_header& header) {
    if (header.unique_id && header.unique_id->size() > proxy_header::longest_unique_id) {
        return fail(errc::invalid_argument,
                    fmt::format("PROXY header: a unique id of {} bytes is too long",
                                header.unique_id->size()));
    }
    extension_writer writer(out);
    writer.add(type::alpn, header.alpn);
    writer.add(type::authority, header.authority);
    writer.add(type::unique_id, header.unique_id);
    if (header.tls) {
        writer.add(*header.tls);
    }
    writer.add(type::network_namespace, header.network_namespace);
    for (const proxy_extension& each : header.extensions) {
        if (has_place(each.type)) {
            return fail(
                errc::invalid_argument,
                fmt::format("PROXY header: extension {} has a place of its own", each.type));
        }
        writer.add(each.type, std::string_view(each.value));
    }
    if (!writer.fits()) {
        return fail(errc::invalid_argument,
                    "PROXY header: an extension is longer than 65535 bytes");
    }
    return {};
}

} // namespace runnel::inline v0::proxy_wire
