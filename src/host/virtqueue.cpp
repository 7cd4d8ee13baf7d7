// SPDX-License-Identifier: Apache-2.0
#include "virtqueue.hpp"

#include "runnel/core/byte_order.hpp"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>

namespace runnel::inline v0::host {
namespace {

// virtio 1.2, sections 2.7.5 to 2.7.8. A piece of a chain:
constexpr std::size_t descriptor_size = 16;
constexpr std::uint16_t has_more = 1;
constexpr std::uint16_t device_writes = 2;
// Both rings begin with flags and an index, and end with a field that is not used here.
constexpr std::size_t ring_header = 4;
constexpr std::size_t ring_tail = 2;
constexpr std::size_t used_element = 8;
constexpr std::uint16_t no_interrupt = 1;

/// A 16-bit field that the driver reads or writes at the same time; the fields of a ring are
/// little-endian, as is every machine that this runs on (byte_order.hpp).
std::atomic_ref<std::uint16_t> shared_field(std::byte* at) noexcept {
    return std::atomic_ref<std::uint16_t>(*reinterpret_cast<std::uint16_t*>(at));
}

} // namespace

bool descriptor_chain::add(std::byte* bytes, std::size_t size, bool writable) noexcept {
    if (count_ == most || (!writable && writable_ > 0)) {
        return false;
    }
    pieces_[count_++] = {bytes, size, writable};
    (writable ? writable_ : readable_) += size;
    return true;
}

void descriptor_chain::copy_out(std::size_t offset, std::span<std::byte> target) const noexcept {
    for (std::size_t i = 0; i < count_ && !target.empty(); ++i) {
        const piece& from = pieces_[i];
        if (from.writable || offset >= from.size) {
            offset -= from.writable ? 0 : from.size;
            continue;
        }
        const std::size_t size = std::min(target.size(), from.size - offset);
        std::memcpy(target.data(), from.bytes + offset, size);
        target = target.subspan(size);
        offset = 0;
    }
}

void descriptor_chain::copy_in(std::size_t offset, std::span<const std::byte> data) const noexcept {
    for (std::size_t i = 0; i < count_ && !data.empty(); ++i) {
        const piece& to = pieces_[i];
        if (!to.writable || offset >= to.size) {
            offset -= to.writable ? to.size : 0;
            continue;
        }
        const std::size_t size = std::min(data.size(), to.size - offset);
        std::memcpy(to.bytes + offset, data.data(), size);
        data = data.subspan(size);
        offset = 0;
    }
}

result<void> virtqueue::start(const guest_memory& memory, const place& at) {
    if (at.size == 0 || at.size > largest || !std::has_single_bit(at.size)) {
        return fail(errc::invalid_argument, "the size of a queue is a power of two up to 32768");
    }
    if (at.descriptors % 16 != 0 || at.available % 2 != 0 || at.used % 4 != 0) {
        return fail(errc::invalid_argument, "the parts of a queue are aligned");
    }
    descriptors_ = memory.at_user(at.descriptors, std::uint64_t{at.size} * descriptor_size);
    available_ = memory.at_user(at.available, ring_header + std::uint64_t{at.size} * 2 + ring_tail);
    used_ =
        memory.at_user(at.used, ring_header + std::uint64_t{at.size} * used_element + ring_tail);
    if (descriptors_ == nullptr || available_ == nullptr || used_ == nullptr ||
        reinterpret_cast<std::uintptr_t>(available_) % 2 != 0 ||
        reinterpret_cast<std::uintptr_t>(used_) % 4 != 0) {
        return fail(errc::invalid_argument, "a queue lies in the guest's memory, aligned");
    }
    memory_ = &memory;
    mask_ = static_cast<std::uint16_t>(at.size - 1);
    next_ = at.base;
    given_ = shared_field(used_ + 2).load(std::memory_order_relaxed);
    news_ = false;
    return {};
}

bool virtqueue::has_next() const noexcept {
    return running() && shared_field(available_ + 2).load(std::memory_order_acquire) != next_;
}

result<std::optional<descriptor_chain>> virtqueue::next() noexcept {
    if (!has_next()) {
        return std::nullopt;
    }
    const std::uint16_t offered = shared_field(available_ + 2).load(std::memory_order_acquire);
    if (static_cast<std::uint16_t>(offered - next_) > std::uint32_t{mask_} + 1) {
        return fail(errc::protocol_error, "a queue offers more than it has");
    }
    std::optional<descriptor_chain> chain(std::in_place);
    std::byte* const entry =
        available_ + ring_header + std::size_t{2} * static_cast<std::uint16_t>(next_ & mask_);
    chain->head_ = shared_field(entry).load(std::memory_order_relaxed);
    if (auto walked = walk(*chain); !walked) {
        return fail(std::move(walked.error()));
    }
    ++next_;
    return chain;
}

/// Follows a chain from its head. Each step costs a piece of the bounded chain, so that a loop
/// ends.
result<void> virtqueue::walk(descriptor_chain& chain) const noexcept {
    std::uint16_t index = chain.head_;
    for (;;) {
        if (index > mask_) {
            return fail(errc::protocol_error, "a queue names a descriptor that it does not have");
        }
        std::array<std::byte, descriptor_size> copy; // the driver may change the original
        std::memcpy(copy.data(), descriptors_ + index * descriptor_size, copy.size());
        const std::uint64_t address = load_le64(copy.data());
        const std::uint32_t size = load_le32(copy.data() + 8);
        const std::uint16_t flags = load_le16(copy.data() + 12);
        if ((flags & ~(has_more | device_writes)) != 0) {
            return fail(errc::protocol_error, "a descriptor uses what was not negotiated");
        }
        std::byte* const bytes = memory_->at_guest(address, size);
        if (bytes == nullptr) {
            return fail(errc::protocol_error, "a descriptor leads out of the guest's memory");
        }
        if (!chain.add(bytes, size, (flags & device_writes) != 0)) {
            return fail(errc::protocol_error, "a chain of descriptors is too long, or mixed up");
        }
        if ((flags & has_more) == 0) {
            return {};
        }
        index = load_le16(copy.data() + 14);
    }
}

void virtqueue::done(const descriptor_chain& chain, std::uint32_t written) noexcept {
    std::byte* const element =
        used_ + ring_header + used_element * static_cast<std::uint16_t>(given_ & mask_);
    store_le32(element, chain.head());
    store_le32(element + 4, written);
    ++given_;
    shared_field(used_ + 2).store(given_, std::memory_order_release);
    news_ = true;
}

bool virtqueue::take_notice() noexcept {
    if (!news_ || !running()) {
        return false;
    }
    news_ = false;
    // The driver sets the flag, then looks at the index; here it is the other way round.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    return (shared_field(available_).load(std::memory_order_relaxed) & no_interrupt) == 0;
}

} // namespace runnel::inline v0::host
