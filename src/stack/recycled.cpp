// SPDX-License-Identifier: Apache-2.0
#include "runnel/stack/recycled.hpp"

#include <array>
#include <bit>
#include <cstdint>
#include <new>

namespace runnel::inline v0::stack {

namespace {

struct free_block {
    free_block* next;
};

/// One list for each power of two.
class recycling {
public:
    recycling() = default;
    recycling(const recycling&) = delete;
    recycling& operator=(const recycling&) = delete;
    ~recycling() {
        for (list& one : lists_) {
            while (one.first != nullptr) {
                free_block* const gone = one.first;
                one.first = gone->next;
                ::operator delete(gone);
            }
        }
        gone_ = true;
    }

    static std::size_t class_of(std::size_t size) noexcept {
        return static_cast<std::size_t>(std::bit_width((size - 1) / least));
    }
    void* take(std::size_t which) {
        list& one = lists_[which];
        if (one.first == nullptr) {
            return ::operator new(least << which);
        }
        free_block* const found = one.first;
        one.first = found->next;
        --one.count;
        return found;
    }
    void give(void* memory, std::size_t which) noexcept {
        list& one = lists_[which];
        if (gone_ || one.count >= kept_bytes / (least << which)) {
            ::operator delete(memory);
            return;
        }
        one.first = ::new (memory) free_block{one.first};
        ++one.count;
    }

    static constexpr std::size_t least = 64;
    static constexpr std::size_t classes = 11; // up to 64 KiB

private:
    // Of each size: what a few hundred busy connections go up and down by.
    static constexpr std::size_t kept_bytes = std::size_t{512} << 10U;
    struct list {
        free_block* first = nullptr;
        std::size_t count = 0;
    };
    std::array<list, classes> lists_{};
    bool gone_ = false; // the thread ends, and others of its objects still give back
};

thread_local recycling own;

} // namespace

void* take_recycled(std::size_t size) {
    const std::size_t which = recycling::class_of(size);
    return which < recycling::classes ? own.take(which) : ::operator new(size);
}

void give_recycled(void* memory, std::size_t size) noexcept {
    const std::size_t which = recycling::class_of(size);
    if (which < recycling::classes) {
        own.give(memory, which);
    } else {
        ::operator delete(memory);
    }
}

} // namespace runnel::inline v0::stack
