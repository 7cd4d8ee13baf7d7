// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

namespace runnel::inline v0 {

class buffer_pool;

/// The memory that one or more buffers look into. Not for direct use: `buffer` and `buffer_pool`
/// are the interface. The bytes follow the header, or lie elsewhere for memory that somebody lent.
struct alignas(64) buffer_block {
    using release_function = void (*)(void* owner) noexcept;

    std::byte* begin = nullptr;
    buffer_pool* pool = nullptr;
    buffer_block* next_free = nullptr;
    release_function release = nullptr;
    void* lender = nullptr;
    std::uint32_t capacity = 0;
    std::uint32_t references = 0;
    std::uint8_t size_class = 0;
    bool read_only = false;
};

/// A slice of reference-counted memory: what reads give and writes take.
///
/// Moving a buffer moves ownership; there is no implicit copy. `share()` makes a second slice of
/// the same bytes, and while more than one exists the bytes are constant. A buffer and everything
/// shared from it belong to one thread; a buffer that is `unique()` may be moved to another, and
/// finds its way home to its pool when released there.
///
/// New buffers leave room in front for headers and behind for trailers, so that layers below can
/// add theirs without moving the payload.
class [[nodiscard]] buffer {
public:
    /// Room in front: Ethernet 14 + IPv6 40 + TCP 60, rounded up to a whole number of cache lines.
    static constexpr std::uint32_t default_headroom = 128;
    /// Room behind: an AEAD tag and a content type, and SIMD readers that look past the end.
    static constexpr std::uint32_t default_tailroom = 32;
    /// The largest size of one buffer, in bytes.
    static constexpr std::size_t max_size = std::size_t{0xffff'0000};

    buffer() noexcept = default;
    buffer(buffer&& other) noexcept
        : block_(std::exchange(other.block_, nullptr)), data_(std::exchange(other.data_, nullptr)),
          size_(std::exchange(other.size_, 0)) {}
    buffer& operator=(buffer&& other) noexcept {
        buffer old(std::move(*this));
        block_ = std::exchange(other.block_, nullptr);
        data_ = std::exchange(other.data_, nullptr);
        size_ = std::exchange(other.size_, 0);
        return *this;
    }
    buffer(const buffer&) = delete;
    buffer& operator=(const buffer&) = delete;
    ~buffer() { reset(); }

    /// A new buffer of `size` bytes of undefined content from this thread's pool.
    /// Throws `std::bad_alloc` when the system has no memory, `std::length_error` above `max_size`.
    static buffer allocate(std::size_t size, std::uint32_t headroom = default_headroom,
                           std::uint32_t tailroom = default_tailroom);

    /// Like `allocate`, for keys and passwords: kept out of core dumps, and wiped when released.
    static buffer allocate_secret(std::size_t size);

    /// A new buffer with a copy of `bytes`.
    static buffer copy_of(std::span<const std::byte> bytes);
    static buffer copy_of(std::string_view text);

    /// A buffer of memory that lives and stays unchanged for ever, such as a string literal.
    static buffer of_static(std::span<const std::byte> bytes);
    static buffer of_static(std::string_view text);

    /// A buffer of memory that somebody else owns: `release(owner)` is called exactly once, on the
    /// thread that drops the last slice. The bytes count as constant.
    static buffer adopt(std::span<const std::byte> bytes, void* owner,
                        buffer_block::release_function release);

    [[nodiscard]] const std::byte* data() const noexcept { return data_; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
    [[nodiscard]] std::span<const std::byte> span() const noexcept { return {data_, size_}; }
    [[nodiscard]] std::string_view view() const noexcept {
        return {reinterpret_cast<const char*>(data_), size_};
    }

    /// Whether no other buffer shares the memory, so that it may be changed in place.
    [[nodiscard]] bool unique() const noexcept {
        return block_ != nullptr && block_->references == 1 && !block_->read_only;
    }

    /// The bytes for writing. Requires `unique()` (or an empty buffer).
    [[nodiscard]] std::span<std::byte> writable() noexcept;

    /// Bytes free in front of and behind the slice; 0 unless `unique()`.
    [[nodiscard]] std::size_t headroom() const noexcept;
    [[nodiscard]] std::size_t tailroom() const noexcept;

    /// Grows the slice by `size` bytes in front. True if there was room; otherwise nothing changed.
    [[nodiscard]] bool prepend(std::size_t size) noexcept;
    /// Grows the slice by `size` bytes behind. True if there was room; otherwise nothing changed.
    [[nodiscard]] bool append(std::size_t size) noexcept;

    /// Another slice of the same bytes, or of `size` of them from `offset`. Requires
    /// `offset + size <= this->size()`. No copy, no allocation.
    [[nodiscard]] buffer share() const noexcept { return share(0, size_); }
    [[nodiscard]] buffer share(std::size_t offset, std::size_t size) const noexcept;

    /// Cuts the first `size` bytes off and gives them as a buffer of their own. Requires
    /// `size <= this->size()`.
    [[nodiscard]] buffer take_front(std::size_t size) noexcept;

    /// Takes the bytes of `next` in behind its own if that is where they lie in the same memory, so
    /// that two slices become one again. True if so, and `next` is empty then.
    [[nodiscard]] bool join(buffer& next) noexcept {
        if (block_ == nullptr || next.block_ != block_ || data_ + size_ != next.data_) {
            return false;
        }
        size_ += next.size_;
        next.reset();
        return true;
    }

    /// Drops `count` bytes at the front or at the back. Requires `count <= size()`.
    void remove_prefix(std::size_t count) noexcept {
        data_ += count;
        size_ -= static_cast<std::uint32_t>(count);
    }
    void remove_suffix(std::size_t count) noexcept { size_ -= static_cast<std::uint32_t>(count); }
    /// Keeps the first `size` bytes. Requires `size <= this->size()`.
    void truncate(std::size_t size) noexcept { size_ = static_cast<std::uint32_t>(size); }

    /// Memory held by the block behind this slice, in bytes: what keeping the slice costs.
    [[nodiscard]] std::size_t footprint() const noexcept;

    /// Gives the memory back and becomes empty.
    void reset() noexcept {
        if (block_ != nullptr) {
            if (--block_->references == 0) {
                release(block_);
            }
            block_ = nullptr;
        }
        data_ = nullptr;
        size_ = 0;
    }

private:
    friend class buffer_pool;
    buffer(buffer_block* block, std::byte* data, std::size_t size) noexcept
        : block_(block), data_(data), size_(static_cast<std::uint32_t>(size)) {}
    static void release(buffer_block* block) noexcept;

    buffer_block* block_ = nullptr;
    std::byte* data_ = nullptr;
    std::uint32_t size_ = 0;
};

/// Bytes of a text, for calls that take bytes.
[[nodiscard]] inline std::span<const std::byte> as_bytes(std::string_view text) noexcept {
    return std::as_bytes(std::span(text));
}

} // namespace runnel::inline v0
