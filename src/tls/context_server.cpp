// SPDX-License-Identifier: Apache-2.0
#include "context.hpp"

#include "certificate_names.hpp"
#include "engine.hpp"
#include "replay_guard.hpp"
#include "runnel/core/random.hpp"
#include "runnel/tls/error.hpp"
#include "ticket_keys.hpp"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace runnel::inline v0::tls {
namespace {

const context& context_of(const SSL* ssl) {
    return *static_cast<const context*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
}

/// Our first protocol that the client offers, too; none at all is fatal (RFC 7301, section 3.2).
int choose_protocol(SSL* ssl, const unsigned char** chosen, unsigned char* size,
                    const unsigned char* offered, unsigned int offered_size, void* /*argument*/) {
    const std::string& own = context_of(ssl).alpn;
    const std::string_view theirs(reinterpret_cast<const char*>(offered), offered_size);
    for (std::size_t at = 0; at < own.size(); at += 1 + static_cast<unsigned char>(own[at])) {
        const std::string_view name =
            std::string_view(own).substr(at, 1 + static_cast<unsigned char>(own[at]));
        for (std::size_t i = 0; i < theirs.size(); i += 1 + static_cast<unsigned char>(theirs[i])) {
            if (theirs.substr(i, name.size()) == name) {
                *chosen = offered + i + 1;
                *size = offered[i];
                return SSL_TLSEXT_ERR_OK;
            }
        }
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/// Shows the certificates for the name that the client asks for.
int choose_certificate(SSL* ssl, int* /*alert*/, void* /*argument*/) {
    const char* asked = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    const context& made = context_of(ssl);
    if (asked != nullptr && made.groups.size() > 1) {
        SSL_set_SSL_CTX(ssl, best_group(made.groups, asked).ctx.get());
    }
    return SSL_TLSEXT_ERR_OK;
}

int staple_status(SSL* ssl, void* /*argument*/) {
    const std::string& response = context_of(ssl).ocsp_response;
    auto* copy = static_cast<unsigned char*>(OPENSSL_memdup(response.data(), response.size()));
    if (copy == nullptr) {
        return SSL_TLSEXT_ERR_NOACK;
    }
    SSL_set_tlsext_status_ocsp_resp(ssl, copy, static_cast<long>(response.size()));
    return SSL_TLSEXT_ERR_OK;
}

int allow_early_data(SSL* ssl, void* /*argument*/) {
    replay_guard::hello which{};
    return static_cast<int>(SSL_get_client_random(ssl, which.data(), which.size()) ==
                                which.size() &&
                            context_of(ssl).replays->admit(which, engine::of(ssl).now));
}

/// Gives libssl the key for a ticket: 1 for use, 2 for use and a new ticket, 0 for none, -1 for a
/// failure.
int use_ticket_key(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                   EVP_MAC_CTX* mac, int encrypting) {
    constexpr std::size_t iv_size = 16;
    const context& made = context_of(ssl);
    const time_point now = engine::of(ssl).now;
    ticket_keys::found_key found{};
    if (encrypting == 1) {
        found.material = made.tickets->current(now);
        std::memcpy(name, found.material.name.data(), found.material.name.size());
        secure_random(std::as_writable_bytes(std::span(iv, iv_size)));
    } else {
        auto known = made.tickets->find(name, now);
        if (!known.has_value()) {
            return 0;
        }
        found = *known;
    }
    std::array<OSSL_PARAM, 3> params{
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, found.material.mac.data(),
                                          found.material.mac.size()),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, const_cast<char*>("sha256"), 0),
        OSSL_PARAM_construct_end()};
    const bool ready =
        EVP_MAC_CTX_set_params(mac, params.data()) == 1 &&
        EVP_CipherInit_ex2(cipher, made.ticket_cipher.get(), found.material.cipher.data(), iv,
                           encrypting, nullptr) == 1;
    OPENSSL_cleanse(&found.material, sizeof(found.material));
    if (!ready) {
        return -1;
    }
    // A ticket of TLS 1.3 is used once, so each use brings the next.
    const bool renew = found.renew || SSL_version(ssl) == TLS1_3_VERSION;
    return encrypting == 0 && renew ? 2 : 1;
}

/// Sessions are resumed only where the same rules for clients' certificates hold.
void set_session_scope(SSL_CTX* ctx, const server_options& options) {
    const std::string rules =
        std::to_string(static_cast<int>(options.clients)) + options.client_authorities;
    std::array<unsigned char, 32> digest{};
    unsigned int size = 0;
    EVP_Digest(rules.data(), rules.size(), digest.data(), &size, EVP_sha256(), nullptr);
    SSL_CTX_set_session_id_context(ctx, digest.data(), digest.size());
}

result<void> ask_for_certificates(SSL_CTX* ctx, const server_options& options) {
    if (options.clients == client_certificates::none) {
        return {};
    }
    if (options.client_authorities.empty()) {
        return fail(error(make_error_code(fault::bad_credentials),
                          "clients' certificates need authorities to come from"));
    }
    const auto trusted = use_authorities(ctx, options.client_authorities,
                                         options.client_revocation_lists, "clients' authorities");
    if (!trusted) {
        return trusted;
    }
    const auto named = read_certificates(options.client_authorities, "clients' authorities");
    for (const x509_ptr& each : *named) {
        SSL_CTX_add_client_CA(ctx, each.get());
    }
    const int must =
        options.clients == client_certificates::required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0;
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | must, &on_verify);
    return {};
}

