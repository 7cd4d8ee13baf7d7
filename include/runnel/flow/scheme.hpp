// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/error.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace runnel::inline v0 {

/// What stands behind the colon of a scheme in the text of an endpoint.
enum class scheme_form : std::uint8_t {
    /// Nothing of its own: a layer over a transport, written in front of it as in `tls+tcp:`.
    layer,
    /// `//host:port`, where the host is a name, an IPv4 address, an IPv6 address in brackets, or
    /// `*` or nothing for any address.
    host_port,
    /// `//id:port`, where the identifier is free text without `/`, `:` and `?`, such as the number
    /// of a virtual machine, or `*` or nothing for any.
    id_port,
    /// The path of a file: `/path`, `relative/path` or `///path`.
    path,
    /// Any text, up to the question mark, such as a command.
    text,
    /// A number.
    number,
    /// Nothing.
    nothing,
};

/// A name that stands for a port in the endpoints of a scheme.
struct port_name {
    std::string name;
    std::uint32_t port = 0;

    friend bool operator==(const port_name&, const port_name&) = default;
};

/// One row of the table that the endpoint grammar works from: how endpoints of a scheme are
/// written.
struct scheme_info {
    /// Lower-case letters, digits, `-` and `.`, beginning with a letter; at most 32 characters.
    std::string name;
    scheme_form form = scheme_form::layer;
    /// What a correct endpoint looks like, for messages: `tcp://host:port`.
    std::string example = {};
    /// Largest port (`host_port`, `id_port`) or number (`number`).
    std::uint32_t max_number = 65535;
    /// The port where none is written. With layers, the innermost one that has a default counts.
    std::optional<std::uint32_t> default_port = {};
    /// Whether the port may be missing altogether.
    bool port_optional = false;
    /// Names of ports that are accepted besides numbers.
    std::vector<port_name> port_names = {};
    /// Whether a path may follow host and port; for a layer, whether it brings one to its
    /// transport.
    bool path_after_port = false;
    /// Most bytes of a path or text after percent-decoding; 0 where only the general limit counts.
    std::size_t max_text = 0;
    /// Whether a path or text may contain NUL, written `%00`.
    bool nul_allowed = false;

    friend bool operator==(const scheme_info&, const scheme_info&) = default;
};

/// Lets the endpoint grammar know one more scheme, for the whole process and until its end.
///
/// Known from the start are `tcp`, `unix`, `unix-abstract`, `vsock`, `hvsock`, `firecracker`,
/// `cloud-hypervisor`, `hyperkit`, `stdio`, `exec`, `file`, `fd` and `pipe`, and the layers
/// `mux` and `virtsock`. Registering the same row again changes nothing. Gives
/// `errc::invalid_argument` for a malformed name or one that is taken by a different row. Safe to
/// call from any thread.
[[nodiscard]] result<void> register_scheme(scheme_info info);

/// The row of a scheme, upper and lower case alike, or null. It never moves or changes.
[[nodiscard]] const scheme_info* find_scheme(std::string_view name);

/// All rows: the built-in ones, then the others in the order of registration.
[[nodiscard]] std::vector<const scheme_info*> all_schemes();

} // namespace runnel::inline v0
