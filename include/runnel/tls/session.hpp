// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/task.hpp"
#include "runnel/core/error.hpp"
#include "runnel/flow/flow.hpp"
#include "runnel/tls/config.hpp"

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace runnel::inline v0::tls {

/// What the two sides agreed on.
struct session_info {
    tls::version version = tls::version::tls_1_3;
    std::string suite;       ///< as IANA spells it: "TLS_AES_128_GCM_SHA256"
    std::string group;       ///< of the key exchange: "x25519"; empty if it did not happen
    std::string alpn;        ///< the application protocol; empty if none
    std::string server_name; ///< what the client asked for; empty if nothing
    bool resumed = false;    ///< whether a full handshake was spared
    /// Bytes at the beginning of the stream, of the client's data, that were early data: sent
    /// before the handshake was done.
    std::size_t early_data = 0;
    bool verified = false;               ///< whether the peer's certificate passed the checks
    std::vector<std::string> peer_chain; ///< DER, the peer's own certificate first
};

/// A flow over TLS.
///
/// Its ends are told apart: close_notify is `errc::end`; the end of the flow below without it is
/// `truncated`; a reset below is `reset`; an alert or a broken rule is `protocol_error`, and the
/// code says which (error.hpp). A close waits for the peer's close_notify; the flow below is then
/// closed, too, for which the peer has a second.
class session : public flow {
public:
    [[nodiscard]] virtual session_info info() const = 0;

    /// Keying material that only the two ends of this session can know (RFC 5705; RFC 8446, section
    /// 7.5). At most 4096 bytes.
    [[nodiscard]] virtual result<std::vector<std::byte>>
    export_key(std::string_view label, std::span<const std::byte> context, std::size_t size) = 0;

    /// The channel binding "tls-exporter" (RFC 9266).
    [[nodiscard]] result<std::vector<std::byte>> channel_binding();

    /// Changes our keys with the next write, and asks the peer to change its own if `ask_peer`.
    /// TLS 1.3 only: `not_supported` otherwise. Happens by itself before a key is used too often.
    [[nodiscard]] virtual result<void> update_keys(bool ask_peer) = 0;
};

using session_ptr = std::unique_ptr<session>;

/// Begins TLS as the client, or the server, on a flow that is connected, at its beginning or in
/// mid-stream after what a protocol like STARTTLS agreed on; nothing that belongs to TLS must have
/// been read yet. `host`: whom we want to talk to, unless the options name somebody.
///
/// Done when the handshake is. If it fails, the peer is told why, and the flow below is gone.
/// A handshake that takes too long gives `timed_out`.
[[nodiscard]] task<result<session_ptr>> client(flow_ptr below, client_config config,
                                               std::string host);

/// What a client marks as safe to replay: data that does no harm if somebody who recorded it makes
/// the server receive it again, such as a question that changes nothing (RFC 8446, section 8).
class replayable {
public:
    explicit replayable(buffer data) noexcept : data_(std::move(data)) {}
    [[nodiscard]] buffer take() && noexcept { return std::move(data_); }

private:
    buffer data_;
};

/// The same as a client that has something to say at once: `early` goes with the first flight if a
/// session is resumed whose server allows that much, and after the handshake if not, or if the
/// server does not take it. Either way it is the beginning of what is written, once.
[[nodiscard]] task<result<session_ptr>> client(flow_ptr below, client_config config,
                                               std::string host, replayable early);

[[nodiscard]] task<result<session_ptr>> server(flow_ptr below, server_config config);

} // namespace runnel::inline v0::tls
