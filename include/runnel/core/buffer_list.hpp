// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/buffer.hpp"

#include <cstddef>
#include <span>

namespace runnel::inline v0 {

/// A sequence of buffers in one contiguous array: what `writev` takes. Up to four need no
/// allocation.
class [[nodiscard]] buffer_list {
public:
    buffer_list() noexcept = default;
    explicit buffer_list(buffer only) { push_back(std::move(only)); }
    buffer_list(buffer first, buffer second) {
        push_back(std::move(first));
        push_back(std::move(second));
    }
    buffer_list(buffer_list&& other) noexcept { take(other); }
    buffer_list& operator=(buffer_list&& other) noexcept;
    buffer_list(const buffer_list&) = delete;
    buffer_list& operator=(const buffer_list&) = delete;
    ~buffer_list();

    void push_back(buffer item);

    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
    /// The sum of the sizes of all buffers, in bytes.
    [[nodiscard]] std::size_t bytes() const noexcept;
    [[nodiscard]] std::span<buffer> items() noexcept { return {items_, size_}; }
    [[nodiscard]] std::span<const buffer> items() const noexcept { return {items_, size_}; }
    buffer& operator[](std::size_t index) noexcept { return items_[index]; }
    buffer* begin() noexcept { return items_; }
    buffer* end() noexcept { return items_ + size_; }

    /// Drops all buffers; keeps the array.
    void clear() noexcept;

private:
    static constexpr std::size_t inline_capacity = 4;

    void take(buffer_list& other) noexcept;
    void free_array() noexcept;

    buffer inline_[inline_capacity];
    buffer* items_ = inline_;
    std::size_t size_ = 0;
    std::size_t capacity_ = inline_capacity;
};

/// A first-in first-out queue of buffers that knows its size in bytes.
///
/// Its array grows to the longest the queue ever was and is kept, so that a steady flow of buffers
/// through it allocates nothing. Empty buffers are not queued.
class [[nodiscard]] buffer_queue {
public:
    buffer_queue() noexcept = default;
    buffer_queue(buffer_queue&& other) noexcept;
    buffer_queue& operator=(buffer_queue&& other) noexcept;
    buffer_queue(const buffer_queue&) = delete;
    buffer_queue& operator=(const buffer_queue&) = delete;
    ~buffer_queue();

    void push_back(buffer item);
    void push_front(buffer item);
    /// The same as `push_back`, but copies pieces together that are much smaller than their blocks,
    /// so that the memory held stays in proportion to the bytes, however small the pieces are that
    /// somebody sends.
    void push_back_compact(buffer item);

    /// Takes the first buffer off. Requires `!empty()`.
    buffer pop_front() noexcept;
    /// Takes the first buffer off, or only its first `limit` bytes. Requires `!empty()` and
    /// `limit > 0`.
    buffer pop_front(std::size_t limit) noexcept;
    /// Moves up to `target.size()` bytes out into `target`, and says how many.
    std::size_t copy_out(std::span<std::byte> target) noexcept;
    /// Drops the first `count` bytes. Requires `count <= bytes()`.
    void consume(std::size_t count) noexcept;

    [[nodiscard]] buffer& front() noexcept { return items_[first_]; }
    /// The buffer at `index` from the front. Requires `index < size()`.
    [[nodiscard]] buffer& operator[](std::size_t index) noexcept {
        return items_[(first_ + index) & (capacity_ - 1)];
    }
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

    /// Drops everything, the array too.
    void clear() noexcept;

private:
    void grow();

    buffer* items_ = nullptr;
    std::size_t capacity_ = 0; // zero or a power of two
    std::size_t first_ = 0;
    std::size_t size_ = 0;
    std::size_t bytes_ = 0;
};

} // namespace runnel::inline v0
