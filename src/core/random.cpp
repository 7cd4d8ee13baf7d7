// SPDX-License-Identifier: Apache-2.0
#include "runnel/core/random.hpp"

#include <sys/random.h>

#include <cerrno>

namespace runnel::inline v0 {

void secure_random(std::span<std::byte> bytes) noexcept {
    while (!bytes.empty()) {
        const ssize_t got = getrandom(bytes.data(), bytes.size(), 0);
        check(got > 0 || (got < 0 && errno == EINTR), "the system has a source of randomness");
        bytes = bytes.subspan(got > 0 ? static_cast<std::size_t>(got) : 0);
    }
}

std::uint64_t secure_random_number() noexcept {
    std::array<std::byte, 8> bytes{};
    secure_random(bytes);
    return load_le64(bytes.data());
}

} // namespace runnel::inline v0
