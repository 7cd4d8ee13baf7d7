// SPDX-License-Identifier: Apache-2.0
#include "runnel/stack/send_buffer.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace runnel::inline v0::stack {

namespace {

// Copying up to this many bytes costs less than carrying another slice.
constexpr std::size_t small = 256;
// Small ones are gathered in buffers of the pool's class for frames.
constexpr std::size_t gathering = 2048;

bool append_copy(buffer& target, const buffer& data) noexcept {
    const std::size_t before = target.size();
    if (!target.unique() || target.tailroom() < data.size() || !target.append(data.size())) {
        return false;
    }
    std::memcpy(target.writable().data() + before, data.data(), data.size());
    return true;
}

} // namespace

void send_buffer::append(buffer data) {
    if (data.empty()) {
        return;
    }
    bytes_ += data.size();
    const bool gather = data.size() <= small && !buffers_.empty();
    if (gather && append_copy(buffers_.back(), data)) {
        return;
    }
    if (gather && buffers_.back().size() <= small) {
        buffer gathered = buffer::allocate(gathering);
        gathered.truncate(0);
        if (append_copy(gathered, data)) {
            buffers_.push_back(std::move(gathered));
            return;
        }
    }
    buffers_.push_back(std::move(data));
}

// A place at the very end of what was there is stale once all of that is acknowledged.
send_buffer::place send_buffer::valid(place where) const noexcept {
    return static_cast<std::int32_t>(where.index - first_) < 0 ? begin() : where;
}

std::uint32_t send_buffer::slice(place from, std::uint32_t length, tcp_payload& payload) noexcept {
    std::uint32_t done = 0;
    from = valid(from);
    std::size_t index = from.index - first_;
    std::uint32_t offset = from.offset;
    while (done < length && index < buffers_.size() && !payload.full()) {
        const buffer& here = buffers_[index];
        const auto size = static_cast<std::uint32_t>(here.size());
        if (offset < size) {
            const std::uint32_t piece = std::min(size - offset, length - done);
            payload.add(here.share(offset, piece));
            done += piece;
        }
        ++index;
        offset = 0;
    }
    return done;
}

send_buffer::place send_buffer::advance(place from, std::uint32_t length) noexcept {
    from = valid(from);
    std::size_t index = from.index - first_;
    std::uint32_t offset = from.offset;
    while (length > 0 && index < buffers_.size()) {
        const std::uint32_t rest = static_cast<std::uint32_t>(buffers_[index].size()) - offset;
        if (length < rest) {
            offset += length;
            break;
        }
        length -= rest;
        // The end of a buffer that may still grow is a place in it, not in the next.
        if (index + 1 == buffers_.size()) {
            offset += rest;
            break;
        }
        offset = 0;
        ++index;
    }
    return {static_cast<std::uint32_t>(first_ + index), offset};
}

void send_buffer::release(std::uint32_t length) noexcept {
    bytes_ -= length;
    front_offset_ += length;
    while (!buffers_.empty() && front_offset_ >= buffers_[0].size()) {
        const auto size = static_cast<std::uint32_t>(buffers_[0].size());
        buffers_.drop_front();
        front_offset_ -= size;
        ++first_;
    }
}

void send_buffer::clear() noexcept {
    first_ += static_cast<std::uint32_t>(buffers_.size());
    front_offset_ = 0;
    bytes_ = 0;
    buffers_.clear();
}

} // namespace runnel::inline v0::stack
