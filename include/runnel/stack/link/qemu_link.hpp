// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/loop.hpp"
#include "runnel/core/error.hpp"
#include "runnel/core/mac_address.hpp"
#include "runnel/stack/link/link.hpp"

#include <cstdint>
#include <memory>
#include <string>

namespace runnel::inline v0::stack {

/// How to be the other end of a virtual machine's network port (QEMU's `-netdev`).
struct qemu_link_options {
    enum class mode : std::uint8_t {
        /// Waits at `path` for one machine at a time: `stream,server=off,addr.type=unix,addr.path=`
        listen,
        /// Connects to a machine that waits: `stream,server=on,…`. Tries again when it is gone.
        connect,
        /// One datagram a frame, received at `path` and sent to `peer`:
        /// `dgram,local.type=unix,local.path=PEER,remote.type=unix,remote.path=PATH`
        datagram,
    };

    mode how = mode::listen;
    /// Unix sockets, at most 107 characters. One that is made replaces what nobody listens at any
    /// more, and is removed with the link.
    std::string path;
    std::string peer;
    /// The address of our side. Unspecified for a random one.
    mac_address mac;
    std::uint32_t mtu = 1500;
};

/// Opens such a link. Frames go over it whole, with all checksums made: this protocol knows no
/// offloads. While there is no machine, frames are lost. Errors: those of Unix sockets.
[[nodiscard]] result<std::unique_ptr<link>> open_qemu_link(loop& on,
                                                           const qemu_link_options& options);

} // namespace runnel::inline v0::stack
