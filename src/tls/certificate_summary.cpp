// SPDX-License-Identifier: Apache-2.0
#include "certificate_text.hpp"
#include "library.hpp"
#include "runnel/tls/certificate.hpp"
#include "runnel/tls/error.hpp"

#include <openssl/err.h>

#include <fmt/format.h>

#include <array>

namespace runnel::inline v0::tls {
namespace {

std::string fingerprint_of(const unsigned char* bytes, std::size_t size) {
    std::array<unsigned char, 32> digest{};
    unsigned int length = 0;
    EVP_Digest(bytes, size, digest.data(), &length, EVP_sha256(), nullptr);
    std::string digits;
    for (const unsigned char byte : digest) {
        digits += fmt::format("{:02x}", byte);
    }
    return digits;
}

std::string key_fingerprint_of(X509* certificate) {
    unsigned char* bytes = nullptr;
    const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &bytes);
    if (size <= 0) {
        return {};
    }
    std::string digits = fingerprint_of(bytes, static_cast<std::size_t>(size));
    OPENSSL_free(bytes);
    return digits;
}

std::string key_of(X509* certificate) {
    const EVP_PKEY* key = X509_get0_pubkey(certificate);
    if (key == nullptr) {
        return "unknown";
    }
    switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_RSA:
        return fmt::format("RSA, {} bits", EVP_PKEY_get_bits(key));
    case EVP_PKEY_EC:
        return fmt::format("ECDSA, {} bits", EVP_PKEY_get_bits(key));
    case EVP_PKEY_ED25519:
        return "Ed25519";
    default:
        return fmt::format("{} bits of another kind", EVP_PKEY_get_bits(key));
    }
}

} // namespace

result<certificate_summary> describe_certificate(std::string_view der) {
    const auto* bytes = reinterpret_cast<const unsigned char*>(der.data());
    X509* made = X509_new_ex(library::local().get(), nullptr);
    if (d2i_X509(&made, &bytes, static_cast<long>(der.size())) == nullptr) {
        X509_free(made);
        ERR_clear_error();
        return fail(error(make_error_code(fault::bad_certificate), "it cannot be read"));
    }
    const x509_ptr certificate(made);
    certificate_summary summary;
    summary.subject = text_of(X509_get_subject_name(made));
    summary.issuer = text_of(X509_get_issuer_name(made));
    summary.names = all_names_of(made);
    summary.valid_from = text_of(X509_get0_notBefore(made));
    summary.valid_until = text_of(X509_get0_notAfter(made));
    summary.key = key_of(made);
    summary.fingerprint =
        fingerprint_of(reinterpret_cast<const unsigned char*>(der.data()), der.size());
    summary.key_fingerprint = key_fingerprint_of(made);
    return summary;
}

} // namespace runnel::inline v0::tls
