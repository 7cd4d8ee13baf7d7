// SPDX-License-Identifier: Apache-2.0
#include "failure.hpp"

#include "runnel/tls/error.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include <fmt/format.h>

#include <utility>

namespace runnel::inline v0::tls {
namespace {

/// What a reason of libssl is in our words.
fault fault_of(int reason) noexcept {
    switch (reason) {
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST:
        return fault::speaks_http;
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_WRONG_SSL_VERSION:
    case SSL_R_UNKNOWN_PROTOCOL:
    case SSL_R_BAD_RECORD_TYPE:
        return fault::not_tls;
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_INAPPROPRIATE_FALLBACK:
        return fault::no_common_version;
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_NO_SUITABLE_KEY_SHARE:
    case SSL_R_NO_SUITABLE_GROUPS:
    case SSL_R_NO_SHARED_GROUPS:
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
    case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
        return fault::no_common_suite;
    case SSL_R_NO_APPLICATION_PROTOCOL:
        return fault::no_common_protocol;
    case SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC:
    case SSL_R_DECRYPTION_FAILED:
        return fault::bad_record;
    case SSL_R_TOO_MANY_KEY_UPDATES:
    case SSL_R_TOO_MANY_WARN_ALERTS:
    case SSL_R_RECORD_TOO_SMALL:
        return fault::flood;
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
    case SSL_R_NO_CERTIFICATES_RETURNED:
        return fault::certificate_missing;
    case SSL_R_EXCESSIVE_MESSAGE_SIZE:
        return fault::handshake_limit;
    default:
        return fault::broken_rule;
    }
}

fault fault_of_verification(int code) noexcept {
    switch (code) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
    case X509_V_ERR_EMAIL_MISMATCH:
        return fault::wrong_name;
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return fault::expired;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return fault::not_yet_valid;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        return fault::self_signed;
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_CERT_UNTRUSTED:
        return fault::unknown_authority;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_CHAIN_TOO_LONG:
        return fault::broken_chain;
    case X509_V_ERR_INVALID_PURPOSE:
    case X509_V_ERR_INVALID_CA:
    case X509_V_ERR_PATH_LENGTH_EXCEEDED:
    case X509_V_ERR_KEYUSAGE_NO_CERTSIGN:
    case X509_V_ERR_CERT_REJECTED:
        return fault::wrong_usage;
    case X509_V_ERR_CERT_REVOKED:
        return fault::revoked;
    case X509_V_ERR_UNABLE_TO_GET_CRL:
    case X509_V_ERR_CRL_HAS_EXPIRED:
    case X509_V_ERR_CRL_NOT_YET_VALID:
    case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
        return fault::no_revocation_list;
    case X509_V_ERR_EE_KEY_TOO_SMALL:
    case X509_V_ERR_CA_KEY_TOO_SMALL:
    case X509_V_ERR_CA_MD_TOO_WEAK:
        return fault::weak_key;
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
    case X509_V_ERR_CRL_SIGNATURE_FAILURE:
        return fault::bad_signature;
    default:
        return fault::bad_certificate;
    }
}

} // namespace

error verification_error(int code, std::string text) {
    const fault what = fault_of_verification(code);
    if (what == fault::bad_certificate) {
        text += fmt::format("{}{}", text.empty() ? "" : ": ", X509_verify_cert_error_string(code));
    }
    return {make_error_code(what), std::move(text)};
}

std::string take_reason() {
    const unsigned long first = ERR_get_error();
    ERR_clear_error();
    const char* words = first != 0 ? ERR_reason_error_string(first) : nullptr;
    return words != nullptr ? words : "";
}

error describe_failure(const std::optional<error>& refusal, std::optional<std::uint8_t> alert) {
    const unsigned long first = ERR_get_error();
    ERR_clear_error();
    const int reason = ERR_GET_REASON(first);
    const bool from_libssl = ERR_GET_LIB(first) == ERR_LIB_SSL;
    if (from_libssl && reason > SSL_AD_REASON_OFFSET) {
        return error(received_alert(static_cast<std::uint8_t>(reason - SSL_AD_REASON_OFFSET)));
    }
    if (refusal.has_value()) {
        return *refusal;
    }
    const char* words = ERR_reason_error_string(first);
    std::string text = words != nullptr ? words : "";
    if (alert.has_value()) {
        text += fmt::format("{}we sent the alert {} ({})", text.empty() ? "" : "; ",
                            alert_name(*alert), *alert);
    }
    return {make_error_code(from_libssl ? fault_of(reason) : fault::broken_rule), std::move(text)};
}

} // namespace runnel::inline v0::tls
