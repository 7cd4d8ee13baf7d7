// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <vector>

namespace runnel::inline v0::stack {

/// Memory of at least `size` bytes, from what this thread gave back before where there is some.
[[nodiscard]] void* take_recycled(std::size_t size);
/// Gives it back; `size` as when it was taken. A bounded amount is kept for the next.
void give_recycled(void* memory, std::size_t size) noexcept;

/// The allocator of arrays that connections hold only while they have something in them: most of
/// the time a connection is idle, and then such an array serves another one, or the same again, at
/// the cost of a few instructions.
template <class T>
struct recycled {
    using value_type = T;

    recycled() noexcept = default;
    template <class U>
    recycled(const recycled<U>& /*other*/) noexcept {} // NOLINT(google-explicit-constructor)

    [[nodiscard]] T* allocate(std::size_t count) {
        return static_cast<T*>(take_recycled(count * sizeof(T)));
    }
    void deallocate(T* memory, std::size_t count) noexcept {
        give_recycled(memory, count * sizeof(T));
    }
    friend bool operator==(const recycled& /*a*/, const recycled& /*b*/) noexcept { return true; }
};

template <class T>
using recycled_vector = std::vector<T, recycled<T>>;

} // namespace runnel::inline v0::stack
