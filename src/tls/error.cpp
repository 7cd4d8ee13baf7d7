// SPDX-License-Identifier: Apache-2.0
#include "runnel/tls/error.hpp"

#include <fmt/format.h>

#include <string>
#include <utility>

namespace runnel::inline v0::tls {
namespace {

constexpr int sent_alerts = 0x1000;
constexpr int received_alerts = 0x2000;

constexpr std::pair<std::uint8_t, std::string_view> alerts[] = {
    {0, "close_notify"},
    {10, "unexpected_message"},
    {20, "bad_record_mac"},
    {22, "record_overflow"},
    {40, "handshake_failure"},
    {42, "bad_certificate"},
    {43, "unsupported_certificate"},
    {44, "certificate_revoked"},
    {45, "certificate_expired"},
    {46, "certificate_unknown"},
    {47, "illegal_parameter"},
    {48, "unknown_ca"},
    {49, "access_denied"},
    {50, "decode_error"},
    {51, "decrypt_error"},
    {70, "protocol_version"},
    {71, "insufficient_security"},
    {80, "internal_error"},
    {86, "inappropriate_fallback"},
    {90, "user_canceled"},
    {100, "no_renegotiation"},
    {109, "missing_extension"},
    {110, "unsupported_extension"},
    {112, "unrecognized_name"},
    {113, "bad_certificate_status_response"},
    {115, "unknown_psk_identity"},
    {116, "certificate_required"},
    {120, "no_application_protocol"},
};

std::string_view words_of(fault what) noexcept {
    switch (what) {
    case fault::not_tls:
        return "the peer does not speak TLS";
    case fault::speaks_http:
        return "the peer sent an HTTP request in plain text";
    case fault::no_common_version:
        return "no common version of TLS";
    case fault::no_common_suite:
        return "no common cipher suite, group or signature algorithm";
    case fault::no_common_protocol:
        return "no common application protocol (ALPN)";
    case fault::bad_record:
        return "a record was damaged or forged";
    case fault::flood:
        return "too many messages without data";
    case fault::broken_rule:
        return "the peer broke a rule of TLS";
    case fault::handshake_limit:
        return "the handshake is larger than allowed";
    case fault::certificate_missing:
        return "the peer showed no certificate";
    case fault::wrong_name:
        return "the certificate is for another name";
    case fault::expired:
        return "the certificate has expired";
    case fault::not_yet_valid:
        return "the certificate is not valid yet";
    case fault::self_signed:
        return "the certificate is signed by itself and not trusted";
    case fault::unknown_authority:
        return "the certificate comes from an authority that is not trusted";
    case fault::broken_chain:
        return "the chain of certificates lacks an issuer, or its authority is not trusted";
    case fault::wrong_usage:
        return "the certificate must not be used for this";
    case fault::revoked:
        return "the certificate was revoked";
    case fault::no_revocation_list:
        return "no valid revocation list of the certificate's issuer";
    case fault::staple_missing:
        return "the server proves by no OCSP response that its certificate was not revoked";
    case fault::bad_staple:
        return "the server's OCSP response about its certificate cannot be trusted";
    case fault::weak_key:
        return "a key or signature in the chain is too weak";
    case fault::bad_signature:
        return "the signature on a certificate is wrong";
    case fault::not_pinned:
        return "the certificate is none of the pinned ones";
    case fault::bad_certificate:
        return "the certificate is not acceptable";
    case fault::bad_credentials:
        return "certificate, key or authorities cannot be used";
    }
    return "TLS failed";
}

class tls_category final : public std::error_category {
public:
    [[nodiscard]] const char* name() const noexcept override { return "tls"; }

    [[nodiscard]] std::string message(int value) const override {
        if (value >= received_alerts) {
            return fmt::format("the peer sent the TLS alert {}", alert(value - received_alerts));
        }
        if (value >= sent_alerts) {
            return fmt::format("we sent the TLS alert {}", alert(value - sent_alerts));
        }
        return std::string(words_of(static_cast<fault>(value)));
    }

    [[nodiscard]] std::error_condition default_error_condition(int value) const noexcept override {
        switch (static_cast<fault>(value)) {
        case fault::handshake_limit:
            return make_error_condition(errc::limit_exceeded);
        case fault::bad_credentials:
            return make_error_condition(errc::invalid_argument);
        default:
            return make_error_condition(errc::protocol_error);
        }
    }

private:
    static std::string alert(int description) {
        return fmt::format("{} ({})", alert_name(static_cast<std::uint8_t>(description)),
                           description);
    }
};

} // namespace

const std::error_category& category() noexcept {
    static const tls_category only;
    return only;
}

std::error_code make_error_code(fault what) noexcept {
    return {static_cast<int>(what), category()};
}

std::error_code sent_alert(std::uint8_t description) noexcept {
    return {sent_alerts + description, category()};
}

std::error_code received_alert(std::uint8_t description) noexcept {
    return {received_alerts + description, category()};
}

std::string_view alert_name(std::uint8_t description) noexcept {
    for (const auto& [number, name] : alerts) {
        if (number == description) {
            return name;
        }
    }
    return "unknown";
}

} // namespace runnel::inline v0::tls
