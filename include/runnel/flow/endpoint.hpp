// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/error.hpp"
#include "runnel/flow/parameters.hpp"
#include "runnel/flow/scheme.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace runnel::inline v0 {

/// What an endpoint consists of, all percent-encoding undone.
struct endpoint_parts {
    /// Outermost first; the last one is the transport, the others are layers over it.
    std::vector<std::string> schemes = {};
    /// Without brackets; empty for any address.
    std::string host = {};
    /// The port, or the number where the scheme takes just one, as `fd:3`.
    std::optional<std::uint32_t> number = {};
    /// The path or the free text.
    std::string path = {};

    friend bool operator==(const endpoint_parts&, const endpoint_parts&) = default;
};

/// A place that a flow can lead to, as text: one grammar for every transport.
///
///     endpoint   = chain ":" place [ "?" parameters ] / shorthand [ "?" parameters ]
///     chain      = *( layer "+" ) transport       ; tls+tcp, outermost first
///     place      = "//" host [ ":" port ] [ path ] ; tcp://example.org:80, tcp://[::1]:80,
///     tcp://:80
///                / [ "//" ] path                   ; unix:/run/x, unix:///run/x, file:notes
///                / text                            ; exec:ls -l
///                / number                          ; fd:3
///                / ""                              ; stdio:
///     parameters = parameter *( "&" parameter )    ; ?nodelay&keepalive=60s,10s,6
///     parameter  = name [ "=" value ]
///     shorthand  = host ":" port                   ; tcp://host:port
///                / ":" port                        ; tcp://:port
///                / "-"                             ; stdio:
///                / ( "/" / "./" / "../" ) path     ; unix:path
///
/// Which of the places a scheme takes is a row of the scheme table (`scheme_info`). In paths, texts
/// and values `%XX` is the byte with that number (RFC 3986, section 2.1): `%3F` a question mark,
/// `%25` a percent sign, and in values `%26` an ampersand and `%2C` a comma that does not separate.
/// Everything else, spaces included, is itself. Schemes and host names do not depend on upper and
/// lower case; host names are ASCII. An IPv6 address may carry a zone, as in `[fe80::1%eth0]`, also
/// written `%25eth0`.
class endpoint {
public:
    /// Longest text of an endpoint, in bytes.
    static constexpr std::size_t longest = 65536;

    /// Reads an endpoint. Malformed text gives `errc::invalid_argument`, whose text quotes it,
    /// names the character, counted from 1, and says what was expected there. Nothing is looked up
    /// or opened.
    [[nodiscard]] static result<endpoint> parse(std::string_view text);

    /// Puts an endpoint together and checks it by the same rules. No parameters.
    [[nodiscard]] static result<endpoint> make(endpoint_parts parts);

    /// All schemes in lower case, outermost first; never empty.
    [[nodiscard]] std::span<const std::string> schemes() const noexcept { return parts_.schemes; }

    /// The schemes without the transport: `tls` in `tls+tcp:`; often empty.
    [[nodiscard]] std::span<const std::string> layers() const noexcept {
        return schemes().first(parts_.schemes.size() - 1);
    }

    /// The scheme that carries the bytes, the last one.
    [[nodiscard]] const std::string& transport() const noexcept { return parts_.schemes.back(); }

    /// The table's row of the transport.
    [[nodiscard]] const scheme_info& info() const noexcept { return *info_; }

    /// A name in lower case or an address in its canonical form, without brackets. Empty where the
    /// endpoint means any address, and where the scheme has no host.
    [[nodiscard]] const std::string& host() const noexcept { return parts_.host; }

    /// The port, also where it is the scheme's default.
    [[nodiscard]] std::optional<std::uint32_t> port() const noexcept { return parts_.number; }

    /// The number of a scheme that takes just that, as `fd:3`.
    [[nodiscard]] std::optional<std::uint32_t> number() const noexcept { return parts_.number; }

    /// The path or free text, percent-encoding undone.
    [[nodiscard]] const std::string& path() const noexcept { return parts_.path; }

    [[nodiscard]] const parameters& params() const noexcept { return params_; }

    /// The same endpoint without its outermost layer: what that layer runs over. It keeps all
    /// parameters. There must be a layer.
    [[nodiscard]] endpoint inner() const;

    /// The canonical text, which `parse` reads back as an equal endpoint.
    [[nodiscard]] std::string to_string() const;

    friend bool operator==(const endpoint& a, const endpoint& b) noexcept {
        return a.parts_ == b.parts_ && a.params_ == b.params_;
    }

private:
    endpoint(endpoint_parts parts, const scheme_info* info, parameters params)
        : parts_(std::move(parts)), info_(info), params_(std::move(params)) {}

    endpoint_parts parts_;
    const scheme_info* info_;
    parameters params_;
};

} // namespace runnel::inline v0
