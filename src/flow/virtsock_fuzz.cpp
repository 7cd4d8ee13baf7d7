// SPDX-License-Identifier: Apache-2.0
// Arbitrary bytes as a virtsock stream, whole and cut into pieces of a size that the first byte
// says: both ways give the same data and the same end, and nothing is read twice or left out.

#include "runnel/core/check.hpp"
#include "runnel/flow/virtsock.hpp"
#include "virtsock_core.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace {

using namespace runnel;

/// What was understood, one letter for each word that is none of data.
std::string read_all(std::span<const std::byte> input, std::size_t piece) {
    using kind = virtsock_parser::kind;
    virtsock_parser parser;
    std::string understood;
    while (!input.empty()) {
        std::span<const std::byte> now = input.first(std::min(piece, input.size()));
        input = input.subspan(now.size());
        for (;;) {
            std::size_t used = 0;
            const virtsock_parser::item found = parser.next(now, used);
            check(used <= now.size() && found.size <= now.size() - used, "it takes what is there");
            now = now.subspan(used);
            if (found.what == kind::nothing) {
                check(now.empty(), "all is used up");
                break;
            }
            if (found.what == kind::bad) {
                return understood + "!";
            }
            if (found.what == kind::data) {
                check(found.size != 0, "data is not empty");
                for (const std::byte byte : now.first(found.size)) {
                    understood += "=";
                    understood += static_cast<char>(byte);
                }
                now = now.subspan(found.size);
            } else {
                understood += found.what == kind::close            ? "C"
                              : found.what == kind::shutdown_write ? "W"
                                                                   : "R";
            }
        }
    }
    return understood + (parser.is_between() ? "." : "~");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) {
        return 0;
    }
    const auto input = std::as_bytes(std::span(data, size)).subspan(1);
    const std::size_t piece = std::size_t{data[0]} % 16 + 1;
    check(read_all(input, piece) == read_all(input, std::max<std::size_t>(input.size(), 1)),
          "pieces make no difference");
    return 0;
}
