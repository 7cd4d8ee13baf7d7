// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ossl.hpp"

#include <array>
#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace runnel::inline v0::tls {

class engine;
class replay_guard;
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
    replay_guard* replays = nullptr;
    cipher_ptr ticket_cipher;
    std::string ocsp_response;
    std::weak_ptr<const void> owner; // the configuration; without it the context is dropped
};

/// The sessions of a thread that keep libssl's buffers for records, 17 KiB each way, from one use
/// to the next: the few that began to work last. So sessions that work allocate nothing, and those
/// that wait take little memory.
class buffer_keepers {
public:
    /// Lets `one` keep them, and takes them from another if there are too many.
    void admit(engine& one) noexcept;
    void remove(const engine& one) noexcept;

private:
    static constexpr std::size_t most = 16;
    std::array<engine*, most> all_{};
    std::size_t next_ = 0;
};

/// OpenSSL for one thread: a library context of its own, so that threads do not meet at its locks,
/// and the contexts made in it.
class library {
public:
    [[nodiscard]] static library& local();

    [[nodiscard]] OSSL_LIB_CTX* get() const noexcept { return library_.get(); }

    /// Whether there is a faster AES-GCM than OpenSSL's own: fast_aead.hpp.
    [[nodiscard]] bool has_fast_aead() const noexcept { return fast_aead_ != nullptr; }

    /// The context of a configuration, or null.
    [[nodiscard]] std::shared_ptr<context> find(const void* configuration);
    void keep(const std::shared_ptr<const void>& configuration, std::shared_ptr<context> made);

    buffer_keepers keepers;

    library(const library&) = delete;
    library& operator=(const library&) = delete;

private:
    library();
    ~library();

    lib_ctx_ptr library_;
    provider_ptr standard_; // which would not be loaded by itself beside another
    provider_ptr fast_aead_;
    std::map<const void*, std::shared_ptr<context>> contexts_;
};

} // namespace runnel::inline v0::tls
