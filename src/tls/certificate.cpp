// SPDX-License-Identifier: Apache-2.0
#include "runnel/tls/certificate.hpp"

#include "certificate_text.hpp"
#include "context.hpp"
#include "ossl.hpp"
#include "ossl_ocsp.hpp"
#include "runnel/core/ip_address.hpp"
#include "runnel/core/random.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <array>
#include <span>
#include <utility>

namespace runnel::inline v0::tls {
namespace {

/// Who signs: its certificate and its key.
struct signer {
    x509_ptr certificate;
    key_ptr key;
};

key_ptr make_key(key_kind kind) {
    OSSL_LIB_CTX* library = library::local().get();
    switch (kind) {
    case key_kind::ecdsa_p256:
        return key_ptr(EVP_PKEY_Q_keygen(library, nullptr, "EC", "P-256"));
    case key_kind::ecdsa_p384:
        return key_ptr(EVP_PKEY_Q_keygen(library, nullptr, "EC", "P-384"));
    case key_kind::ed25519:
        return key_ptr(EVP_PKEY_Q_keygen(library, nullptr, "ED25519"));
    case key_kind::rsa_2048:
        return key_ptr(EVP_PKEY_Q_keygen(library, nullptr, "RSA", std::size_t{2048}));
    case key_kind::rsa_3072:
        return key_ptr(EVP_PKEY_Q_keygen(library, nullptr, "RSA", std::size_t{3072}));
    case key_kind::rsa_1024:
        return key_ptr(EVP_PKEY_Q_keygen(library, nullptr, "RSA", std::size_t{1024}));
    }
    return nullptr;
}

bool add_extension(X509* to, X509* issuer, int which, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, to, nullptr, nullptr, 0);
    X509_EXTENSION* made = X509V3_EXT_conf_nid(nullptr, &context, which, value.c_str());
    const bool added = made != nullptr && X509_add_ext(to, made, -1) == 1;
    X509_EXTENSION_free(made);
    return added;
}

/// The names as OpenSSL's own configuration spells them; empty for one that cannot be spelt.
std::string spell_names(const std::vector<std::string>& names) {
    std::string all;
    for (const std::string& name : names) {
        if (name.empty() || name.find_first_of(",\n\r") != std::string::npos) {
            return {};
        }
        const bool is_address = ip_address::parse(name).has_value();
        all += (all.empty() ? "" : ",") + std::string(is_address ? "IP:" : "DNS:") + name;
    }
    return all;
}

bool fill(X509* made, const certificate_request& wanted, EVP_PKEY* key) {
    const std::string& common =
        wanted.common_name.empty() && !wanted.names.empty() ? wanted.names[0] : wanted.common_name;
    std::array<unsigned char, 16> serial{};
    secure_random(std::as_writable_bytes(std::span(serial)));
    serial[0] &= 0x7f; // a positive number
    BIGNUM* number = BN_bin2bn(serial.data(), static_cast<int>(serial.size()), nullptr);
    BN_to_ASN1_INTEGER(number, X509_get_serialNumber(made));
    BN_free(number);
    X509_gmtime_adj(X509_getm_notBefore(made), wanted.valid_from.count());
    X509_gmtime_adj(X509_getm_notAfter(made), wanted.valid_for.count());
    constexpr long version_3 = 2;
    return X509_set_version(made, version_3) == 1 && X509_set_pubkey(made, key) == 1 &&
           X509_NAME_add_entry_by_NID(X509_get_subject_name(made), NID_commonName, MBSTRING_UTF8,
                                      reinterpret_cast<const unsigned char*>(common.data()),
                                      static_cast<int>(common.size()), -1, 0) == 1;
}

bool sign(X509* made, EVP_PKEY* key) {
    const bool own_digest = EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519;
    return X509_sign(made, key, own_digest ? nullptr : EVP_sha256()) != 0;
}

result<identity> to_identity(X509* certificate, EVP_PKEY* key, std::string name) {
    const bio_ptr chain(BIO_new(BIO_s_mem()));
    const bio_ptr secret(BIO_new(BIO_s_mem()));
    if (PEM_write_bio_X509(chain.get(), certificate) != 1 ||
        PEM_write_bio_PrivateKey(secret.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1) {
        return fail(bad_credentials(name));
    }
    identity made;
    made.chain = text_of(chain);
    made.key = text_of(secret);
    made.name = std::move(name);
    return made;
}

result<signer> to_signer(const identity& from) {
    auto chain = read_certificates(from.chain, from.name);
    if (!chain) {
        return fail(chain.error());
    }
    signer made;
    made.certificate = std::move(chain->front());
    const bio_ptr source(BIO_new_mem_buf(from.key.data(), static_cast<int>(from.key.size())));
    made.key.reset(PEM_read_bio_PrivateKey_ex(source.get(), nullptr, nullptr, nullptr,
                                              library::local().get(), nullptr));
    if (made.key == nullptr) {
        return fail(bad_credentials(from.name + ": the authority's key cannot be read"));
    }
    return made;
}

const char* extended_use(certificate_use use) noexcept {
    switch (use) {
    case certificate_use::server:
        return "serverAuth";
    case certificate_use::client:
        return "clientAuth";
    case certificate_use::both:
        break;
    }
    return "serverAuth,clientAuth";
}

/// Makes a certificate that `by` signs, or itself if that is null.
result<identity> issue(const signer* by, const certificate_request& wanted) {
    const std::string names = spell_names(wanted.names);
    if (names.empty() != wanted.names.empty()) {
        return fail(errc::invalid_argument, "a name for a certificate is empty or has a comma");
    }
    const key_ptr key = make_key(wanted.key);
    const x509_ptr made(X509_new_ex(library::local().get(), nullptr));
    X509* issuer = by != nullptr ? by->certificate.get() : made.get();
    bool fine = key != nullptr && fill(made.get(), wanted, key.get()) &&
                X509_set_issuer_name(made.get(), X509_get_subject_name(issuer)) == 1 &&
                add_extension(made.get(), issuer, NID_basic_constraints, "critical,CA:FALSE") &&
                add_extension(made.get(), issuer, NID_key_usage, "critical,digitalSignature") &&
                add_extension(made.get(), issuer, NID_ext_key_usage, extended_use(wanted.use)) &&
                add_extension(made.get(), issuer, NID_subject_key_identifier, "hash") &&
                add_extension(made.get(), issuer, NID_authority_key_identifier, "keyid");
    if (!names.empty()) {
        fine = fine && add_extension(made.get(), issuer, NID_subject_alt_name, names);
    }
    if (!fine || !sign(made.get(), by != nullptr ? by->key.get() : key.get())) {
        return fail(bad_credentials("the certificate cannot be made"));
    }
    return to_identity(made.get(), key.get(),
                       wanted.names.empty() ? "certificate" : wanted.names.front());
}

} // namespace

result<identity> make_authority(const std::string& common_name, key_kind kind) {
    certificate_request wanted;
    wanted.common_name = common_name;
    wanted.valid_for = std::chrono::hours(24 * 3650);
    const key_ptr key = make_key(kind);
    const x509_ptr made(X509_new_ex(library::local().get(), nullptr));
    X509* self = made.get();
    const bool fine = key != nullptr && fill(self, wanted, key.get()) &&
                      X509_set_issuer_name(self, X509_get_subject_name(self)) == 1 &&
                      add_extension(self, self, NID_basic_constraints, "critical,CA:TRUE") &&
                      add_extension(self, self, NID_key_usage, "critical,keyCertSign,cRLSign") &&
                      add_extension(self, self, NID_subject_key_identifier, "hash") &&
                      sign(self, key.get());
    if (!fine) {
        return fail(bad_credentials("the authority cannot be made"));
    }
    return to_identity(self, key.get(), common_name);
}

result<identity> make_certificate(const identity& authority, const certificate_request& wanted) {
    const auto by = to_signer(authority);
    if (!by) {
        return fail(by.error());
    }
    return issue(&*by, wanted);
}

result<identity> make_self_signed(const certificate_request& wanted) {
    return issue(nullptr, wanted);
}

result<std::string> make_revocation_list(const identity& authority,
                                         const std::vector<std::string>& revoked) {
    const auto by = to_signer(authority);
    if (!by) {
        return fail(by.error());
    }
    const x509_crl_ptr list(X509_CRL_new_ex(library::local().get(), nullptr));
    X509_CRL_set_version(list.get(), 1);
    X509_CRL_set_issuer_name(list.get(), X509_get_subject_name(by->certificate.get()));
    ASN1_TIME* moment =
        X509_gmtime_adj(nullptr, -std::chrono::seconds(std::chrono::hours(1)).count());
    X509_CRL_set1_lastUpdate(list.get(), moment);
    for (const std::string& each : revoked) {
        const auto chain = read_certificates(each, "revoked certificate");
        if (!chain) {
            ASN1_TIME_free(moment);
            return fail(chain.error());
        }
        X509_REVOKED* entry = X509_REVOKED_new();
        X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(chain->front().get()));
        X509_REVOKED_set_revocationDate(entry, moment);
        X509_CRL_add0_revoked(list.get(), entry);
    }
    X509_gmtime_adj(moment, std::chrono::seconds(std::chrono::hours(24 * 30)).count());
    X509_CRL_set1_nextUpdate(list.get(), moment);
    ASN1_TIME_free(moment);
    const bool own_digest = EVP_PKEY_get_base_id(by->key.get()) == EVP_PKEY_ED25519;
    const bio_ptr text(BIO_new(BIO_s_mem()));
    if (X509_CRL_sort(list.get()) != 1 ||
        X509_CRL_sign(list.get(), by->key.get(), own_digest ? nullptr : EVP_sha256()) == 0 ||
        PEM_write_bio_X509_CRL(text.get(), list.get()) != 1) {
        return fail(bad_credentials("the revocation list cannot be made"));
    }
    return text_of(text);
}

