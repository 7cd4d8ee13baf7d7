// SPDX-License-Identifier: Apache-2.0
#include "pattern.hpp"

#include "runnel/core/random.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

namespace runnel::conformance {

const std::byte* pattern::table() {
    // Twice the period, so that a piece of up to `longest` bytes is contiguous wherever it starts.
    static const std::vector<std::byte> bytes = [] {
        std::vector<std::byte> made(2 * period);
        prng(1).fill(std::span(made).first(period));
        std::copy_n(made.begin(), period, made.begin() + static_cast<std::ptrdiff_t>(period));
        return made;
    }();
    return bytes.data();
}

buffer pattern::cut(std::uint64_t offset, std::size_t size) const {
    buffer made = buffer::allocate(size);
    std::span<std::byte> rest = made.writable();
    while (!rest.empty()) {
        const std::size_t part = std::min(rest.size(), longest);
        std::memcpy(rest.data(), at(offset), part);
        rest = rest.subspan(part);
        offset += part;
    }
    return made;
}

buffer_list pattern::lend(std::uint64_t offset, std::size_t size) const {
    buffer_list pieces;
    while (size != 0) {
        const std::size_t part = std::min(size, longest);
        pieces.push_back(buffer::of_static(std::span(at(offset), part)));
        offset += part;
        size -= part;
    }
    return pieces;
}

bool pattern::matches(std::uint64_t offset, std::span<const std::byte> bytes) const {
    while (!bytes.empty()) {
        const std::size_t part = std::min(bytes.size(), longest);
        if (std::memcmp(bytes.data(), at(offset), part) != 0) {
            return false;
        }
        bytes = bytes.subspan(part);
        offset += part;
    }
    return true;
}

} // namespace runnel::conformance
