// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/error.hpp"
#include "runnel/tls/config.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// A small authority of one's own, for development and tests.
namespace runnel::inline v0::tls {

enum class key_kind : std::uint8_t {
    ecdsa_p256,
    ecdsa_p384,
    ed25519,
    rsa_2048,
    rsa_3072,
    rsa_1024, ///< too weak for any peer: for tests that it is refused
};

/// What a certificate may be used for.
enum class certificate_use : std::uint8_t { both, server, client };

/// What a new certificate says.
struct certificate_request {
    /// The subject's common name; empty: the first of `names`.
    std::string common_name;
    /// Names and addresses that it is for: "example.org", "*.example.org", "192.0.2.1", "::1".
    std::vector<std::string> names;
    key_kind key = key_kind::ecdsa_p256;
    certificate_use use = certificate_use::both;
    /// When it is valid, from now: by default since an hour, to bear clocks that differ a little.
    std::chrono::seconds valid_from = -std::chrono::hours(1);
    std::chrono::seconds valid_for = std::chrono::hours(24 * 365);
};

/// Makes an authority that signs itself.
[[nodiscard]] result<identity> make_authority(const std::string& common_name,
                                              key_kind kind = key_kind::ecdsa_p256);

/// Makes a key and a certificate for it that `authority` signs. The authority's own certificate is
/// not part of the chain.
[[nodiscard]] result<identity> make_certificate(const identity& authority,
                                                const certificate_request& wanted);

/// Makes a key and a certificate that it signs itself, as a server without an authority has it.
[[nodiscard]] result<identity> make_self_signed(const certificate_request& wanted);

/// A revocation list of `authority`, as PEM, for these certificates (PEM, the first of each text).
[[nodiscard]] result<std::string> make_revocation_list(const identity& authority,
                                                       const std::vector<std::string>& revoked);

/// An OCSP response of `authority` (RFC 6960), DER-encoded as servers staple it, for a certificate
/// (PEM, the first of the text) that it signed: good for a week from now, or revoked.
[[nodiscard]] result<std::string> make_ocsp_response(const identity& authority,
                                                     const std::string& certificate, bool revoked);

/// What a certificate says, for people.
struct certificate_summary {
    std::string subject;
    std::string issuer;
    std::vector<std::string> names;
    std::string valid_from;
    std::string valid_until;
    std::string key;             ///< "ECDSA P-256", "RSA 2048"
    std::string fingerprint;     ///< SHA-256 of the certificate, in hexadecimal digits
    std::string key_fingerprint; ///< SHA-256 of its public key
};
[[nodiscard]] result<certificate_summary> describe_certificate(std::string_view der);

} // namespace runnel::inline v0::tls