result<std::string> make_ocsp_response(const identity& authority, const std::string& certificate,
                                       bool revoked) {
    const auto by = to_signer(authority);
    const auto chain = read_certificates(certificate, "certificate");
    if (!by || !chain) {
        return fail(by ? chain.error() : by.error());
    }
    const asn1_time_ptr before(
        X509_gmtime_adj(nullptr, -std::chrono::seconds(std::chrono::hours(1)).count()));
    const asn1_time_ptr after(
        X509_gmtime_adj(nullptr, std::chrono::seconds(std::chrono::hours(24 * 7)).count()));
    const ocsp_basic_ptr basic(OCSP_BASICRESP_new());
    const ocsp_id_ptr id(OCSP_cert_to_id(EVP_sha1(), chain->front().get(), by->certificate.get()));
    const int status = revoked ? V_OCSP_CERTSTATUS_REVOKED : V_OCSP_CERTSTATUS_GOOD;
    const bool own_digest = EVP_PKEY_get_base_id(by->key.get()) == EVP_PKEY_ED25519;
    const bool fine = OCSP_basic_add1_status(
                          basic.get(), id.get(), status, OCSP_REVOKED_STATUS_UNSPECIFIED,
                          revoked ? before.get() : nullptr, before.get(), after.get()) != nullptr &&
                      OCSP_basic_sign(basic.get(), by->certificate.get(), by->key.get(),
                                      own_digest ? nullptr : EVP_sha256(), nullptr, 0) == 1;
    const ocsp_response_ptr whole(
        OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic.get()));
    unsigned char* bytes = nullptr;
    const int size = fine ? i2d_OCSP_RESPONSE(whole.get(), &bytes) : -1;
    if (size <= 0) {
        return fail(bad_credentials("the OCSP response cannot be made"));
    }
    std::string der(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
    OPENSSL_free(bytes);
    return der;
}

} // namespace runnel::inline v0::tls
