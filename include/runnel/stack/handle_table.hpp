// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace runnel::inline v0::stack {

/// Finds 32-bit handles by hash: open addressing with linear probing, 8 bytes a slot, at most three
/// quarters full. What is found is compared by the caller, in whose memory the keys are. Without
/// tombstones, so a table that lives for ever does not slow down.
class handle_table {
public:
    static constexpr std::uint32_t none = 0xffff'ffff;

    [[nodiscard]] std::size_t size() const noexcept { return size_; }

    /// The handle of which `is_it(handle)` is true among those inserted with this hash, or `none`.
    template <class Predicate>
    [[nodiscard]] std::uint32_t find(std::uint64_t hash, Predicate is_it) const {
        if (slots_.empty()) {
            return none;
        }
        const std::uint32_t tag = tag_of(hash);
        for (std::size_t at = home(tag);; at = next(at)) {
            const slot& here = slots_[at];
            if (here.handle == none || (here.tag == tag && is_it(here.handle))) {
                return here.handle;
            }
        }
    }

    void insert(std::uint64_t hash, std::uint32_t handle) {
        if ((size_ + 1) * 4 > slots_.size() * 3) {
            grow();
        }
        place({tag_of(hash), handle});
        ++size_;
    }

    /// Takes `handle` out, which was inserted with this hash.
    void erase(std::uint64_t hash, std::uint32_t handle) noexcept {
        std::size_t at = home(tag_of(hash));
        while (slots_[at].handle != handle) {
            at = next(at);
        }
        // What follows moves up, as long as that brings it nearer to its home.
        for (std::size_t after = next(at); slots_[after].handle != none; after = next(after)) {
            const std::size_t distance = (after - home(slots_[after].tag)) & (slots_.size() - 1);
            if (distance >= ((after - at) & (slots_.size() - 1))) {
                slots_[at] = slots_[after];
                at = after;
            }
        }
        slots_[at] = {};
        --size_;
    }

    [[nodiscard]] std::size_t footprint() const noexcept { return slots_.size() * sizeof(slot); }

private:
    struct slot {
        std::uint32_t tag = 0;
        std::uint32_t handle = none;
    };

    static std::uint32_t tag_of(std::uint64_t hash) noexcept {
        return static_cast<std::uint32_t>(hash);
    }
    [[nodiscard]] std::size_t home(std::uint32_t tag) const noexcept {
        return tag & (slots_.size() - 1);
    }
    [[nodiscard]] std::size_t next(std::size_t at) const noexcept {
        return (at + 1) & (slots_.size() - 1);
    }
    void place(slot what) noexcept {
        std::size_t at = home(what.tag);
        while (slots_[at].handle != none) {
            at = next(at);
        }
        slots_[at] = what;
    }
    void grow() {
        std::vector<slot> before = std::move(slots_);
        slots_.assign(before.empty() ? 16 : before.size() * 2, slot{});
        for (const slot& one : before) {
            if (one.handle != none) {
                place(one);
            }
        }
    }

    std::vector<slot> slots_; // empty or a power of two
    std::size_t size_ = 0;
};

} // namespace runnel::inline v0::stack
