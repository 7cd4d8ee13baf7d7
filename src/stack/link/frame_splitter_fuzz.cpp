// SPDX-License-Identifier: Apache-2.0
// The stream of a virtual machine's port: bytes come in pieces, whose sizes the first bytes say.
#include "frame_splitter.hpp"
#include "runnel/core/check.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace runnel;
    const auto all = std::as_bytes(std::span(data, size));
    const std::size_t step = all.empty() ? 1 : std::size_t{data[0]} + 1;
    stack::frame_splitter splitter;
    std::size_t given = 0;
    std::size_t found = 0;
    while (given < all.size() && !splitter.broken()) {
        const std::span<std::byte> room = splitter.room();
        check(!room.empty(), "a splitter that wants more has room for it");
        const std::size_t part = std::min({step, room.size(), all.size() - given});
        std::memcpy(room.data(), all.data() + given, part);
        splitter.filled(part);
        given += part;
        while (const auto frame = splitter.next()) {
            check(!frame->empty() && frame->size() <= stack::frame_splitter::max_frame,
                  "frames keep their bounds");
            found += frame->size() + stack::frame_splitter::length_size;
        }
    }
    check(found <= given, "no more frames than bytes");
    return 0;
}
