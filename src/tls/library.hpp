// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ossl.hpp"

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace runnel::inline v0::tls {

class ticket_keys;
struct client_options;

/// Certificates with keys of different kinds for the same names.
struct certificate_group {
    ssl_ctx_ptr ctx;
    std::vector<std::string> names; // in lower case, a wildcard as "*.example.org"
    std::vector<int> key_kinds;
};

/// The sessions that a client may resume, by the name of the server. One for each configuration and
/// thread.
class client_sessions {
public:
    /// A session to resume, or null. One of TLS 1.3 is taken out, to be used once (RFC 8446,
    /// appendix C.4); one of TLS 1.2 stays.
    [[nodiscard]] ssl_session_ptr take(const std::string& host);
    void put(const std::string& host, ssl_session_ptr session);

private:
    static constexpr std::size_t hosts_most = 1024;
    static constexpr std::size_t sessions_per_host = 4;
    std::multimap<std::string, ssl_session_ptr> sessions_;
};

/// What libssl needs for one configuration on one thread.
struct context {
    ssl_ctx_ptr ctx;
    client_sessions sessions;
    const client_options* client = nullptr; // of a client
    std::string alpn;                       // as in the extension
    std::vector<certificate_group> groups;  // of a server, with `ctx` for the first
    ticket_keys* tickets = nullptr;
    cipher_ptr ticket_cipher;
    std::string ocsp_response;
    std::weak_ptr<const void> owner; // the configuration; without it the context is dropped
};

/// OpenSSL for one thread: a library context of its own, so that threads do not meet at its locks,
/// and the contexts made in it.
class library {
public:
    [[nodiscard]] static library& local();

    [[nodiscard]] OSSL_LIB_CTX* get() const noexcept { return library_.get(); }

    /// The context of a configuration, or null.
    [[nodiscard]] std::shared_ptr<context> find(const void* configuration);
    void keep(const std::shared_ptr<const void>& configuration, std::shared_ptr<context> made);

    library(const library&) = delete;
    library& operator=(const library&) = delete;

private:
    library();
    ~library();

    lib_ctx_ptr library_;
    std::map<const void*, std::shared_ptr<context>> contexts_;
};

} // namespace runnel::inline v0::tls
