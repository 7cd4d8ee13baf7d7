// SPDX-License-Identifier: Apache-2.0
#include "provided_buffers.hpp"

#include "receive_buffer.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <sys/mman.h>

namespace runnel::inline v0 {
namespace {

/// Blocks that stand ready at first, if they are not that large.
constexpr std::size_t blocks_at_first = 64;
constexpr std::size_t bytes_at_first = std::size_t{64} * 1024;

} // namespace

provided_buffers::~provided_buffers() {
    if (entries_ != nullptr) {
        ::munmap(entries_, most_ * sizeof(io_uring_buf));
    }
}

int provided_buffers::open(uring& ring) noexcept {
    void* memory = ::mmap(nullptr, most_ * sizeof(io_uring_buf), PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        return -errno;
    }
    io_uring_buf_reg registration{};
    registration.ring_addr = reinterpret_cast<std::uint64_t>(memory);
    registration.ring_entries = most_;
    registration.bgid = group_;
    if (const int outcome = ring.configure(IORING_REGISTER_PBUF_RING, &registration, 1);
        outcome < 0) {
        ::munmap(memory, most_ * sizeof(io_uring_buf));
        return outcome;
    }
    entries_ = static_cast<io_uring_buf*>(memory);
    return 0;
}

void provided_buffers::grow() {
    const std::size_t more =
        blocks_.empty()
            ? std::min(blocks_at_first, std::max<std::size_t>(1, bytes_at_first / block_size_))
            : blocks_.size();
    const std::size_t wanted = std::min<std::size_t>(blocks_.size() + more, most_);
    while (blocks_.size() < wanted) {
        blocks_.push_back(buffer::allocate(block_size_));
        give_back(static_cast<std::uint16_t>(blocks_.size() - 1));
    }
}

buffer provided_buffers::take(std::uint16_t id, std::size_t size) {
    buffer& block = blocks_[id];
    buffer message;
    if (worth_copying(size, block_size_)) {
        message = buffer::copy_of(block.span().first(size));
    } else {
        message = std::exchange(block, buffer::allocate(block_size_));
        message.truncate(size);
    }
    give_back(id);
    return message;
}

void provided_buffers::give_back(std::uint16_t id) noexcept {
    io_uring_buf& entry = entries_[tail_++ & (most_ - 1)];
    entry.addr = reinterpret_cast<std::uint64_t>(blocks_[id].data());
    entry.len = block_size_;
    entry.bid = id;
}

} // namespace runnel::inline v0
