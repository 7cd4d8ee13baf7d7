// SPDX-License-Identifier: Apache-2.0
// Arbitrary bytes as a message: the first byte says of which kind, the second in which pieces. The
// outcome is the same in one call and in pieces, and what was read can be written.

#include "runnel/core/check.hpp"
#include "runnel/http/chunked.hpp"
#include "runnel/http/field.hpp"
#include "runnel/http/framing.hpp"
#include "runnel/http/head_parser.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace {

using namespace runnel;
using namespace runnel::http;

struct outcome {
    std::error_code wrong = {};
    bool done = false;
    std::size_t size = 0;
    std::string text = {};

    friend bool operator==(const outcome&, const outcome&) = default;
};

void add_fields(outcome& to, const fields_view& fields) {
    for (const field each : fields) {
        check(is_token(each.name) && is_field_value(each.value), "a field is one");
        to.text.append(each.name).append(":").append(each.value).append("\n");
    }
}

outcome parse_head(head_parser::kind kind, std::span<const std::byte> bytes, std::size_t piece) {
    head_parser parser(kind, {.line = 200, .head = 600, .fields = 10});
    for (std::size_t end = std::min(piece, bytes.size());;
         end = std::min(end + piece, bytes.size())) {
        const result<bool> whole = parser.parse(bytes.first(end));
        if (!whole) {
            return {.wrong = whole.error().code()};
        }
        if (*whole) {
            outcome read{.done = true, .size = parser.size()};
            add_fields(read, parser.fields());
            if (kind == head_parser::kind::request) {
                const request_head head = parser.request();
                check(is_token(head.method_name), "a method is a token");
                read.text.append(head.method_name).append(head.target);
                if (const auto rules = examine(head)) {
                    check(is_authority(rules->authority), "an authority is one");
                }
            } else if (kind == head_parser::kind::response) {
                const response_head head = parser.response();
                read.text.append(head.reason).append(std::to_string(number(head.code)));
                static_cast<void>(examine(head, method::get));
            }
            return read;
        }
        if (end == bytes.size()) {
            return {};
        }
    }
}

outcome decode_chunks(std::span<const std::byte> bytes, std::size_t piece) {
    chunked_decoder decoder({.trailers = {.line = 200, .head = 600, .fields = 10}});
    outcome read;
    while (read.size != bytes.size()) {
        const auto rest = bytes.subspan(read.size);
        const auto part = rest.first(std::min(piece, rest.size()));
        const auto step = decoder.decode(part);
        if (!step) {
            return {.wrong = step.error().code()};
        }
        check(step->framing + step->data <= part.size(), "no more than there is");
        const auto data = part.subspan(step->framing, step->data);
        read.text.append(reinterpret_cast<const char*>(data.data()), data.size());
        read.size += step->framing + step->data;
        if (step->done) {
            read.done = true;
            add_fields(read, decoder.trailers());
            break;
        }
        check(step->framing + step->data != 0, "something happens");
    }
    return read;
}

outcome read_message(unsigned kind, std::span<const std::byte> bytes, std::size_t piece) {
    if (kind == 3) {
        return decode_chunks(bytes, piece);
    }
    return parse_head(static_cast<head_parser::kind>(kind), bytes, piece);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) {
        return 0;
    }
    const std::span bytes(reinterpret_cast<const std::byte*>(data + 2), size - 2);
    const unsigned kind = data[0] % 4U;
    const std::size_t piece = 1 + data[1] % 70U;
    check(read_message(kind, bytes, bytes.size() + 1) == read_message(kind, bytes, piece),
          "however it is cut");
    check(read_message(kind, bytes, 1) == read_message(kind, bytes, piece), "byte by byte");
    return 0;
}
