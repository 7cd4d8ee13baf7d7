// SPDX-License-Identifier: Apache-2.0
// Arbitrary bytes at the front of a connection as a PROXY header: a header that is read is written
// back as one that reads the same, and no part of a correct header is refused.

#include "runnel/core/check.hpp"
#include "runnel/flow/proxy_protocol.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace {

using namespace runnel;

void write_and_read_again(const parsed_proxy_header& read) {
    for (const bool with_checksum : {false, true}) {
        const auto written = encode_proxy_v2(read.header, with_checksum);
        check(written.has_value(), "what was read has room");
        const auto again = parse_proxy_header(*written, {.longest = 65551});
        check(again.has_value() && again->has_value(), "what is written is correct and whole");
        check((*again)->size == written->size(), "all of it is the header");
        check((*again)->header == read.header, "it says the same");
    }
    const std::string line = encode_proxy_v1(read.header);
    const auto again = parse_proxy_header(std::as_bytes(std::span(line)));
    check(again.has_value() && again->has_value() && (*again)->size == line.size(),
          "what is written as a line is correct and whole");
    if (read.version == 1) {
        check((*again)->header == read.header, "a line says the same");
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::span received(reinterpret_cast<const std::byte*>(data), size);
    const auto read = parse_proxy_header(received);
    if (!read) {
        check(read.error() == errc::protocol_error || read.error() == errc::limit_exceeded,
              "what is wrong is the peer's fault");
        return 0;
    }
    if (!*read) {
        check(size < 4096, "a whole header fits the limit");
        return 0;
    }
    const parsed_proxy_header& header = **read;
    check(header.size > 0 && header.size <= size, "a header ends inside");
    for (std::size_t part = 0; part < header.size; ++part) {
        const auto early = parse_proxy_header(received.first(part));
        check(early.has_value() && !early->has_value(), "part of a correct header is not whole");
    }
    write_and_read_again(header);
    return 0;
}
