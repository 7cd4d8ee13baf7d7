// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest_memory.hpp"
#include "runnel/core/error.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace runnel::inline v0::host {

/// Buffers that a driver offers as one: first those the device may read, then those it may write.
class descriptor_chain {
public:
    /// Most pieces; a driver of vsock uses two or three.
    static constexpr std::size_t most = 20;

    [[nodiscard]] std::uint16_t head() const noexcept { return head_; }
    [[nodiscard]] std::size_t readable() const noexcept { return readable_; }
    [[nodiscard]] std::size_t writable() const noexcept { return writable_; }

    /// Copies bytes from `offset` of what may be read; requires that they are there.
    void copy_out(std::size_t offset, std::span<std::byte> target) const noexcept;
    /// Copies bytes to `offset` of what may be written; requires that there is room.
    void copy_in(std::size_t offset, std::span<const std::byte> data) const noexcept;

private:
    friend class virtqueue;
    struct piece {
        std::byte* bytes;
        std::size_t size;
        bool writable;
    };
    [[nodiscard]] bool add(std::byte* bytes, std::size_t size, bool writable) noexcept;

    std::array<piece, most> pieces_;
    std::size_t count_ = 0;
    std::size_t readable_ = 0;
    std::size_t writable_ = 0;
    std::uint16_t head_ = 0;
};

/// The device's side of a split virtqueue (virtio 1.2, section 2.7), without indirect descriptors
/// and event indices. Whatever the driver writes there, only memory of the guest is touched.
class virtqueue {
public:
    static constexpr std::uint32_t largest = 32768;

    /// Where the parts lie, in the hypervisor's addresses.
    struct place {
        std::uint32_t size = 0; ///< a power of two up to `largest`
        std::uint64_t descriptors = 0;
        std::uint64_t available = 0;
        std::uint64_t used = 0;
        std::uint16_t base = 0; ///< entry of the available ring to begin with
    };

    /// Begins to use a queue; `memory` stays until `stop`. Errors: `invalid_argument` for a place
    /// that is not in the memory, not aligned, or of a wrong size.
    [[nodiscard]] result<void> start(const guest_memory& memory, const place& at);
    void stop() noexcept { memory_ = nullptr; }
    [[nodiscard]] bool running() const noexcept { return memory_ != nullptr; }
    /// The entry of the available ring that comes next.
    [[nodiscard]] std::uint16_t base() const noexcept { return next_; }

    /// Whether the driver offers more buffers.
    [[nodiscard]] bool has_next() const noexcept;
    /// The next buffers, if there are any; `done` or `put_back` has to follow. Error:
    /// `protocol_error` for a chain that has a loop or too many parts, lies outside the memory, or
    /// is none.
    [[nodiscard]] result<std::optional<descriptor_chain>> next() noexcept;
    /// Leaves the buffers that `next` gave last to the next time.
    void put_back() noexcept { --next_; }
    /// Gives the buffers back, with so many bytes written.
    void done(const descriptor_chain& chain, std::uint32_t written) noexcept;
    /// Whether the driver wants to know of what was given back since the last call.
    [[nodiscard]] bool take_notice() noexcept;

private:
    [[nodiscard]] result<void> walk(descriptor_chain& chain) const noexcept;

    const guest_memory* memory_ = nullptr;
    std::byte* descriptors_ = nullptr;
    std::byte* available_ = nullptr;
    std::byte* used_ = nullptr;
    std::uint16_t mask_ = 0;
    std::uint16_t next_ = 0;
    std::uint16_t given_ = 0; // entries of the used ring so far
    bool news_ = false;
};

} // namespace runnel::inline v0::host
