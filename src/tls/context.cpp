// SPDX-License-Identifier: Apache-2.0
#include "context.hpp"

#include "engine.hpp"
#include "failure.hpp"
#include "fast_aead.hpp"
#include "key_log.hpp"
#include "runnel/tls/error.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <fmt/format.h>

namespace runnel::inline v0::tls {
namespace {

// AES-128-GCM first: it is the fastest. Only forward secrecy and authenticated encryption.
constexpr const char* suites_1_2 = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
                                   "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
                                   "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
constexpr const char* suites_1_3 =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
constexpr const char* groups = "X25519:P-256:P-384";
/// 112 bits: no RSA below 2048, no SHA-1.
constexpr int security_level = 2;

int number_of(version which) noexcept {
    return which == version::tls_1_2 ? TLS1_2_VERSION : TLS1_3_VERSION;
}

/// The index under which a context knows its key log.
int log_index() {
    static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
    return index;
}

void log_keys(const SSL* ssl, const char* line) {
    static_cast<key_log*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), log_index()))->append(line);
}

/// No password: a question on the terminal would stop the loop.
int refuse_password(char* /*buffer*/, int /*size*/, int /*writing*/, void* asked) {
    *static_cast<bool*>(asked) = true;
    return -1;
}

bio_ptr bio_of(const std::string& text) {
    return bio_ptr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

result<key_ptr> read_key(const identity& own) {
    bool encrypted = false;
    const bio_ptr source = bio_of(own.key);
    key_ptr key(PEM_read_bio_PrivateKey_ex(source.get(), nullptr, &refuse_password, &encrypted,
                                           library::local().get(), nullptr));
    if (key != nullptr) {
        return key;
    }
    if (encrypted) {
        ERR_clear_error();
        return fail(error(make_error_code(fault::bad_credentials),
                          own.name + ": the private key is encrypted; give one that is not"));
    }
    if (own.key.find("PRIVATE KEY-----") == std::string::npos) {
        ERR_clear_error();
        return fail(error(make_error_code(fault::bad_credentials),
                          own.name + ": there is no private key in PEM"));
    }
    return fail(bad_credentials(own.name + ": the private key cannot be read"));
}

} // namespace

error bad_credentials(const std::string& what) {
    const std::string reason = take_reason();
    return {make_error_code(fault::bad_credentials),
            reason.empty() ? what : fmt::format("{} ({})", what, reason)};
}

result<std::vector<x509_ptr>> read_certificates(const std::string& pem, const std::string& name) {
    std::vector<x509_ptr> all;
    const bio_ptr source = bio_of(pem);
    for (;;) {
        X509* made = X509_new_ex(library::local().get(), nullptr);
        if (PEM_read_bio_X509(source.get(), &made, nullptr, nullptr) == nullptr) {
            X509_free(made);
            break;
        }
        all.emplace_back(made);
    }
    const unsigned long last = ERR_peek_last_error();
    if (ERR_GET_LIB(last) != ERR_LIB_PEM || ERR_GET_REASON(last) != PEM_R_NO_START_LINE) {
        return fail(bad_credentials(
            fmt::format("{}: certificate {} cannot be read", name, all.size() + 1)));
    }
    ERR_clear_error();
    if (all.empty()) {
        return fail(error(make_error_code(fault::bad_credentials),
                          name + ": there is no certificate in PEM"));
    }
    return all;
}

result<void> use_identity(SSL_CTX* ctx, const identity& own) {
    auto chain = read_certificates(own.chain, own.name);
    if (!chain) {
        return fail(chain.error());
    }
    const auto key = read_key(own);
    if (!key) {
        return fail(key.error());
    }
    STACK_OF(X509)* issuers = sk_X509_new_null();
    for (std::size_t i = 1; i < chain->size(); ++i) {
        sk_X509_push(issuers, (*chain)[i].get());
    }
    X509* leaf = chain->front().get();
    const bool fits = X509_check_private_key(leaf, key->get()) == 1;
    const bool used = fits && SSL_CTX_use_cert_and_key(ctx, leaf, key->get(), issuers, 1) == 1;
    sk_X509_free(issuers);
    if (!fits) {
        ERR_clear_error();
        return fail(error(make_error_code(fault::bad_credentials),
                          own.name + ": the private key is not that of the (first) certificate"));
    }
    if (!used) {
        return fail(bad_credentials(own.name + ": the certificate cannot be used"));
    }
    return {};
}

