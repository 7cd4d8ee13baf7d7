// SPDX-License-Identifier: Apache-2.0
//
// A client's look at the OCSP response that comes with a server's certificate.

#include "context.hpp"
#include "engine.hpp"
#include "ossl_ocsp.hpp"
#include "runnel/tls/config.hpp"
#include "runnel/tls/error.hpp"

#include <openssl/err.h>

#include <array>
#include <optional>
#include <string>

namespace runnel::inline v0::tls {
namespace {

/// How far clocks may differ, in seconds.
constexpr long clock_leeway = 300;

/// Whether the certificate says that its server always staples (RFC 7633).
bool demands_staple(X509* certificate) {
    return X509_get_ext_by_NID(certificate, NID_tlsfeature, -1) >= 0;
}

error bad(const std::string& why) {
    return {make_error_code(fault::bad_staple), why};
}

/// What a response that was signed well says of a certificate; nothing if it is good.
std::optional<error> look_up(OCSP_BASICRESP* basic, X509* certificate, X509* issuer) {
    for (const EVP_MD* digest : {EVP_sha1(), EVP_sha256()}) { // responders know it by either
        const ocsp_id_ptr id(OCSP_cert_to_id(digest, certificate, issuer));
        int status = V_OCSP_CERTSTATUS_UNKNOWN;
        ASN1_GENERALIZEDTIME* from = nullptr;
        ASN1_GENERALIZEDTIME* until = nullptr;
        if (OCSP_resp_find_status(basic, id.get(), &status, nullptr, nullptr, &from, &until) != 1) {
            continue;
        }
        if (OCSP_check_validity(from, until, clock_leeway, -1) != 1) {
            return bad("it is out of date");
        }
        if (status == V_OCSP_CERTSTATUS_REVOKED) {
            return error(make_error_code(fault::revoked), "says the server's OCSP response");
        }
        return status == V_OCSP_CERTSTATUS_GOOD ? std::nullopt
                                                : std::optional(bad("it does not know it"));
    }
    return bad("it is about another certificate");
}

/// Why a client does not go on; nothing if it may.
std::optional<error> judge(SSL* ssl, staple_check wanted) {
    X509* certificate = SSL_get0_peer_certificate(ssl);
    const unsigned char* der = nullptr;
    const long size = SSL_get_tlsext_status_ocsp_resp(ssl, static_cast<void*>(&der));
    if (size <= 0) {
        const bool missed = wanted == staple_check::required || demands_staple(certificate);
        return missed ? std::optional(error(make_error_code(fault::staple_missing), ""))
                      : std::nullopt;
    }
    const ocsp_response_ptr response(d2i_OCSP_RESPONSE(nullptr, &der, size));
    if (response == nullptr) {
        return bad("it cannot be read");
    }
    const ocsp_basic_ptr basic(OCSP_response_get1_basic(response.get()));
    if (basic == nullptr) {
        return bad(std::string("the responder says: ") +
                   OCSP_response_status_str(OCSP_response_status(response.get())));
    }
    STACK_OF(X509)* chain = SSL_get0_verified_chain(ssl);
    if (sk_X509_num(chain) < 2) {
        return bad("the certificate's issuer is not known");
    }
    X509_STORE* trusted = SSL_CTX_get_cert_store(SSL_get_SSL_CTX(ssl));
    if (OCSP_basic_verify(basic.get(), chain, trusted, 0) != 1) {
        return bad("it is not signed by the certificate's issuer, nor on its behalf");
    }
    return look_up(basic.get(), certificate, sk_X509_value(chain, 1));
}

} // namespace

int on_staple(SSL* ssl, void* /*argument*/) {
    if (SSL_session_reused(ssl) == 1) {
        return 1; // the certificate was looked at then
    }
    const auto& made = *static_cast<const context*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
    std::optional<error> refusal = judge(ssl, made.client->staple);
    ERR_clear_error();
    if (!refusal.has_value()) {
        return 1;
    }
    engine::of(ssl).note_refusal(std::move(*refusal));
    return 0;
}

} // namespace runnel::inline v0::tls
