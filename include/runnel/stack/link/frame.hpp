// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/time.hpp"
#include "runnel/core/buffer.hpp"
#include "runnel/core/check.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

namespace runnel::inline v0::stack {

/// What a frame has to be cut into by whoever is last to know how.
enum class segmentation : std::uint8_t {
    none,
    tcp_v4,
    tcp_v6,
    udp, ///< into datagrams with the same ports (USO)
};

/// What is left to do for a frame, or is already known of it: the meaning of a virtio-net header
/// (virtio 1.2, 5.1.6). Offsets count from the beginning of the frame as it was sent or came.
struct frame_offload {
    /// The checksum is not made yet: that of all bytes from `checksum_start` on belongs into the
    /// two bytes `checksum_offset` behind it, where the sum of the pseudo-header stands now. A
    /// frame that comes like this never was on a wire, so there is nothing to verify.
    bool needs_checksum = false;
    /// The checksum of the transport header was verified below.
    bool checksum_verified = false;
    /// The TCP header says CWR, which only the first segment may (RFC 3168).
    bool ecn = false;
    segmentation cut = segmentation::none;
    /// Bytes of payload in each segment, and of all headers in front of the payload.
    std::uint16_t segment_size = 0;
    std::uint16_t header_size = 0;
    /// Where the IP header begins; only meaningful where `cut` is set.
    std::uint16_t network_start = 0;
    std::uint16_t checksum_start = 0;
    std::uint16_t checksum_offset = 0;
};

/// A frame of a link on its way: headers that lie in the frame itself, then slices of payload by
/// reference. Frames come from a pool of their thread and are handed on as pointers.
class frame {
public:
    /// As many as a `tcp_segment` has, with room for parts that somebody adds.
    static constexpr std::size_t max_slices = 18;
    /// Room for headers in front of those that are there, and behind.
    static constexpr std::size_t headroom = 192;
    static constexpr std::size_t tailroom = 320;
    /// `front` gives at most this much.
    static constexpr std::size_t max_front = tailroom;

    /// An empty frame from the pool of this thread.
    [[nodiscard]] static std::unique_ptr<frame, struct frame_deleter> make();

    frame(const frame&) = delete;
    frame& operator=(const frame&) = delete;

    [[nodiscard]] std::size_t size() const noexcept { return end_ - begin_ + bytes_; }
    [[nodiscard]] std::span<std::byte> head() noexcept {
        return {area_.data() + begin_, static_cast<std::size_t>(end_ - begin_)};
    }
    [[nodiscard]] std::span<const std::byte> head() const noexcept {
        return {area_.data() + begin_, static_cast<std::size_t>(end_ - begin_)};
    }
    [[nodiscard]] std::span<buffer> slices() noexcept { return {slices_.data() + first_, count_}; }
    [[nodiscard]] std::span<const buffer> slices() const noexcept {
        return {slices_.data() + first_, count_};
    }
    /// Bytes in the slices.
    [[nodiscard]] std::size_t slice_bytes() const noexcept { return bytes_; }

    /// Grows the head by `size` bytes in front or, where nothing but the head is there, behind.
    std::byte* prepend(std::size_t size) noexcept {
        check(size <= begin_, "a frame has room for its headers");
        begin_ = static_cast<std::uint16_t>(begin_ - size);
        return area_.data() + begin_;
    }
    std::byte* append(std::size_t size) noexcept {
        check(end_ + size <= area_.size() && count_ == 0, "a frame has room for its headers");
        end_ = static_cast<std::uint16_t>(end_ + size);
        return area_.data() + end_ - size;
    }

    [[nodiscard]] bool full() const noexcept { return first_ + count_ == max_slices; }
    /// Adds payload. Requires `!full()`, unless the slice continues the one before.
    void add(buffer slice) noexcept;

    /// The first `size` bytes in one piece; empty if the frame is shorter, or `size` above
    /// `max_front`. Moves at most the few bytes of headers that lie apart.
    [[nodiscard]] std::span<const std::byte> front(std::size_t size) noexcept {
        if (static_cast<std::size_t>(end_ - begin_) >= size) {
            return {area_.data() + begin_, size};
        }
        if (begin_ == end_ && count_ != 0 && slices_[first_].size() >= size) {
            return slices_[first_].span().first(size);
        }
        return gather(size);
    }

