// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/task.hpp"
#include "runnel/core/error.hpp"
#include "runnel/flow/flow.hpp"
#include "runnel/flow/flow_address.hpp"
#include "runnel/http/field_block.hpp"
#include "runnel/http/head_parser.hpp"
#include "runnel/http/incoming_body.hpp"
#include "runnel/http/status.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace runnel::inline v0::http {

/// Sends interim answers of one request: what a connection does for `request`.
class interim_sender {
public:
    interim_sender(const interim_sender&) = delete;
    interim_sender& operator=(const interim_sender&) = delete;
    [[nodiscard]] virtual task<result<void>> send_interim(status code,
                                                          const field_block& fields) = 0;

protected:
    interim_sender() noexcept = default;
    ~interim_sender() = default;
};

/// Where a request came from, beside its head.
struct request_origin {
    const flow& carrier;
    interim_sender& interim;
    std::string_view authority; ///< empty if HTTP/1.0 left it out
    /// What the connection is to change to: `Upgrade` of HTTP/1, `:protocol` of HTTP/2 (RFC 8441).
    std::string_view protocol;
    unsigned version = 1; ///< 1 or 2
};

/// A request as its handler sees it. Everything it gives is valid until the handler is done.
class request {
public:
    request(const request_head& head, const request_origin& origin, incoming_body& body) noexcept
        : head_(head), origin_(origin), body_(&body) {}
    request(const request&) = delete;
    request& operator=(const request&) = delete;
    ~request() = default;

    [[nodiscard]] method verb() const noexcept { return head_.verb; }
    [[nodiscard]] std::string_view method_name() const noexcept { return head_.method_name; }
    /// As it came: `/path?query` mostly.
    [[nodiscard]] std::string_view target() const noexcept { return head_.target; }
    /// The path of the target, percent-encoded as it came, without its authority and query.
    [[nodiscard]] std::string_view path() const noexcept;
    /// What follows the question mark; empty without.
    [[nodiscard]] std::string_view query() const noexcept;
    /// The host, and port if any, that the request is for; empty if HTTP/1.0 left it out.
    [[nodiscard]] std::string_view authority() const noexcept { return origin_.authority; }
    /// The protocol that the client wants to speak from here on, as it named it; empty: none. For a
    /// WebSocket over HTTP/2 that is "websocket", as it is over HTTP/1.
    [[nodiscard]] std::string_view protocol() const noexcept { return origin_.protocol; }
    /// 1 for HTTP/1, 2 for HTTP/2.
    [[nodiscard]] unsigned version() const noexcept { return origin_.version; }
    /// x of HTTP/1.x; 0 for HTTP/2.
    [[nodiscard]] unsigned minor() const noexcept { return head_.minor; }
    [[nodiscard]] const fields_view& fields() const noexcept { return head_.fields; }
    /// The value of the first field of this name.
    [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const noexcept {
        return head_.fields.find(name);
    }

    /// What the router found for a parameter of its pattern, decoded; empty without.
    [[nodiscard]] std::string_view parameter(std::string_view name) const noexcept;
    /// Sets a parameter, for routers. `name` outlives the request.
    void set_parameter(std::string_view name, std::string value);

    [[nodiscard]] incoming_body& body() noexcept { return *body_; }
    /// Has the handler behind a middleware read another body: what the middleware makes of this
    /// one, which stays as it is.
    void replace_body(std::unique_ptr<incoming_body> body) {
        body_ = body.get();
        replaced_.push_back(std::move(body));
    }

    /// Sends 103 with fields, mostly `Link`, that the client can act on before the answer
    /// (RFC 8297). Does nothing for HTTP/1.0.
    [[nodiscard]] task<result<void>> early_hints(const field_block& hints) {
        return origin_.interim.send_interim(status::early_hints, hints);
    }

    [[nodiscard]] flow_address local() const { return origin_.carrier.local(); }
    [[nodiscard]] flow_address remote() const { return origin_.carrier.remote(); }

private:
    request_head head_;
    request_origin origin_;
    incoming_body* body_;
    std::vector<std::unique_ptr<incoming_body>> replaced_;
    std::vector<std::pair<std::string_view, std::string>> parameters_;
};

} // namespace runnel::inline v0::http
