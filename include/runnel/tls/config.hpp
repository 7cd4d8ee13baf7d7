// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/time.hpp"
#include "runnel/core/error.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace runnel::inline v0::tls {

/// TLS 1.2 (RFC 5246) and 1.3 (RFC 8446); there is nothing older here.
enum class version : std::uint8_t { tls_1_2, tls_1_3 };

/// Whom we are to the peer: a certificate with its chain, and the private key, both as PEM.
struct identity {
    std::string chain; ///< our certificate first, then its issuers; the root may be missing
    std::string key;   ///< not encrypted
    std::string name;  ///< for messages: where they came from

    /// Reads both from files. `key_file` empty: the chain's file holds the key, too. Errors name
    /// the file.
    [[nodiscard]] static result<identity> from_files(const std::string& chain_file,
                                                     const std::string& key_file = {});
};

/// The text of a file, at most 16 MiB. Errors name the file.
[[nodiscard]] result<std::string> read_text_file(const std::string& path);

/// What both sides have in common.
struct common_options {
    version least = version::tls_1_2;
    version greatest = version::tls_1_3;
    /// Application protocols in order of preference (ALPN, RFC 7301), such as "h2".
    std::vector<std::string> alpn;
    /// How long the handshake may take.
    duration handshake_timeout = std::chrono::seconds(10);
    /// Bytes that the peer may send during the handshake.
    std::size_t handshake_bytes = std::size_t{64} * 1024;
    /// Whether sessions may be resumed without a full handshake.
    bool resumption = true;
    /// Whether the end of our writing is passed on to the flow below, after close_notify.
    bool half_close_below = true;
    /// Whether the costly steps of a handshake (signatures, the exchange of keys, checks of
    /// certificates) are computed on the pool's threads (`run_blocking`), so that they hold up no
    /// other flow of the loop. Worth it where handshakes are many and keys large.
    bool handshake_on_pool = false;
    /// Whether AES-GCM comes from libipsec-mb, where this build has it and the CPU gains by it.
    bool fast_aead = true;
    /// The file to which secrets are appended, for programs that look into recorded traffic
    /// (the format of SSLKEYLOGFILE). Empty: none, whatever the environment says.
    std::string key_log;
    /// Seconds since 1970 at which certificates are checked; without a value, now.
    std::optional<std::int64_t> check_time;
};

/// What a client makes of the OCSP response that a server staples to its certificate (RFC 6066,
/// section 8), as a proof that it was not revoked.
enum class staple_check : std::uint8_t {
    ignored,
    checked,  ///< one that is there has to be good; a certificate may demand one (RFC 7633)
    required, ///< there has to be one
};

/// How to be a client.
struct client_options : common_options {
    /// Whether the server's certificate is checked at all. Off is for tests only.
    bool verify = true;
    /// Trusted authorities as PEM, instead of the system's.
    std::string authorities;
    /// Revocation lists as PEM. With one, every certificate of the chain needs a list.
    std::string revocation_lists;
    staple_check staple = staple_check::checked;
    /// The name or address that the certificate has to be for, and, if it is a name, that is sent
    /// to the server (SNI). Empty: what `client` is given.
    std::string server_name;
    /// SHA-256 fingerprints, 64 hexadecimal digits with or without colons, of certificates or of
    /// public keys (SubjectPublicKeyInfo). If there are any, the server's has to be among them,
    /// besides passing every other check that is on.
    std::vector<std::string> pins;
    /// Whom we are, if the server asks.
    std::optional<identity> own;
};

/// Whether a server asks its clients for certificates.
enum class client_certificates : std::uint8_t { none, optional, required };

/// How to be a server.
struct server_options : common_options {
    /// At least one. Which is shown depends on the name that the client asks for: the first that is
    /// exactly for it, else the first with a fitting wildcard, else the first of all. Several for
    /// the same names may have keys of different kinds (RSA, ECDSA, EdDSA); the client's abilities
    /// then decide.
    std::vector<identity> identities;
    client_certificates clients = client_certificates::none;
    /// Authorities that clients' certificates have to come from, and revocation lists, as PEM.
    std::string client_authorities;
    std::string client_revocation_lists;
    /// Whether each thread remembers sessions itself, instead of handing them out in tickets.
    bool stateful = false;
    /// Bytes of early data that a client may send with its first flight when it resumes a session
    /// of TLS 1.3; 0: none. They are read before the handshake is done, and nothing proves that
    /// they are fresh but this: among the servers that share a configuration, none takes the same
    /// first flight twice. `session_info::early_data` says how much of the stream they were.
    std::uint32_t early_data_most = 0;
    /// A DER-encoded OCSP response for the first identity, which clients that ask for it get.
    std::string ocsp_response;
};

/// A checked set of options, ready to be used by any number of sessions on any loop. Cheap to copy.
///
/// Each thread parses keys and certificates once, when it first uses the configuration.
class client_config {
public:
    /// Checks everything that can be checked without a peer. `errc::invalid_argument`, as
    /// `fault::bad_credentials` where certificates are to blame, with words on what is wrong.
    [[nodiscard]] static result<client_config> make(client_options options);

    [[nodiscard]] const client_options& options() const noexcept;

    struct state;
    explicit client_config(std::shared_ptr<state> shared) noexcept : state_(std::move(shared)) {}
    [[nodiscard]] const std::shared_ptr<state>& shared() const noexcept { return state_; }

private:
    std::shared_ptr<state> state_;
};

/// The same for servers. Copies share their ticket keys, so that a session begun on one loop can be
/// resumed on another.
class server_config {
public:
    [[nodiscard]] static result<server_config> make(server_options options);

    [[nodiscard]] const server_options& options() const noexcept;

    /// The same configuration with other options, whose sessions can be resumed across the change:
    /// how certificates are renewed. Sessions that exist go on as they are.
    [[nodiscard]] result<server_config> renewed(server_options options) const;

    struct state;
    explicit server_config(std::shared_ptr<state> shared) noexcept : state_(std::move(shared)) {}
    [[nodiscard]] const std::shared_ptr<state>& shared() const noexcept { return state_; }

private:
    std::shared_ptr<state> state_;
};

} // namespace runnel::inline v0::tls
