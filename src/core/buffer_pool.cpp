// SPDX-License-Identifier: Apache-2.0
#include "runnel/core/buffer_pool.hpp"

#include "runnel/core/check.hpp"
#include "sanitizer.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>
#include <stdexcept>

namespace runnel::inline v0 {
namespace {

constexpr std::size_t slab_bytes = std::size_t{2} << 20;
constexpr std::size_t class_count = buffer_pool::class_sizes.size();
constexpr std::uint8_t oversize_class = 0xfe;
constexpr std::uint8_t oversize_secret_class = 0xff;
constexpr std::size_t room = buffer::default_headroom + buffer::default_tailroom;

constexpr std::size_t capacity_of(std::size_t index) {
    return buffer_pool::class_sizes[index % class_count] + room;
}

constexpr std::size_t stride_of(std::size_t index) {
    return sizeof(buffer_block) + (capacity_of(index) + 63) / 64 * 64;
}

constexpr bool is_secret(std::size_t index) {
    return index >= class_count;
}

std::mutex idle_mutex;
buffer_pool* idle_pools = nullptr;
thread_local buffer_pool* current_pool = nullptr;

} // namespace

/// The head of a 2 MiB map, aligned to its size so that a block finds its slab by masking.
struct buffer_pool::slab {
    slab* previous = nullptr;
    slab* next = nullptr;
    buffer_block* free = nullptr;
    std::uint32_t used = 0;
    std::uint32_t untouched = 0; // blocks never handed out yet: they follow those that were
    std::uint32_t total = 0;

    static slab* of(buffer_block* block) noexcept {
        return reinterpret_cast<slab*>(reinterpret_cast<std::uintptr_t>(block) & ~(slab_bytes - 1));
    }

    [[nodiscard]] bool exhausted() const noexcept { return used == total; }

    void link(slab*& head) noexcept {
        previous = nullptr;
        next = head;
        if (head != nullptr) {
            head->previous = this;
        }
        head = this;
    }