result<void> use_authorities(SSL_CTX* ctx, const std::string& authorities, const std::string& lists,
                             const std::string& whose) {
    X509_STORE* store = SSL_CTX_get_cert_store(ctx);
    if (!authorities.empty()) {
        const auto all = read_certificates(authorities, whose);
        if (!all) {
            return fail(all.error());
        }
        for (const x509_ptr& each : *all) {
            if (X509_STORE_add_cert(store, each.get()) != 1) {
                return fail(bad_credentials(whose + ": an authority cannot be used"));
            }
        }
    }
    if (lists.empty()) {
        return {};
    }
    const bio_ptr source = bio_of(lists);
    std::size_t count = 0;
    while (
        const x509_crl_ptr list{PEM_read_bio_X509_CRL(source.get(), nullptr, nullptr, nullptr)}) {
        ++count;
        if (X509_STORE_add_crl(store, list.get()) != 1) {
            return fail(bad_credentials(whose + ": a revocation list cannot be used"));
        }
    }
    ERR_clear_error();
    if (count == 0) {
        return fail(error(make_error_code(fault::bad_credentials),
                          whose + ": there is no revocation list in PEM"));
    }
    X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
    return {};
}

result<std::string> encode_alpn(const std::vector<std::string>& names) {
    constexpr std::size_t longest = 255; // RFC 7301, section 3.1
    std::string all;
    for (const std::string& name : names) {
        if (name.empty() || name.size() > longest) {
            return fail(errc::invalid_argument,
                        "a name of an application protocol (ALPN) has 1 to 255 bytes");
        }
        all += static_cast<char>(name.size());
        all += name;
    }
    return all;
}

result<ssl_ctx_ptr> make_basic_context(const common_options& options, key_log* log) {
    if (options.least > options.greatest) {
        return fail(errc::invalid_argument, "the least version of TLS is above the greatest");
    }
    const library& own = library::local();
    const bool fast = options.fast_aead && own.has_fast_aead();
    ssl_ctx_ptr ctx(SSL_CTX_new_ex(own.get(), fast ? fast_aead_query : nullptr, TLS_method()));
    if (ctx == nullptr) {
        return fail(bad_credentials("OpenSSL gives no context"));
    }
    SSL_CTX* c = ctx.get();
    SSL_CTX_set_security_level(c, security_level);
    const bool fine = SSL_CTX_set_min_proto_version(c, number_of(options.least)) == 1 &&
                      SSL_CTX_set_max_proto_version(c, number_of(options.greatest)) == 1 &&
                      SSL_CTX_set_cipher_list(c, suites_1_2) == 1 &&
                      SSL_CTX_set_ciphersuites(c, suites_1_3) == 1 &&
                      SSL_CTX_set1_groups_list(c, groups) == 1;
    if (!fine) {
        return fail(bad_credentials("OpenSSL lacks a cipher suite or group"));
    }
    SSL_CTX_set_options(c, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                               SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_clear_mode(c, SSL_MODE_AUTO_RETRY);
    SSL_CTX_set_mode(c, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (log != nullptr) {
        SSL_CTX_set_ex_data(c, log_index(), log);
        SSL_CTX_set_keylog_callback(c, &log_keys);
    }
    if (options.check_time.has_value()) {
        X509_VERIFY_PARAM_set_time(SSL_CTX_get0_param(c), *options.check_time);
    }
    return ctx;
}

} // namespace runnel::inline v0::tls
