// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/task.hpp"
#include "runnel/core/buffer.hpp"
#include "runnel/core/error.hpp"
#include "runnel/flow/flow.hpp"
#include "runnel/flow/listener.hpp"
#include "runnel/host/unique_fd.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <sys/types.h>

/// Unix stream sockets.
namespace runnel::inline v0::host {

/// The place of a Unix socket: a path in the file system, or an abstract name that lives as long as
/// its socket.
class unix_address {
public:
    /// Longest path and longest abstract name, in bytes.
    static constexpr std::size_t longest = 107;

    /// A path without NUL. Errors: `invalid_argument` for one that is empty or too long.
    [[nodiscard]] static result<unix_address> path(std::string_view text);
    /// An abstract name of any bytes. Errors: as `path`.
    [[nodiscard]] static result<unix_address> abstract(std::string_view name);

    [[nodiscard]] bool is_abstract() const noexcept { return abstract_; }
    [[nodiscard]] const std::string& text() const noexcept { return text_; }
    /// `unix:/run/x` or `unix-abstract:x`.
    [[nodiscard]] flow_address to_flow_address() const;

    friend bool operator==(const unix_address&, const unix_address&) = default;

private:
    unix_address(std::string text, bool abstract) noexcept
        : text_(std::move(text)), abstract_(abstract) {}

    std::string text_;
    bool abstract_;
};

/// How to make a Unix socket.
struct unix_options {
    /// Bytes of the kernel's send buffer; 0: the system's value. What one side accepted and the
    /// other did not read counts against the sender's.
    std::uint32_t send_buffer = 0;
    /// `listen`: most flows from this listener at a time; 0: any number.
    std::size_t max_connections = 0;
    /// `listen`: connections the kernel holds ready; the system limits it (`net.core.somaxconn`).
    int backlog = 4096;
    /// `listen` on a path: access rights of the socket's file, such as 0600; who may write to it
    /// may connect. None: what the umask leaves of 0777.
    std::optional<mode_t> permissions = {};
    /// `listen` on a path: takes the place of a socket that nobody listens on any more, such as
    /// after a crash. Any other file stays, and gives `address_in_use`.
    bool replace_stale = true;
    /// `listen` on a path: removes the socket's file at the end, unless somebody has replaced it.
    bool unlink = true;
};
static_assert(std::is_trivially_destructible_v<unix_options>);

/// Who made the other end of a Unix socket, as the kernel noted it at that moment.
struct peer_credentials {
    pid_t process = 0; ///< 0 in a namespace from which the peer cannot be seen
    uid_t user = 0;
    gid_t group = 0;
};

/// What `receive_descriptors` gives.
class received_descriptors {
public:
    received_descriptors(buffer bytes, std::vector<unique_fd> passed, bool lost) noexcept
        : data(std::move(bytes)), descriptors(std::move(passed)), truncated(lost) {}

    /// At least one byte, as from `read`.
    buffer data;
    /// What was passed along with these bytes; close-on-exec.
    std::vector<unique_fd> descriptors;
    /// More descriptors were passed than asked for; the others were closed.
    bool truncated;
};

/// A connection over a Unix stream socket.
///
/// Where it differs from TCP, because the kernel does not tell more:
/// - An `abort()`, or the death of the peer's process, looks like a clean `end` to the other side,
///   unless the side that ends had not read everything: then it is a `reset`.
/// - `flush` and `write_nodelay` are done at once: what was accepted is in the peer's buffer.
class unix_flow : public flow {
public:
    /// Most descriptors that one call passes.
    static constexpr std::size_t most_descriptors = 253;

    /// Errors: `closed` once the flow has ended.
    [[nodiscard]] virtual result<peer_credentials> peer() const = 0;

    /// Writes `data`, at least one byte, and passes descriptors along with its first byte; the
    /// caller's stay open, and must until this is done. Counts as the write of the flow. Errors: of
    /// `write`; `invalid_argument` for too many descriptors or no data; `limit_exceeded` when too
    /// many are under way.
    [[nodiscard]] virtual task<result<void>> send_descriptors(buffer data,
                                                              std::vector<int> descriptors) = 0;

    /// Reads as `read`, and takes up to `most` descriptors that were passed along with those bytes.
    /// Counts as the read of the flow. Errors: of `read`. Descriptors that meet a plain read are
    /// closed, so whoever expects some reads in this way from the beginning.
    [[nodiscard]] virtual task<result<received_descriptors>>
    receive_descriptors(std::size_t most = 16) = 0;
};

using unix_flow_ptr = std::unique_ptr<unix_flow>;

/// Connects to a Unix socket. Waits while its backlog is full. Errors, with "connect unix:…" in
/// front: `not_found`, `refused` (nobody listens), `permission_denied`, `limit_exceeded`,
/// `not_supported` (not a stream socket).
[[nodiscard]] task<result<unix_flow_ptr>> connect(unix_address to, unix_options options = {});

/// Listens on a Unix socket. `accept()` gives flows that are `unix_flow`s. Errors, with "listen
/// unix:…" in front: `address_in_use`, `not_found` (the folder), `permission_denied`.
[[nodiscard]] result<listener_ptr> listen(const unix_address& at, unix_options options = {});

/// Two flows joined by the kernel, without a name.
[[nodiscard]] result<std::pair<unix_flow_ptr, unix_flow_ptr>>
make_socket_pair(unix_options options = {});

} // namespace runnel::inline v0::host
