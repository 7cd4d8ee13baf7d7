// SPDX-License-Identifier: Apache-2.0
// Arbitrary bytes as coded content: the first byte says how, the second in which pieces. The
// outcome does not depend on the pieces, and no step gives more than it may.

#include "runnel/core/check.hpp"
#include "runnel/http/content_coding.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace {

using namespace runnel;
using namespace runnel::http;

constexpr std::size_t most = std::size_t{1} << 20U;

std::string decode(content_coding coding, std::span<const std::byte> coded, std::size_t piece) {
    const auto decoder = make_decoder(coding);
    std::string text;
    while (!coded.empty()) {
        std::span<const std::byte> data = coded.first(std::min(piece, coded.size()));
        coded = coded.subspan(data.size());
        for (;;) {
            const result<buffer> step = decoder->decode(data);
            if (!step) {
                return "bad";
            }
            check(step->size() <= content_decoder::step_size, "a step is bounded");
            if (step->empty()) {
                break;
            }
            text += step->view();
            if (text.size() > most) {
                return "bad";
            }
        }
        check(data.empty(), "all was used");
    }
    return (decoder->complete() ? "whole " : "cut ") + text;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) {
        return 0;
    }
    const auto coding = static_cast<content_coding>(1 + data[0] % 3);
    const std::span bytes(reinterpret_cast<const std::byte*>(data + 2), size - 2);
    const std::string whole = decode(coding, bytes, bytes.size() + 1);
    const std::string pieces = decode(coding, bytes, 1 + data[1]);
    // libzstd finds out that a frame has less than it says only where it sees all of it at once.
    const bool refused = coding == content_coding::zstd && (whole == "bad" || pieces == "bad");
    check(refused || whole == pieces, "however it is cut");
    return 0;
}