    void unlink(slab*& head) noexcept {
        (previous != nullptr ? previous->next : head) = next;
        if (next != nullptr) {
            next->previous = previous;
        }
    }
};

/// Ties a pool to a thread for the thread's life.
class buffer_pool_lease {
public:
    buffer_pool_lease() {
        const std::lock_guard lock(idle_mutex);
        if (idle_pools != nullptr) {
            current_pool = std::exchange(idle_pools, idle_pools->next_idle_);
        } else {
            current_pool = new buffer_pool;
        }
    }
    ~buffer_pool_lease() {
        const std::lock_guard lock(idle_mutex);
        current_pool->next_idle_ = std::exchange(idle_pools, current_pool);
        current_pool = nullptr;
    }
    buffer_pool_lease(const buffer_pool_lease&) = delete;
    buffer_pool_lease& operator=(const buffer_pool_lease&) = delete;
};

buffer_pool& buffer_pool::local() {
    if (current_pool == nullptr) [[unlikely]] {
        static thread_local buffer_pool_lease lease;
        if (current_pool == nullptr) {
            // The thread is past its own end: destructors of other thread-local objects run.
            static buffer_pool last_resort;
            return last_resort;
        }
    }
    return *current_pool;
}

buffer buffer_pool::allocate(std::size_t size, std::uint32_t headroom, std::uint32_t tailroom,
                             bool secret) {
    if (size > buffer::max_size) {
        throw std::length_error("a buffer holds at most buffer::max_size bytes");
    }
    const std::size_t capacity = headroom + size + tailroom;
    buffer_block* block = nullptr;
    for (std::size_t index = 0; index < class_count; ++index) {
        if (capacity <= capacity_of(index)) {
            block = take(secret ? index + class_count : index);
            break;
        }
    }
    if (block == nullptr) {
        block = allocate_oversize(capacity, secret);
    }
    block->references = 1;
    ++statistics_.allocated;
    statistics_.peak = std::max(statistics_.peak, ++statistics_.live);
    return {block, block->begin + headroom, size};
}

buffer_block* buffer_pool::take(std::size_t index) {
    if (remote_.load(std::memory_order_relaxed) != nullptr) {
        drain_remote();
    }
    size_class& group = classes_[index];
    slab* from = group.partial != nullptr ? group.partial : map_slab(index);
    if (from->used++ == 0) {
        --group.empty_slabs;
    }
    buffer_block* block = from->free;
    if (block != nullptr) {
        from->free = block->next_free;
        unpoison(block->begin, block->capacity);
    } else {
        const std::size_t position = from->total - from->untouched--;
        auto* memory =
            reinterpret_cast<std::byte*>(from) + sizeof(buffer_block) + position * stride_of(index);
        block = new (memory) buffer_block;
        block->begin = memory + sizeof(buffer_block);
        block->capacity = static_cast<std::uint32_t>(capacity_of(index));
        block->pool = this;
        block->size_class = static_cast<std::uint8_t>(index);
    }
    if (from->exhausted()) {
        from->unlink(group.partial);
    }
    return block;
}

buffer_pool::slab* buffer_pool::map_slab(std::size_t index) {
    // Twice the size is mapped and the surplus cut off, because a slab is found by its alignment.
    void* map = ::mmap(nullptr, 2 * slab_bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (map == MAP_FAILED) {
        throw std::bad_alloc();
    }
    const auto start = reinterpret_cast<std::uintptr_t>(map);
    const std::uintptr_t aligned = (start + slab_bytes - 1) & ~(slab_bytes - 1);
    if (aligned != start) {
        ::munmap(map, aligned - start);
    }
    if (const std::size_t after = start + slab_bytes - aligned; after != 0) {
        ::munmap(reinterpret_cast<void*>(aligned + slab_bytes), after);
    }
    if (is_secret(index)) {
        ::madvise(reinterpret_cast<void*>(aligned), slab_bytes, MADV_DONTDUMP);
    }
    auto* fresh = new (reinterpret_cast<void*>(aligned)) slab;
    static_assert(sizeof(slab) <= sizeof(buffer_block));
    fresh->total =
        static_cast<std::uint32_t>((slab_bytes - sizeof(buffer_block)) / stride_of(index));
    fresh->untouched = fresh->total;
    fresh->link(classes_[index].partial);
    ++classes_[index].empty_slabs;
    statistics_.mapped += slab_bytes;
    return fresh;
}

buffer_block* buffer_pool::allocate_oversize(std::size_t capacity, bool secret) {
    void* memory = std::aligned_alloc(64, (sizeof(buffer_block) + capacity + 63) / 64 * 64);
    if (memory == nullptr) {
        throw std::bad_alloc();
    }
    auto* block = new (memory) buffer_block;
    block->begin = static_cast<std::byte*>(memory) + sizeof(buffer_block);
    block->capacity = static_cast<std::uint32_t>(capacity);
    block->pool = this;
    block->size_class = secret ? oversize_secret_class : oversize_class;
    ++statistics_.oversize;
    return block;
}

void buffer_pool::give_back(buffer_block* block) noexcept {
    --statistics_.live;
    const std::size_t index = block->size_class;
    if (index >= oversize_class) {
        if (index == oversize_secret_class) {
            ::explicit_bzero(block->begin, block->capacity);
        }
        std::free(block);
        return;
    }
    if (is_secret(index)) {
        ::explicit_bzero(block->begin, block->capacity);
    }
    size_class& group = classes_[index];
    slab* home = slab::of(block);
    if (home->exhausted()) {
        home->link(group.partial);
    }
    block->next_free = home->free;
    home->free = block;
    poison(block->begin, block->capacity);
    if (--home->used == 0 && ++group.empty_slabs > 1) {
        --group.empty_slabs;
        home->unlink(group.partial);
        unpoison(home, slab_bytes);
        ::munmap(home, slab_bytes);
        statistics_.mapped -= slab_bytes;
    }
}

void buffer_pool::give_back_remotely(buffer_block* block) noexcept {
    buffer_block* head = remote_.load(std::memory_order_relaxed);
    do {
        block->next_free = head;
    } while (!remote_.compare_exchange_weak(head, block, std::memory_order_release,
                                            std::memory_order_relaxed));
}

void buffer_pool::drain_remote() noexcept {
    buffer_block* block = remote_.exchange(nullptr, std::memory_order_acquire);
    while (block != nullptr) {
        buffer_block* next = block->next_free;
        ++statistics_.returned_remotely;
        give_back(block);
        block = next;
    }
}

buffer_statistics buffer_pool::statistics() noexcept {
    drain_remote();
    return statistics_;
}

} // namespace runnel::inline v0
