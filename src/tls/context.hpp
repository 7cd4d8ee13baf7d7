// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "library.hpp"
#include "ossl.hpp"

#include "runnel/core/error.hpp"
#include "runnel/tls/config.hpp"

#include <memory>
#include <string>

namespace runnel::inline v0::tls {

class ticket_keys;
class replay_guard;
class key_log;

struct client_config::state {
    client_options options;
    std::shared_ptr<key_log> log; // null without
};

struct server_config::state {
    server_options options;
    std::shared_ptr<ticket_keys> tickets;
    std::shared_ptr<replay_guard> replays;
    std::shared_ptr<key_log> log;
};

/// A session of libssl that is ready to begin its handshake, with what its callbacks refer to.
struct prepared_session {
    std::shared_ptr<const void> config;
    std::shared_ptr<context> made;
    ssl_ptr ssl;
    std::string name; // under which a client keeps its sessions
};
[[nodiscard]] result<prepared_session> prepare_client(const client_config& config,
                                                      const std::string& host);
[[nodiscard]] result<prepared_session> prepare_server(const server_config& config);

/// The context of a configuration on this thread, which `make` makes when it is first asked for.
template <class State>
[[nodiscard]] result<std::shared_ptr<context>>
context_for(const std::shared_ptr<State>& config,
            result<std::shared_ptr<context>> (*make)(const State& config)) {
    if (auto known = library::local().find(config.get()); known != nullptr) {
        return known;
    }
    auto made = make(*config);
    if (made) {
        library::local().keep(config, *made);
    }
    return made;
}

/// Makes what this thread needs for a configuration, which also checks it.
[[nodiscard]] result<std::shared_ptr<context>>
make_client_context(const client_config::state& config);
[[nodiscard]] result<std::shared_ptr<context>>
make_server_context(const server_config::state& config);

/// What both of these begin with.
[[nodiscard]] result<ssl_ctx_ptr> make_basic_context(const common_options& options, key_log* log);

/// The error for credentials that cannot be used, with OpenSSL's reason.
[[nodiscard]] error bad_credentials(const std::string& what);

/// Lets `ctx` show a certificate, after checking that it and its key can be used and fit.
[[nodiscard]] result<void> use_identity(SSL_CTX* ctx, const identity& own);

/// Makes `ctx` trust these authorities, and demand these revocation lists if there are any. `whose`
/// names them in errors.
[[nodiscard]] result<void> use_authorities(SSL_CTX* ctx, const std::string& authorities,
                                           const std::string& lists, const std::string& whose);

/// Reads every certificate of a PEM text, at least one.
[[nodiscard]] result<std::vector<x509_ptr>> read_certificates(const std::string& pem,
                                                              const std::string& name);

/// The names of application protocols as they stand in the extension.
[[nodiscard]] result<std::string> encode_alpn(const std::vector<std::string>& names);

/// The callback of a client for the OCSP response of the server.
int on_staple(SSL* ssl, void* argument);

/// The callback of `SSL_CTX_set_verify`: notes why a certificate is refused, for the error of the
/// handshake.
int on_verify(int good, X509_STORE_CTX* checked);

} // namespace runnel::inline v0::tls
