// SPDX-License-Identifier: Apache-2.0
#include "runnel/async/task.hpp"

#include "../core/sanitizer.hpp"

#include <array>
#include <new>

namespace runnel::inline v0 {
namespace {

constexpr std::size_t step = 64;
constexpr std::size_t largest = 4096;
// Per size; enough for the tasks of a busy loop, and at most 2 MiB in all for each thread.
constexpr std::uint32_t kept_bytes = 32 * 1024;

struct free_frame {
    free_frame* next;
};

/// Free frames of one thread, by size. A frame may be freed by another thread than made it.
class frame_pool {
public:
    ~frame_pool() {
        for (std::size_t index = 0; index < lists_.size(); ++index) {
            while (lists_[index].first != nullptr) {
                ::operator delete(take(index));
            }
        }
    }
    [[nodiscard]] bool has(std::size_t index) const noexcept {
        return lists_[index].first != nullptr;
    }
    void* take(std::size_t index) noexcept {
        list& from = lists_[index];
        --from.count;
        return std::exchange(from.first, from.first->next);
    }
    bool keep(void* frame, std::size_t index) noexcept {
        list& to = lists_[index];
        if (to.count * (index + 1) * step >= kept_bytes) {
            return false;
        }
        ++to.count;
        to.first = new (frame) free_frame{to.first};
        return true;
    }

private:
    struct list {
        free_frame* first = nullptr;
        std::uint32_t count = 0;
    };
    std::array<list, largest / step> lists_{};
};

thread_local frame_pool frames;

constexpr std::size_t index_of(std::size_t size) {
    return (size - 1) / step;
}

} // namespace

void* promise_base::operator new(std::size_t size) {
    if constexpr (!address_sanitizer) { // which finds more when each frame has its own memory
        if (size <= largest) {
            const std::size_t index = index_of(size);
            return frames.has(index) ? frames.take(index) : ::operator new((index + 1) * step);
        }
    }
    return ::operator new(size);
}

void promise_base::operator delete(void* frame, std::size_t size) noexcept {
    if constexpr (!address_sanitizer) {
        if (size <= largest && frames.keep(frame, index_of(size))) {
            return;
        }
    }
    ::operator delete(frame);
}

} // namespace runnel::inline v0
