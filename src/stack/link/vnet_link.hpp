// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "descriptor_watch.hpp"
#include "runnel/stack/link/link.hpp"

#include <cstddef>
#include <memory>

namespace runnel::inline v0::stack {

/// The bytes of a virtio-net header (virtio 1.2, 5.1.6) without `num_buffers`.
inline constexpr std::size_t vnet_header_size = 10;

/// A link over a file of the kernel from which one frame is read at a time, with a virtio-net
/// header in front of it, and to which they are written alike.
[[nodiscard]] std::unique_ptr<link> make_vnet_link(descriptor_watch::pointer file,
                                                   const link_properties& properties);

} // namespace runnel::inline v0::stack
