// SPDX-License-Identifier: Apache-2.0
#include "context.hpp"

#include "engine.hpp"
#include "runnel/core/ip_address.hpp"
#include "runnel/tls/error.hpp"

#include <openssl/err.h>

namespace runnel::inline v0::tls {
namespace {

int keep_session(SSL* ssl, SSL_SESSION* session) {
    auto& made = *static_cast<context*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
    made.sessions.put(engine::of(ssl).session_key, ssl_session_ptr(session));
    return 1; // it is ours now
}

/// A name as it is compared: without the dot at its end.
std::string plain_name(std::string name) {
    if (name.size() > 1 && name.back() == '.') {
        name.pop_back();
    }
    return name;
}

result<void> expect_name(SSL* ssl, const client_options& options, const std::string& name) {
    X509_VERIFY_PARAM* rules = SSL_get0_param(ssl);
    X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    const bool is_address = ip_address::parse(name).has_value();
    if (!is_address && !name.empty() && SSL_set_tlsext_host_name(ssl, name.c_str()) != 1) {
        ERR_clear_error();
        return fail(errc::invalid_argument, "\"" + name + "\" is no name that TLS could ask for");
    }
    if (!options.verify) {
        return {};
    }
    if (name.empty()) {
        return fail(errc::invalid_argument,
                    "no name of the server to check its certificate against: give one, or switch "
                    "verification off");
    }
    const int set = is_address ? X509_VERIFY_PARAM_set1_ip_asc(rules, name.c_str())
                               : X509_VERIFY_PARAM_set1_host(rules, name.data(), name.size());
    if (set != 1) {
        ERR_clear_error();
        return fail(errc::invalid_argument, "\"" + name + "\" is no name or address of a server");
    }
    return {};
}

} // namespace

result<std::shared_ptr<context>> make_client_context(const client_config::state& config) {
    const client_options& options = config.options;
    auto ctx = make_basic_context(options, config.log.get());
    if (!ctx) {
        return fail(ctx.error());
    }
    auto made = std::make_shared<context>();
    made->ctx = std::move(*ctx);
    made->client = &options;
    SSL_CTX* c = made->ctx.get();
    SSL_CTX_set_app_data(c, made.get());
    if (options.authorities.empty()) {
        SSL_CTX_set_default_verify_paths(c);
        ERR_clear_error();
    }
    const auto trusted =
        use_authorities(c, options.authorities, options.revocation_lists, "authorities");
    if (!trusted) {
        return fail(trusted.error());
    }
    const bool looks = options.verify || !options.pins.empty();
    SSL_CTX_set_verify(c, looks ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, looks ? &on_verify : nullptr);
    if (options.verify && options.staple != staple_check::ignored) {
        SSL_CTX_set_tlsext_status_type(c, TLSEXT_STATUSTYPE_ocsp);
        SSL_CTX_set_tlsext_status_cb(c, &on_staple);
    }
    if (options.own.has_value()) {
        const auto shown = use_identity(c, *options.own);
        if (!shown) {
            return fail(shown.error());
        }
    }
    const auto alpn = encode_alpn(options.alpn);
    if (!alpn) {
        return fail(alpn.error());
    }
    SSL_CTX_set_alpn_protos(c, reinterpret_cast<const unsigned char*>(alpn->data()),
                            static_cast<unsigned int>(alpn->size()));
    if (options.resumption) {
        SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(c, &keep_session);
    } else {
        SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
        SSL_CTX_set_options(c, SSL_OP_NO_TICKET);
    }
    return made;
}

result<prepared_session> prepare_client(const client_config& config, const std::string& host) {
    const auto& state = config.shared();
    auto made = context_for(state, &make_client_context);
    if (!made) {
        return fail(made.error());
    }
    prepared_session ready;
    ready.config = state;
    ready.made = *made;
    ready.ssl.reset(SSL_new((*made)->ctx.get()));
    const client_options& options = config.options();
    ready.name = plain_name(options.server_name.empty() ? host : options.server_name);
    const auto named = expect_name(ready.ssl.get(), options, ready.name);
    if (!named) {
        return fail(named.error());
    }
    if (options.resumption) {
        const ssl_session_ptr before = (*made)->sessions.take(ready.name);
        if (before != nullptr) {
            SSL_set_session(ready.ssl.get(), before.get());
        }
    }
    SSL_set_connect_state(ready.ssl.get());
    return ready;
}

} // namespace runnel::inline v0::tls
