// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/buffer.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace runnel::inline v0 {

/// What one thread's pool holds, for `info`, metrics and leak checks in tests.
struct buffer_statistics {
    /// Blocks in use now and the most there ever were.
    std::uint64_t live = 0;
    std::uint64_t peak = 0;
    /// Bytes of address space mapped for slabs.
    std::uint64_t mapped = 0;
    /// Blocks handed out since the start, and how many of those were too large for a slab.
    std::uint64_t allocated = 0;
    std::uint64_t oversize = 0;
    /// Blocks that another thread gave back.
    std::uint64_t returned_remotely = 0;
};

/// The slab allocator behind `buffer`: one for each thread, with blocks in a few fixed sizes.
///
/// Blocks are carved from 2 MiB maps. A map that becomes empty goes back to the system once another
/// empty one of the same size is at hand. When a thread ends, its pool waits for the next new
/// thread, so blocks that outlive their thread stay valid.
class buffer_pool {
public:
    /// Bytes that a buffer of each slab class can hold beside the default head- and tailroom: a
    /// short message, an Ethernet frame, a TLS record with its overhead, a super-segment, a bulk
    /// read.
    static constexpr std::array<std::uint32_t, 5> class_sizes{256, 2048, 16384 + 512, 65536,
                                                              262144};

    /// The pool of the calling thread.
    [[nodiscard]] static buffer_pool& local();

    [[nodiscard]] buffer allocate(std::size_t size, std::uint32_t headroom, std::uint32_t tailroom,
                                  bool secret);

    /// Statistics as of now, with blocks on their way back from other threads counted as returned.
    [[nodiscard]] buffer_statistics statistics() noexcept;

    buffer_pool(const buffer_pool&) = delete;
    buffer_pool& operator=(const buffer_pool&) = delete;

private:
    friend class buffer;
    friend class buffer_pool_lease;
    struct slab;
    struct size_class {
        slab* partial = nullptr;
        std::uint32_t empty_slabs = 0;
    };

    buffer_pool() = default;
    ~buffer_pool() = default;

    buffer_block* take(std::size_t index);
    void give_back(buffer_block* block) noexcept;
    void give_back_remotely(buffer_block* block) noexcept;
    void drain_remote() noexcept;
    slab* map_slab(std::size_t index);
    buffer_block* allocate_oversize(std::size_t capacity, bool secret);

    // Plain classes first, then the same again for secrets.
    std::array<size_class, 2 * class_sizes.size()> classes_{};
    buffer_statistics statistics_{};
    std::atomic<buffer_block*> remote_{nullptr};
    buffer_pool* next_idle_ = nullptr;
};

} // namespace runnel::inline v0
