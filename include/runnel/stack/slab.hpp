// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <utility>
#include <vector>

namespace runnel::inline v0::stack {

/// Objects that never move, known by 32-bit handles: made and destroyed in O(1), in blocks of
/// memory that are kept for the next ones. For tables that hold handles where a pointer would be
/// twice as large.
template <class T>
class slab {
public:
    slab() = default;
    slab(const slab&) = delete;
    slab& operator=(const slab&) = delete;
    ~slab() {
        for_each([this](std::uint32_t handle, T&) { destroy(handle); });
    }

    /// Makes one: its handle.
    template <class... Arguments>
    std::uint32_t create(Arguments&&... arguments) {
        if (free_ == none) {
            grow();
        }
        const std::uint32_t handle = free_;
        const std::uint32_t next = next_free(handle);
        ::new (place(handle)) T(std::forward<Arguments>(arguments)...);
        free_ = next;
        block_of(handle).used |= bit(handle);
        ++size_;
        return handle;
    }

    void destroy(std::uint32_t handle) noexcept {
        (*this)[handle].~T();
        block_of(handle).used &= ~bit(handle);
        set_free(handle);
        --size_;
    }

    T& operator[](std::uint32_t handle) noexcept {
        return *std::launder(static_cast<T*>(place(handle)));
    }
    const T& operator[](std::uint32_t handle) const noexcept {
        return const_cast<slab&>(*this)[handle];
    }

    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] std::size_t footprint() const noexcept {
        return blocks_.size() * sizeof(block) + blocks_.capacity() * sizeof(void*);
    }

    /// Calls `function(handle, object)` for all, in the order of their handles. It may destroy the
    /// object that it is called with.
    template <class Function>
    void for_each(Function function) {
        for (std::size_t b = 0; b < blocks_.size(); ++b) {
            for (std::size_t i = 0; i < block_size; ++i) {
                const auto handle = static_cast<std::uint32_t>(b * block_size + i);
                if ((blocks_[b]->used & bit(handle)) != 0) {
                    function(handle, (*this)[handle]);
                }
            }
        }
    }

private:
    static constexpr std::size_t block_size = 64;
    static constexpr std::uint32_t none = 0xffff'ffff;
    static_assert(sizeof(T) >= sizeof(std::uint32_t));
    struct block {
        std::uint64_t used = 0;
        alignas(T) std::byte memory[block_size * sizeof(T)];
    };

    static std::uint64_t bit(std::uint32_t handle) noexcept {
        return std::uint64_t{1} << (handle % block_size);
    }
    block& block_of(std::uint32_t handle) noexcept { return *blocks_[handle / block_size]; }
    void* place(std::uint32_t handle) noexcept {
        return block_of(handle).memory + (handle % block_size) * sizeof(T);
    }
    void grow() {
        const auto first = static_cast<std::uint32_t>(blocks_.size() * block_size);
        blocks_.push_back(std::make_unique_for_overwrite<block>());
        blocks_.back()->used = 0;
        for (std::size_t i = block_size; i > 0; --i) {
            set_free(first + static_cast<std::uint32_t>(i - 1));
        }
    }

    // Where no object is, the next such place is noted.
    [[nodiscard]] std::uint32_t next_free(std::uint32_t handle) noexcept {
        std::uint32_t next = none;
        std::memcpy(&next, place(handle), sizeof next);
        return next;
    }
    void set_free(std::uint32_t handle) noexcept {
        std::memcpy(place(handle), &free_, sizeof free_);
        free_ = handle;
    }

    std::vector<std::unique_ptr<block>> blocks_;
    std::uint32_t free_ = none;
    std::size_t size_ = 0;
};

} // namespace runnel::inline v0::stack
