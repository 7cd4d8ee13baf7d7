// SPDX-License-Identifier: Apache-2.0
#include "runnel/core/buffer_list.hpp"

#include <algorithm>

namespace runnel::inline v0 {

buffer_list& buffer_list::operator=(buffer_list&& other) noexcept {
    if (this != &other) {
        free_array();
        take(other);
    }
    return *this;
}

buffer_list::~buffer_list() {
    free_array();
}

void buffer_list::take(buffer_list& other) noexcept {
    if (other.items_ == other.inline_) {
        items_ = inline_;
        capacity_ = inline_capacity;
        for (std::size_t i = 0; i < other.size_; ++i) {
            inline_[i] = std::move(other.inline_[i]);
        }
    } else {
        items_ = std::exchange(other.items_, other.inline_);
        capacity_ = std::exchange(other.capacity_, inline_capacity);
    }
    size_ = std::exchange(other.size_, 0);
}

void buffer_list::free_array() noexcept {
    clear();
    if (items_ != inline_) {
        delete[] items_;
        items_ = inline_;
        capacity_ = inline_capacity;
    }
}

void buffer_list::push_back(buffer item) {
    if (size_ == capacity_) {
        auto* larger = new buffer[2 * capacity_];
        std::move(items_, items_ + size_, larger);
        if (items_ != inline_) {
            delete[] items_;
        }
        items_ = larger;
        capacity_ *= 2;
    }
    items_[size_++] = std::move(item);
}

std::size_t buffer_list::bytes() const noexcept {
    std::size_t sum = 0;
    for (const buffer& item : items()) {
        sum += item.size();
    }
    return sum;
}

void buffer_list::clear() noexcept {
    for (buffer& item : items()) {
        item.reset();
    }
    size_ = 0;
}

buffer_queue::buffer_queue(buffer_queue&& other) noexcept
    : items_(std::exchange(other.items_, nullptr)), capacity_(std::exchange(other.capacity_, 0)),
      first_(std::exchange(other.first_, 0)), size_(std::exchange(other.size_, 0)),
      bytes_(std::exchange(other.bytes_, 0)) {}

buffer_queue& buffer_queue::operator=(buffer_queue&& other) noexcept {
    if (this != &other) {
        clear();
        items_ = std::exchange(other.items_, nullptr);
        capacity_ = std::exchange(other.capacity_, 0);
        first_ = std::exchange(other.first_, 0);
        size_ = std::exchange(other.size_, 0);
        bytes_ = std::exchange(other.bytes_, 0);
    }
    return *this;
}

buffer_queue::~buffer_queue() {
    delete[] items_;
}

void buffer_queue::grow() {
    const std::size_t larger = capacity_ == 0 ? 4 : 2 * capacity_;
    auto* items = new buffer[larger];
    for (std::size_t i = 0; i < size_; ++i) {
        items[i] = std::move((*this)[i]);
    }
    delete[] items_;
    items_ = items;
    capacity_ = larger;
    first_ = 0;
}

void buffer_queue::push_back(buffer item) {
    if (item.empty()) {
        return;
    }
    if (size_ == capacity_) {
        grow();
    }
    bytes_ += item.size();
    items_[(first_ + size_++) & (capacity_ - 1)] = std::move(item);
}

void buffer_queue::push_front(buffer item) {
    if (item.empty()) {
        return;
    }
    if (size_ == capacity_) {
        grow();
    }
    first_ = (first_ - 1) & (capacity_ - 1);
    ++size_;
    bytes_ += item.size();
    items_[first_] = std::move(item);
}

void buffer_queue::push_back_compact(buffer item) {
    constexpr std::size_t gather = 2048;
    if (size_ == 0 || item.empty() || item.size() >= gather ||
        item.size() >= item.footprint() / 4) {
        push_back(std::move(item));
        return;
    }
    buffer& last = (*this)[size_ - 1];
    const std::size_t before = last.size();
    if (last.append(item.size())) {
        std::memcpy(last.writable().data() + before, item.data(), item.size());
        bytes_ += item.size();
        return;
    }
    buffer block = buffer::allocate(item.size(), 0, gather);
    std::memcpy(block.writable().data(), item.data(), item.size());
    push_back(std::move(block));
}

buffer buffer_queue::pop_front() noexcept {
    buffer item = std::move(items_[first_]);
    first_ = (first_ + 1) & (capacity_ - 1);
    --size_;
    bytes_ -= item.size();
    return item;
}

buffer buffer_queue::pop_front(std::size_t limit) noexcept {
    if (front().size() <= limit) {
        return pop_front();
    }
    bytes_ -= limit;
    return front().take_front(limit);
}

std::size_t buffer_queue::copy_out(std::span<std::byte> target) noexcept {
    std::size_t copied = 0;
    while (copied < target.size() && size_ != 0) {
        const std::size_t part = std::min(front().size(), target.size() - copied);
        std::memcpy(target.data() + copied, front().data(), part);
        copied += part;
        consume(part);
    }
    return copied;
}

void buffer_queue::consume(std::size_t count) noexcept {
    while (count != 0) {
        if (count < front().size()) {
            front().remove_prefix(count);
            bytes_ -= count;
            return;
        }
        count -= pop_front().size();
    }
}

void buffer_queue::clear() noexcept {
    delete[] std::exchange(items_, nullptr);
    capacity_ = first_ = size_ = bytes_ = 0;
}

} // namespace runnel::inline v0
