// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/ip_endpoint.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace runnel::inline v0 {

/// Where one side of a flow is: an Internet address and port, a path, or another transport's own
/// text.
class flow_address {
public:
    /// No address: a pipe, an unnamed socket.
    explicit flow_address(std::string_view scheme) noexcept : scheme_(scheme) {}
    flow_address(std::string_view scheme, ip_endpoint ip) noexcept : scheme_(scheme), place_(ip) {}
    flow_address(std::string_view scheme, std::string text)
        : scheme_(scheme), place_(std::move(text)) {}

    /// The scheme of the transport as in endpoint texts, such as "tcp"; a constant of the program.
    [[nodiscard]] std::string_view scheme() const noexcept { return scheme_; }

    /// The Internet address and port, if the transport has them.
    [[nodiscard]] std::optional<ip_endpoint> ip() const noexcept;

    /// The path or text, empty if there is none.
    [[nodiscard]] std::string_view text() const noexcept;

    /// As an endpoint text: `tcp://192.0.2.1:80`, `unix:/run/x`, `pipe:`.
    [[nodiscard]] std::string to_string() const;

    friend bool operator==(const flow_address&, const flow_address&) = default;

private:
    std::string_view scheme_;
    std::variant<std::monostate, ip_endpoint, std::string> place_;
};

} // namespace runnel::inline v0