    /// The same for writing, in the head: slices may be shared.
    [[nodiscard]] std::span<std::byte> writable_front(std::size_t size) noexcept {
        if (head().size() < size && gather(size).empty()) {
            return {};
        }
        return head().first(size);
    }

    /// Drops bytes at the beginning, such as a header that was read; requires that they are there.
    void remove_prefix(std::size_t size) noexcept;
    /// Drops all but the first `size` bytes, such as padding; requires `size <= this->size()`.
    void truncate(std::size_t size) noexcept;

    /// Copies `out.size()` bytes from `offset` on; requires that they are there.
    void copy_out(std::size_t offset, std::span<std::byte> out) const noexcept;
    /// All bytes in one buffer, without a copy where they lie in one.
    [[nodiscard]] buffer take_bytes();
    /// A copy with slices that are shared.
    [[nodiscard]] std::unique_ptr<frame, struct frame_deleter> clone() const;

    /// Brings what is looked at first into the cache.
    void prefetch() const noexcept {
        const auto* const at = reinterpret_cast<const char*>(this);
        __builtin_prefetch(at);
        __builtin_prefetch(at + 64);
        __builtin_prefetch(area_.data() + headroom - 64);
        __builtin_prefetch(area_.data() + headroom);
        __builtin_prefetch(slices_.data());
    }

    frame_offload offload;
    /// When it came, by the clock of whoever received it.
    time_point arrived{};

private:
    friend struct frame_deleter;
    friend class frame_list;
    friend class frame_pool;
    frame() noexcept = default;
    ~frame() = default;
    void clear() noexcept;
    [[nodiscard]] std::span<const std::byte> gather(std::size_t size) noexcept;

    frame* next_ = nullptr;
    std::size_t bytes_ = 0;
    std::uint16_t begin_ = headroom;
    std::uint16_t end_ = headroom;
    std::uint16_t first_ = 0; // of the slices in use
    std::uint16_t count_ = 0;
    alignas(8) std::array<std::byte, headroom + tailroom> area_;
    std::array<buffer, max_slices> slices_;
};

/// Gives a frame back to the pool.
struct frame_deleter {
    void operator()(frame* unused) const noexcept;
};
using frame_ptr = std::unique_ptr<frame, frame_deleter>;

/// Frames in their order: a burst, or a queue. Adding and taking are O(1) and allocate nothing.
class frame_list {
public:
    frame_list() noexcept = default;
    explicit frame_list(frame_ptr only) noexcept { push_back(std::move(only)); }
    frame_list(frame_list&& other) noexcept { append(std::move(other)); }
    frame_list& operator=(frame_list&& other) noexcept {
        if (this != &other) {
            clear();
            append(std::move(other));
        }
        return *this;
    }
    frame_list(const frame_list&) = delete;
    frame_list& operator=(const frame_list&) = delete;
    ~frame_list() { clear(); }

    [[nodiscard]] bool empty() const noexcept { return first_ == nullptr; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    /// Requires `!empty()`.
    [[nodiscard]] frame& front() noexcept { return *first_; }
    [[nodiscard]] const frame& front() const noexcept { return *first_; }

    void push_back(frame_ptr last) noexcept {
        frame* const added = last.release();
        added->next_ = nullptr;
        (last_ != nullptr ? last_->next_ : first_) = added;
        last_ = added;
        ++size_;
    }
    /// Requires `!empty()`.
    [[nodiscard]] frame_ptr pop_front() noexcept {
        frame* const taken = first_;
        first_ = taken->next_;
        if (first_ == nullptr) {
            last_ = nullptr;
        }
        --size_;
        return frame_ptr(taken);
    }
    /// Moves all of `other` behind what is here.
    void append(frame_list&& other) noexcept;
    /// Takes the first `count` off, or all if there are fewer.
    [[nodiscard]] frame_list take(std::size_t count) noexcept;
    void clear() noexcept {
        while (!empty()) {
            const frame_ptr dropped = pop_front();
        }
    }
    /// Calls `function(frame&)` for each, from the first to the last.
    template <class Function>
    void for_each(Function&& function) {
        for (frame* one = first_; one != nullptr; one = one->next_) {
            function(*one);
        }
    }

private:
    frame* first_ = nullptr;
    frame* last_ = nullptr;
    std::size_t size_ = 0;
};

} // namespace runnel::inline v0::stack