result<ssl_ctx_ptr> make_group_context(const server_config::state& config, context& made) {
    const server_options& options = config.options;
    auto ctx = make_basic_context(options, config.log.get());
    if (!ctx) {
        return ctx;
    }
    SSL_CTX* c = ctx->get();
    SSL_CTX_set_app_data(c, &made);
    const auto asked = ask_for_certificates(c, options);
    if (!asked) {
        return fail(asked.error());
    }
    SSL_CTX_set_tlsext_servername_callback(c, &choose_certificate);
    if (!made.alpn.empty()) {
        SSL_CTX_set_alpn_select_cb(c, &choose_protocol, nullptr);
    }
    if (!made.ocsp_response.empty()) {
        SSL_CTX_set_tlsext_status_cb(c, &staple_status);
    }
    if (options.early_data_most != 0) {
        // libssl's own guard would need sessions that are kept, and knows one loop only.
        SSL_CTX_set_options(c, SSL_OP_NO_ANTI_REPLAY);
        SSL_CTX_set_max_early_data(c, options.early_data_most);
        SSL_CTX_set_recv_max_early_data(c, options.early_data_most);
        SSL_CTX_set_allow_early_data_cb(c, &allow_early_data, nullptr);
    }
    set_session_scope(c, options);
    if (!options.resumption || options.stateful) {
        SSL_CTX_set_options(c, SSL_OP_NO_TICKET);
    } else {
        SSL_CTX_set_tlsext_ticket_key_evp_cb(c, &use_ticket_key);
    }
    if (!options.resumption) {
        SSL_CTX_set_num_tickets(c, 0);
    }
    SSL_CTX_set_session_cache_mode(c, options.resumption && options.stateful ? SSL_SESS_CACHE_SERVER
                                                                             : SSL_SESS_CACHE_OFF);
    return ctx;
}

} // namespace

result<std::shared_ptr<context>> make_server_context(const server_config::state& config) {
    auto made = std::make_shared<context>();
    const auto alpn = encode_alpn(config.options.alpn);
    if (!alpn) {
        return fail(alpn.error());
    }
    made->alpn = *alpn;
    made->ocsp_response = config.options.ocsp_response;
    made->tickets = config.tickets.get();
    made->replays = config.replays.get();
    made->ticket_cipher.reset(EVP_CIPHER_fetch(library::local().get(), "AES-256-CBC", nullptr));
    if (config.options.identities.empty()) {
        return fail(error(make_error_code(fault::bad_credentials),
                          "a server needs a certificate and its key"));
    }
    for (const identity& own : config.options.identities) {
        const auto chain = read_certificates(own.chain, own.name);
        if (!chain) {
            return fail(chain.error());
        }
        certificate_group* group = group_for(made->groups, chain->front().get());
        if (group->ctx == nullptr) {
            auto ctx = make_group_context(config, *made);
            if (!ctx) {
                return fail(ctx.error());
            }
            group->ctx = std::move(*ctx);
        }
        const auto used = use_identity(group->ctx.get(), own);
        if (!used) {
            return fail(used.error());
        }
    }
    return made;
}

result<prepared_session> prepare_server(const server_config& config) {
    const auto& state = config.shared();
    auto made = context_for(state, &make_server_context);
    if (!made) {
        return fail(made.error());
    }
    prepared_session ready;
    ready.config = state;
    ready.made = *made;
    ready.ssl.reset(SSL_new((*made)->groups.front().ctx.get()));
    SSL_set_accept_state(ready.ssl.get());
    return ready;
}

} // namespace runnel::inline v0::tls
