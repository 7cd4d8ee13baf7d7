// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/mac_address.hpp"

#include <cstdint>
#include <string>

namespace runnel::inline v0::stack {

/// The MTU of an interface of the kernel; the usual one if there is no such interface.
[[nodiscard]] std::uint32_t mtu_of(const std::string& name) noexcept;

/// An address that nobody else has, most likely: administered locally, and of one station.
[[nodiscard]] mac_address random_mac() noexcept;

} // namespace runnel::inline v0::stack
