// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/buffer.hpp"
#include "uring.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace runnel::inline v0 {

/// Blocks of one size of the buffer pool that stand ready for the kernel, which takes one only when
/// there is data to put into it: a connection that waits holds no memory.
///
/// A filled block goes to the reader as it is, and a fresh one takes its place at once, so there is
/// nothing to give back. A short message is copied out instead, and its block stands ready again.
class provided_buffers {
public:
    /// Blocks of `block_size` bytes, known to the kernel as `group`; never more than `most` of
    /// them, a power of two.
    provided_buffers(std::uint16_t group, std::uint32_t block_size, std::uint16_t most) noexcept
        : block_size_(block_size), group_(group), most_(most) {}
    provided_buffers(const provided_buffers&) = delete;
    provided_buffers& operator=(const provided_buffers&) = delete;
    /// Requires that the kernel does not use the blocks any more: that the ring is gone.
    ~provided_buffers();

    /// Makes the ring known to the kernel, still without blocks. 0 or -errno.
    int open(uring& ring) noexcept;

    [[nodiscard]] bool is_open() const noexcept { return entries_ != nullptr; }
    [[nodiscard]] std::uint16_t group() const noexcept { return group_; }
    [[nodiscard]] std::uint32_t block_size() const noexcept { return block_size_; }

    [[nodiscard]] bool is_empty() const noexcept { return blocks_.empty(); }

    /// Doubles the blocks that stand ready, from none to a few at first, up to the most.
    void grow();
    /// The same, but only once for all requests that found no block in the same turn of the loop.
    void grow_once_in(std::uint64_t turn) {
        if (turn != grown_in_) {
            grown_in_ = turn;
            grow();
        }
    }

    /// What the kernel put into block `id`: `size` bytes, which is more than 0.
    buffer take(std::uint16_t id, std::size_t size);
    /// Lets block `id`, which the kernel took and did not fill, stand ready again.
    void give_back(std::uint16_t id) noexcept;

    /// Shows the kernel the blocks that stand ready since the last call. Call before it is entered.
    void publish() noexcept {
        if (tail_ != published_) {
            published_ = tail_;
            // The ring's tail lies in a reserved field of its first entry.
            __atomic_store_n(&entries_->resv, tail_, __ATOMIC_RELEASE);
        }
    }

private:
    std::uint32_t block_size_;
    std::uint16_t group_;
    std::uint16_t most_;
    std::uint16_t tail_ = 0;
    std::uint16_t published_ = 0;
    std::uint64_t grown_in_ = 0;
    io_uring_buf* entries_ = nullptr;
    std::vector<buffer> blocks_;
};

} // namespace runnel::inline v0
