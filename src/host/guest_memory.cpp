// SPDX-License-Identifier: Apache-2.0
#include "guest_memory.hpp"

#include <algorithm>
#include <cerrno>
#include <limits>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace runnel::inline v0::host {
namespace {

/// Whether `size` bytes at `address` lie within the `room` bytes at `begin`.
bool lies_in(std::uint64_t address, std::uint64_t size, std::uint64_t begin,
             std::uint64_t room) noexcept {
    return address >= begin && size <= room && address - begin <= room - size;
}

bool overlap(const memory_region& a, const memory_region& b) noexcept {
    return a.guest < b.guest + b.size && b.guest < a.guest + a.size;
}

bool ends_somewhere(std::uint64_t begin, std::uint64_t size) noexcept {
    return begin <= std::numeric_limits<std::uint64_t>::max() - size;
}

/// Forbids everybody to shorten the file. False where it is of a kind for which that does not work.
bool seal(const unique_fd& file) noexcept {
    const int seals = ::fcntl(file.get(), F_GET_SEALS);
    return seals >= 0 &&
           ((seals & F_SEAL_SHRINK) != 0 || ::fcntl(file.get(), F_ADD_SEALS, F_SEAL_SHRINK) == 0);
}

} // namespace

guest_memory::~guest_memory() {
    for (const part& each : parts_) {
        ::munmap(each.mapping, each.mapped);
    }
}

result<void> guest_memory::add(const memory_region& region, const unique_fd& file,
                               bool may_shrink) {
    if (region.size == 0 || parts_.size() == most_regions ||
        !ends_somewhere(region.guest, region.size) || !ends_somewhere(region.user, region.size) ||
        std::ranges::any_of(parts_, [&](const part& p) { return overlap(p.region, region); })) {
        return fail(errc::invalid_argument, "no memory, or memory over other memory");
    }
    if (!seal(file) && !may_shrink) {
        return fail(errc::permission_denied,
                    "the guest's memory might be shortened: with QEMU, use memory-backend-memfd");
    }
    struct stat about{};
    if (::fstat(file.get(), &about) != 0) {
        return fail(error::from_errno(errno, "the guest's memory"));
    }
    if (!lies_in(region.offset, region.size, 0, static_cast<std::uint64_t>(about.st_size))) {
        return fail(errc::invalid_argument, "the guest's memory reaches beyond its file");
    }
    // A mapping begins with a page.
    const std::uint64_t slack = region.offset % static_cast<std::uint64_t>(::getpagesize());
    const std::size_t mapped = region.size + slack;
    void* const where = ::mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE,
                               file.get(), static_cast<off_t>(region.offset - slack));
    if (where == MAP_FAILED) {
        return fail(error::from_errno(errno, "the guest's memory"));
    }
    auto* const mapping = static_cast<std::byte*>(where);
    parts_.push_back({region, mapping + slack, mapping, mapped});
    return {};
}

std::byte* guest_memory::at_guest(std::uint64_t address, std::uint64_t size) const noexcept {
    for (const part& each : parts_) {
        if (lies_in(address, size, each.region.guest, each.region.size)) {
            return each.bytes + (address - each.region.guest);
        }
    }
    return nullptr;
}

std::byte* guest_memory::at_user(std::uint64_t address, std::uint64_t size) const noexcept {
    for (const part& each : parts_) {
        if (lies_in(address, size, each.region.user, each.region.size)) {
            return each.bytes + (address - each.region.user);
        }
    }
    return nullptr;
}

} // namespace runnel::inline v0::host
