// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/task.hpp"
#include "runnel/async/time.hpp"
#include "runnel/core/buffer.hpp"
#include "runnel/core/error.hpp"
#include "runnel/flow/buffered_flow.hpp"
#include "runnel/http/field_block.hpp"
#include "runnel/http/framing.hpp"
#include "runnel/http/outgoing_body.hpp"

#include <string_view>

namespace runnel::inline v0::http {

/// The body of an HTTP/1 message while it is sent (RFC 9112, sections 6 and 7).
class h1_outgoing_body final : public outgoing_body {
public:
    /// `timeout`: how long the peer may take nothing. See `outgoing_body` for `muted`.
    h1_outgoing_body(buffered_flow& target, const body_framing& framing, bool muted,
                     duration timeout) noexcept;

    [[nodiscard]] task<result<void>> flush() override;

private:
    [[nodiscard]] task<result<void>> put(buffer data) override;
    [[nodiscard]] task<result<void>> put_end(const field_block& trailers) override;
    [[nodiscard]] task<result<void>> put_piece(buffer data);
    [[nodiscard]] task<result<void>> put_text(std::string_view text);

    buffered_flow* target_;
    bool chunked_;
    duration timeout_;
};

} // namespace runnel::inline v0::http
