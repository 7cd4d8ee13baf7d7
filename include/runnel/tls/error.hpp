// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/error.hpp"

#include <cstdint>
#include <string_view>
#include <system_error>

namespace runnel::inline v0::tls {

/// What can go wrong in TLS beyond the shared vocabulary. As a condition each is
/// `errc::protocol_error`, but for `handshake_limit` (`errc::limit_exceeded`) and `bad_credentials`
/// (`errc::invalid_argument`).
///
/// Alerts are codes of the same category: `sent_alert` and `received_alert` make them.
enum class fault : std::uint16_t {
    not_tls = 1,         ///< what the peer sent is no TLS
    speaks_http,         ///< the peer sent an HTTP request in plain text
    no_common_version,   ///< the peers share no version of TLS
    no_common_suite,     ///< they share no cipher suite, group or signature algorithm
    no_common_protocol,  ///< they share no application protocol (ALPN, RFC 7301)
    bad_record,          ///< a record was changed on its way or made with another key
    flood,               ///< more messages without data than a sound peer sends
    broken_rule,         ///< the peer broke another rule of the protocol
    handshake_limit,     ///< the handshake needed more bytes than allowed
    certificate_missing, ///< the peer showed no certificate
    wrong_name,          ///< the certificate is for other names or addresses
    expired,
    not_yet_valid,
    self_signed,       ///< the peer's certificate is signed by itself and not trusted
    unknown_authority, ///< the chain ends at an authority that is not trusted
    broken_chain,      ///< the issuer of a certificate in the chain is missing
    wrong_usage,       ///< the certificate must not be used for this, or to sign others
    revoked,
    no_revocation_list, ///< nothing tells whether a certificate is revoked
    staple_missing,     ///< the server gives no OCSP response, and has to
    bad_staple,         ///< its OCSP response cannot be trusted or says nothing
    weak_key,           ///< a key or signature algorithm is too weak
    bad_signature,      ///< the signature on a certificate is wrong
    not_pinned,         ///< neither the certificate nor its key is among the pinned ones
    bad_certificate,    ///< anything else about a certificate
    bad_credentials,    ///< our own certificate, key or authority cannot be used
};

/// The category of TLS, named "tls".
[[nodiscard]] const std::error_category& category() noexcept;
[[nodiscard]] std::error_code make_error_code(fault what) noexcept;

/// The code for a fatal alert (RFC 8446, section 6) that we sent, or that the peer sent.
[[nodiscard]] std::error_code sent_alert(std::uint8_t description) noexcept;
[[nodiscard]] std::error_code received_alert(std::uint8_t description) noexcept;

/// The name of an alert as the RFC spells it: "handshake_failure"; "unknown" if it has none.
[[nodiscard]] std::string_view alert_name(std::uint8_t description) noexcept;

} // namespace runnel::inline v0::tls

template <>
struct std::is_error_code_enum<runnel::tls::fault> : std::true_type {};
