// SPDX-License-Identifier: Apache-2.0
#include "runnel/core/buffer.hpp"

#include "runnel/core/buffer_pool.hpp"
#include "runnel/core/check.hpp"

namespace runnel::inline v0 {

buffer buffer::allocate(std::size_t size, std::uint32_t headroom, std::uint32_t tailroom) {
    return buffer_pool::local().allocate(size, headroom, tailroom, false);
}

buffer buffer::allocate_secret(std::size_t size) {
    return buffer_pool::local().allocate(size, default_headroom, default_tailroom, true);
}

buffer buffer::copy_of(std::span<const std::byte> bytes) {
    buffer copy = allocate(bytes.size());
    if (!bytes.empty()) {
        std::memcpy(copy.data_, bytes.data(), bytes.size());
    }
    return copy;
}

buffer buffer::copy_of(std::string_view text) {
    return copy_of(as_bytes(text));
}

buffer buffer::of_static(std::span<const std::byte> bytes) {
    return adopt(bytes, nullptr, [](void*) noexcept {});
}

buffer buffer::of_static(std::string_view text) {
    return of_static(as_bytes(text));
}

buffer buffer::adopt(std::span<const std::byte> bytes, void* owner,
                     buffer_block::release_function release) {
    check(bytes.size() <= max_size, "a buffer holds at most buffer::max_size bytes");
    auto* block = new buffer_block;
    // The block is marked read-only, so nothing writes through the pointer.
    block->begin = const_cast<std::byte*>(bytes.data());
    block->capacity = static_cast<std::uint32_t>(bytes.size());
    block->references = 1;
    block->read_only = true;
    block->lender = owner;
    block->release = release;
    return {block, block->begin, bytes.size()};
}

std::span<std::byte> buffer::writable() noexcept {
    check(unique() || size_ == 0, "only a buffer that nobody shares may be changed");
    return {data_, size_};
}

std::size_t buffer::headroom() const noexcept {
    return unique() ? static_cast<std::size_t>(data_ - block_->begin) : 0;
}

std::size_t buffer::tailroom() const noexcept {
    return unique() ? block_->capacity - headroom() - size_ : 0;
}

bool buffer::prepend(std::size_t size) noexcept {
    if (headroom() < size) {
        return false;
    }
    data_ -= size;
    size_ += static_cast<std::uint32_t>(size);
    return true;
}

bool buffer::append(std::size_t size) noexcept {
    if (tailroom() < size) {
        return false;
    }
    size_ += static_cast<std::uint32_t>(size);
    return true;
}

buffer buffer::share(std::size_t offset, std::size_t size) const noexcept {
    check(offset <= size_ && size <= size_ - offset, "a shared slice lies inside its buffer");
    if (block_ != nullptr) {
        ++block_->references;
    }
    return {block_, data_ + offset, size};
}

buffer buffer::take_front(std::size_t size) noexcept {
    if (size == size_) {
        return std::move(*this);
    }
    buffer front = share(0, size);
    remove_prefix(size);
    return front;
}

std::size_t buffer::footprint() const noexcept {
    return block_ != nullptr ? sizeof(buffer_block) + block_->capacity : 0;
}

void buffer::release(buffer_block* block) noexcept {
    if (block->pool == nullptr) {
        block->release(block->lender);
        delete block;
    } else if (block->pool == &buffer_pool::local()) {
        block->pool->give_back(block);
    } else {
        block->pool->give_back_remotely(block);
    }
}

} // namespace runnel::inline v0
