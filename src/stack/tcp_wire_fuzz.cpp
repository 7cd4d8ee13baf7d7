// SPDX-License-Identifier: Apache-2.0
// Whatever the bytes: a header is refused with a reason, or what it says can be written and is then
// read as the same.

#include "runnel/core/check.hpp"
#include "runnel/stack/tcp_wire.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace runnel::stack;
    const auto parsed = parse_tcp(std::as_bytes(std::span(data, size)));
    if (!parsed) {
        runnel::check(name(parsed.error()) != "unknown", "a refusal has a reason");
        return 0;
    }
    runnel::check(parsed->header_size <= size, "a header lies in its segment");
    std::array<std::byte, max_tcp_header_size> out;
    const std::size_t written = write_tcp(parsed->header, out);
    runnel::check(written >= min_tcp_header_size && written % 4 == 0, "a header has whole words");
    const auto again = parse_tcp(std::span(out).first(written));
    runnel::check(again.has_value(), "what is written can be read");
    tcp_header expected = parsed->header;
    if (expected.is_syn() || expected.is_reset() || again->header.sack.size() == 3) {
        expected.sack = again->header.sack; // those that had no room
    }
    runnel::check(again->header == expected, "what is read is what was written");
    return 0;
}
