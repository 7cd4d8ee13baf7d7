// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/task.hpp"
#include "runnel/core/buffer.hpp"
#include "runnel/core/error.hpp"
#include "runnel/flow/flow.hpp"
#include "runnel/http/field_block.hpp"
#include "runnel/http/outgoing_body.hpp"
#include "runnel/http/status.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <utility>

namespace runnel::inline v0::http {

/// Writes a body piece by piece, once the head has been sent. An error ends the connection, so that
/// the client sees a body that was cut.
using body_writer = std::move_only_function<task<result<void>>(outgoing_body&)>;

/// Takes the connection over, once the head has been sent: a flow on which HTTP has ended.
using flow_taker = std::move_only_function<task<void>(flow_ptr)>;

/// What a handler answers with. The fields that frame the message are written by the server.
class response {
public:
    /// Without a body.
    explicit response(status code = status::ok) noexcept : code_(code) {}
    /// With a body in one piece.
    response(status code, std::string_view type, buffer content)
        : code_(code), content_(std::move(content)) {
        fields_.add("Content-Type", type);
    }

    /// A short text.
    [[nodiscard]] static response text(status code, std::string_view content) {
        return {code, "text/plain; charset=utf-8", buffer::copy_of(content)};
    }
    /// A body of unknown length, made while it is sent: chunked, or up to the end of the connection
    /// for a client of HTTP/1.0.
    [[nodiscard]] static response stream(status code, std::string_view type, body_writer writer) {
        response made(code, type, buffer());
        made.writer_ = std::move(writer);
        return made;
    }
    /// The same of a known length, which the writer has to keep to.
    [[nodiscard]] static response stream(status code, std::string_view type, std::uint64_t length,
                                         body_writer writer) {
        response made = stream(code, type, std::move(writer));
        made.length_ = length;
        return made;
    }
    /// Switches to another protocol: 101 and its name, for a request that asked for it.
    [[nodiscard]] static response upgrade(std::string_view protocol, flow_taker taker) {
        response made(status::switching_protocols);
        made.protocol_ = protocol;
        made.taker_ = std::move(taker);
        return made;
    }
    /// Makes the connection a tunnel, in answer to CONNECT.
    [[nodiscard]] static response tunnel(flow_taker taker) {
        response made(status::ok);
        made.taker_ = std::move(taker);
        return made;
    }

    [[nodiscard]] status code() const noexcept { return code_; }
    [[nodiscard]] const field_block& fields() const noexcept { return fields_; }

    response& add(std::string_view name, std::string_view value) {
        fields_.add(name, value);
        return *this;
    }
    /// Removes the fields of this name.
    response& remove(std::string_view name) {
        fields_.remove(name);
        return *this;
    }
    /// Has the connection end behind this answer. Over HTTP/2, no further requests are taken.
    response& close() noexcept {
        close_ = true;
        return *this;
    }

    /// Whether the answer takes the connection over: `upgrade` or `tunnel`.
    [[nodiscard]] bool takes_over() const noexcept { return static_cast<bool>(taker_); }
    /// How long the body is, as far as that is known.
    [[nodiscard]] std::optional<std::uint64_t> length() const noexcept {
        return writer_ ? length_ : std::optional<std::uint64_t>(content_.size());
    }
    /// Replaces the body by one of unknown length that `change` makes of what writes the present
    /// one: for middleware that sends it otherwise.
    template <class F>
    response& transform(F change) {
        writer_ = change(take_writer());
        length_.reset();
        return *this;
    }

private:
    friend class server;
    friend class server_connection;
    friend class h2_server_stream;

    [[nodiscard]] body_writer take_writer();

    status code_;
    bool close_ = false;
    field_block fields_;
    buffer content_;
    std::optional<std::uint64_t> length_;
    body_writer writer_;
    flow_taker taker_;
    std::string_view protocol_; // a constant of the program
};

} // namespace runnel::inline v0::http
