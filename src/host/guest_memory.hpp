// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/error.hpp"
#include "runnel/host/unique_fd.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace runnel::inline v0::host {

/// One piece of a guest's memory, as its hypervisor describes it.
struct memory_region {
    std::uint64_t guest = 0; ///< where the guest has it
    std::uint64_t size = 0;
    std::uint64_t user = 0;   ///< where the hypervisor has it
    std::uint64_t offset = 0; ///< where it begins in its file
};

/// The memory of a guest, mapped here. What stands in it belongs to the guest, which may change it
/// at any time: read each value once, then check it.
class guest_memory {
public:
    /// Regions that a table may have at most.
    static constexpr std::size_t most_regions = 64;

    guest_memory() noexcept = default;
    guest_memory(guest_memory&& other) noexcept : parts_(std::move(other.parts_)) {}
    guest_memory& operator=(guest_memory&& other) noexcept {
        parts_.swap(other.parts_);
        return *this;
    }
    guest_memory(const guest_memory&) = delete;
    guest_memory& operator=(const guest_memory&) = delete;
    ~guest_memory();

    /// Maps another region. Memory whose file may become shorter would end the process when it is
    /// touched, so it is refused unless `may_shrink` (`permission_denied`). Other errors:
    /// `invalid_argument` for a region that is none, lies over another or beyond its file, the
    /// system's own.
    [[nodiscard]] result<void> add(const memory_region& region, const unique_fd& file,
                                   bool may_shrink);

    /// The bytes at an address of the guest; null if they do not all lie in one region.
    [[nodiscard]] std::byte* at_guest(std::uint64_t address, std::uint64_t size) const noexcept;
    /// The same by the hypervisor's address.
    [[nodiscard]] std::byte* at_user(std::uint64_t address, std::uint64_t size) const noexcept;

private:
    struct part {
        memory_region region;
        std::byte* bytes;
        std::byte* mapping;
        std::size_t mapped;
    };
    std::vector<part> parts_;
};

} // namespace runnel::inline v0::host
