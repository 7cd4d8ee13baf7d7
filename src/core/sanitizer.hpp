// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#if defined(__SANITIZE_ADDRESS__)
#define RUNNEL_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define RUNNEL_ADDRESS_SANITIZER 1
#endif
#endif

#ifdef RUNNEL_ADDRESS_SANITIZER
#include <sanitizer/asan_interface.h>
#endif

namespace runnel::inline v0 {

/// Whether this is a build with the address sanitizer.
#ifdef RUNNEL_ADDRESS_SANITIZER
inline constexpr bool address_sanitizer = true;
#else
inline constexpr bool address_sanitizer = false;
#endif

/// Makes the address sanitizer report any access until `unpoison`. Nothing in other builds.
inline void poison([[maybe_unused]] void* memory, [[maybe_unused]] std::size_t size) noexcept {
#ifdef RUNNEL_ADDRESS_SANITIZER
    __asan_poison_memory_region(memory, size);
#endif
}

inline void unpoison([[maybe_unused]] void* memory, [[maybe_unused]] std::size_t size) noexcept {
#ifdef RUNNEL_ADDRESS_SANITIZER
    __asan_unpoison_memory_region(memory, size);
#endif
}

} // namespace runnel::inline v0
