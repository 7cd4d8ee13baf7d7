// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/loop.hpp"
#include "runnel/core/error.hpp"
#include "runnel/core/mac_address.hpp"
#include "runnel/stack/link/link.hpp"

#include <memory>
#include <string>

namespace runnel::inline v0::stack {

/// How to open a TAP or TUN device of Linux.
struct tap_options {
    /// Its name, at most 15 characters, as in "rn0"; a new device if there is none of this name.
    /// Empty for a new one of the kernel's choice.
    std::string name;
    /// A TUN device, whose frames are IP packets without Ethernet.
    bool tun = false;
    /// Whether checksums and segmentation go over it undone, in both directions.
    bool offload = true;
    /// Whether the device may be opened several times, for several loops: the kernel spreads flows.
    /// In one process all of these are one station, with one address, and each gets what is of no
    /// flow (ARP, neighbour discovery, errors of ICMP).
    bool multi_queue = false;
    /// The address of our side. Unspecified for a random one.
    mac_address mac;
};

/// A device that was opened.
struct tap_device {
    std::unique_ptr<link> device;
    std::string name;
};

/// Opens a device, whose other side is an interface of the kernel, which somebody has to bring up.
/// The MTU is that of the interface. It belongs to the loop's thread. Errors: `permission_denied`,
/// `not_supported` (no such devices here), `invalid_argument` (the name), `address_in_use` (the
/// device is open, and not for several).
[[nodiscard]] result<tap_device> open_tap(loop& on, const tap_options& options);

} // namespace runnel::inline v0::stack
