// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/loop.hpp"
#include "runnel/core/error.hpp"
#include "runnel/core/mac_address.hpp"
#include "runnel/stack/link/link.hpp"

#include <memory>
#include <string>

namespace runnel::inline v0::stack {

/// How to share an Ethernet interface with the kernel (AF_PACKET of Linux).
struct packet_options {
    /// The interface's name.
    std::string interface;
    /// Whether checksums and segmentation go over it undone, in both directions.
    bool offload = true;
    /// Whether what the kernel sends there comes in, too: for those who only listen.
    bool overhear = false;
    /// The address of our side. Unspecified for a random one; the interface then takes in frames
    /// for any address.
    mac_address mac;
};

/// Opens an interface that stays the kernel's, too: both see all frames that come, and each is a
/// station of its own on the network behind it. They do not see what the other sends. The MTU is
/// that of the interface. Errors: `permission_denied`, `not_found` (no such interface),
/// `not_supported`.
[[nodiscard]] result<std::unique_ptr<link>> open_packet(loop& on, const packet_options& options);

} // namespace runnel::inline v0::stack
