// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/stack/recycled.hpp"

#include <cstddef>
#include <utility>

namespace runnel::inline v0::stack {

/// A first-in first-out array that can also be changed in its middle, which moves the shorter side.
/// Grows to the most it ever held; a steady state allocates nothing.
template <class T>
class ring {
public:
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
    [[nodiscard]] std::size_t capacity() const noexcept { return items_.size(); }
    T& operator[](std::size_t index) noexcept { return items_[place(index)]; }
    const T& operator[](std::size_t index) const noexcept { return items_[place(index)]; }
    T& back() noexcept { return (*this)[size_ - 1]; }

    void push_back(T item) {
        grow();
        ++size_;
        back() = std::move(item);
    }
    void drop_front() noexcept {
        items_[front_] = T();
        front_ = place(1);
        --size_;
    }
    [[nodiscard]] T pop_front() noexcept {
        T item = std::exchange(items_[front_], T());
        front_ = place(1);
        --size_;
        return item;
    }
    void insert(std::size_t index, T item) {
        grow();
        ++size_;
        if (index < size_ / 2) {
            front_ = (front_ + items_.size() - 1) & (items_.size() - 1);
            for (std::size_t i = 0; i < index; ++i) {
                (*this)[i] = std::move((*this)[i + 1]);
            }
        } else {
            for (std::size_t i = size_ - 1; i > index; --i) {
                (*this)[i] = std::move((*this)[i - 1]);
            }
        }
        (*this)[index] = std::move(item);
    }
    void erase(std::size_t index) noexcept {
        if (index < size_ / 2) {
            for (std::size_t i = index; i > 0; --i) {
                (*this)[i] = std::move((*this)[i - 1]);
            }
            (*this)[0] = T();
            front_ = place(1);
        } else {
            for (std::size_t i = index; i + 1 < size_; ++i) {
                (*this)[i] = std::move((*this)[i + 1]);
            }
            back() = T();
        }
        --size_;
    }
    /// Drops all items, and the memory.
    void clear() noexcept {
        items_ = recycled_vector<T>();
        front_ = 0;
        size_ = 0;
    }

private:
    [[nodiscard]] std::size_t place(std::size_t index) const noexcept {
        return (front_ + index) & (items_.size() - 1);
    }
    void grow() {
        if (size_ < items_.size()) {
            return;
        }
        recycled_vector<T> larger(items_.empty() ? 4 : 2 * items_.size());
        for (std::size_t i = 0; i < size_; ++i) {
            larger[i] = std::move((*this)[i]);
        }
        items_ = std::move(larger);
        front_ = 0;
    }

    recycled_vector<T> items_; // empty or a power of two
    std::size_t front_ = 0;
    std::size_t size_ = 0;
};

} // namespace runnel::inline v0::stack
