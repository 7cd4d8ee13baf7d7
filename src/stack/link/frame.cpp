// SPDX-License-Identifier: Apache-2.0
#include "runnel/stack/link/frame.hpp"

#include <algorithm>
#include <cstring>

namespace runnel::inline v0::stack {

/// The frames of a thread that are not in use.
class frame_pool {
public:
    /// What a few full bursts on a few links need; more go back to the system.
    static constexpr std::size_t max_kept = 4096;

    static frame_pool& local() noexcept {
        static thread_local frame_pool pool;
        return pool;
    }
    frame_pool() = default;
    frame_pool(const frame_pool&) = delete;
    frame_pool& operator=(const frame_pool&) = delete;
    ~frame_pool() {
        ended_ = true;
        while (free_ != nullptr) {
            delete take();
        }
    }

    frame* get() { return free_ != nullptr ? take() : new frame; }
    void put(frame* unused) noexcept {
        if (kept_ == max_kept || ended_) {
            delete unused;
            return;
        }
        unused->next_ = free_;
        free_ = unused;
        ++kept_;
    }

private:
    frame* take() noexcept {
        --kept_;
        return std::exchange(free_, free_->next_);
    }

    frame* free_ = nullptr;
    std::size_t kept_ = 0;
    bool ended_ = false;
};

frame_ptr frame::make() {
    return frame_ptr(frame_pool::local().get());
}

void frame_deleter::operator()(frame* unused) const noexcept {
    unused->clear();
    frame_pool::local().put(unused);
}

void frame::clear() noexcept {
    for (buffer& slice : slices()) {
        slice.reset();
    }
    bytes_ = 0;
    begin_ = end_ = headroom;
    first_ = count_ = 0;
    offload = {};
}

void frame::add(buffer slice) noexcept {
    bytes_ += slice.size();
    if (count_ != 0 && slices().back().join(slice)) {
        return;
    }
    check(!full(), "a frame has a bounded number of slices");
    slices_[first_ + count_++] = std::move(slice);
}

std::span<const std::byte> frame::gather(std::size_t size) noexcept {
    if (size > max_front || size > this->size()) {
        return {};
    }
    std::size_t missing = size - head().size();
    if (end_ + missing > area_.size()) {
        // The head moves to the front, where it still leaves room for the headers of an answer.
        constexpr std::uint16_t front = headroom - 64;
        static_assert(front + max_front <= headroom + tailroom);
        const std::size_t kept = head().size();
        std::memmove(area_.data() + front, area_.data() + begin_, kept);
        begin_ = front;
        end_ = static_cast<std::uint16_t>(front + kept);
    }
    bytes_ -= missing;
    while (missing > 0) {
        buffer& from = slices_[first_];
        const std::size_t part = std::min(missing, from.size());
        std::memcpy(area_.data() + end_, from.data(), part);
        end_ = static_cast<std::uint16_t>(end_ + part);
        missing -= part;
        from.remove_prefix(part);
        if (from.empty()) {
            from.reset();
            ++first_;
            --count_;
        }
    }
    return head();
}

void frame::remove_prefix(std::size_t size) noexcept {
    const std::size_t from_head = std::min(size, head().size());
    begin_ = static_cast<std::uint16_t>(begin_ + from_head);
    size -= from_head;
    check(size <= bytes_, "what is removed is there");
    bytes_ -= size;
    while (size > 0) {
        buffer& from = slices_[first_];
        const std::size_t part = std::min(size, from.size());
        from.remove_prefix(part);
        size -= part;
        if (from.empty()) {
            from.reset();
            ++first_;
            --count_;
        }
    }
}

void frame::truncate(std::size_t size) noexcept {
    std::size_t surplus = this->size() - size;
    while (surplus > 0 && count_ > 0) {
        buffer& last = slices_[first_ + count_ - 1U];
        const std::size_t part = std::min(surplus, last.size());
        last.remove_suffix(part);
        bytes_ -= part;
        surplus -= part;
        if (last.empty()) {
            last.reset();
            --count_;
        }
    }
    end_ = static_cast<std::uint16_t>(end_ - surplus);
}

void frame::copy_out(std::size_t offset, std::span<std::byte> out) const noexcept {
    const auto copy_from = [&](std::span<const std::byte> piece) {
        const std::size_t skipped = std::min(offset, piece.size());
        offset -= skipped;
        const std::size_t part = std::min(out.size(), piece.size() - skipped);
        if (part != 0) {
            std::memcpy(out.data(), piece.data() + skipped, part);
            out = out.subspan(part);
        }
    };
    copy_from(head());
    for (const buffer& slice : slices()) {
        copy_from(slice.span());
    }
    check(out.empty(), "what is copied is there");
}

buffer frame::take_bytes() {
    if (begin_ == end_ && count_ == 1) {
        bytes_ = 0;
        count_ = 0;
        return std::move(slices_[first_]);
    }
    buffer all = buffer::allocate(size());
    copy_out(0, all.writable());
    return all;
}

frame_ptr frame::clone() const {
    frame_ptr copy = make();
    copy->begin_ = begin_;
    copy->end_ = end_;
    std::memcpy(copy->head().data(), head().data(), head().size());
    for (const buffer& slice : slices()) {
        copy->slices_[copy->count_++] = slice.share();
    }
    copy->bytes_ = bytes_;
    copy->offload = offload;
    copy->arrived = arrived;
    return copy;
}

void frame_list::append(frame_list&& other) noexcept {
    if (other.empty()) {
        return;
    }
    (last_ != nullptr ? last_->next_ : first_) = other.first_;
    last_ = std::exchange(other.last_, nullptr);
    other.first_ = nullptr;
    size_ += std::exchange(other.size_, 0);
}

frame_list frame_list::take(std::size_t count) noexcept {
    frame_list taken;
    if (count >= size_) {
        taken.append(std::move(*this));
        return taken;
    }
    while (count-- > 0) {
        taken.push_back(pop_front());
    }
    return taken;
}

} // namespace runnel::inline v0::stack
