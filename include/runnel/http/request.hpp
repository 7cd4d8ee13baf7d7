// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/flow/flow_address.hpp"
#include "runnel/http/head_parser.hpp"
#include "runnel/http/incoming_body.hpp"

#include <optional>
#include <string_view>

namespace runnel::inline v0::http {

/// A request as its handler sees it. Everything it gives is valid until the handler is done.
class request {
public:
    request(const request_head& head, std::string_view authority, incoming_body& body,
            const flow& carrier) noexcept
        : head_(head), authority_(authority), body_(&body), carrier_(&carrier) {}

    [[nodiscard]] method verb() const noexcept { return head_.verb; }
    [[nodiscard]] std::string_view method_name() const noexcept { return head_.method_name; }
    /// As it came: `/path?query` mostly.
    [[nodiscard]] std::string_view target() const noexcept { return head_.target; }
    /// The path of the target, percent-encoded as it came, without its authority and query.
    [[nodiscard]] std::string_view path() const noexcept;
    /// What follows the question mark; empty without.
    [[nodiscard]] std::string_view query() const noexcept;
    /// The host, and port if any, that the request is for; empty if HTTP/1.0 left it out.
    [[nodiscard]] std::string_view authority() const noexcept { return authority_; }
    /// x of HTTP/1.x.
    [[nodiscard]] unsigned minor() const noexcept { return head_.minor; }
    [[nodiscard]] const fields_view& fields() const noexcept { return head_.fields; }
    /// The value of the first field of this name.
    [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const noexcept {
        return head_.fields.find(name);
    }

    [[nodiscard]] incoming_body& body() noexcept { return *body_; }

    [[nodiscard]] flow_address local() const { return carrier_->local(); }
    [[nodiscard]] flow_address remote() const { return carrier_->remote(); }

private:
    request_head head_;
    std::string_view authority_;
    incoming_body* body_;
    const flow* carrier_;
};

} // namespace runnel::inline v0::http
