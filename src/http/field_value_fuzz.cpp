// SPDX-License-Identifier: Apache-2.0
// Arbitrary text as the value of a field, of each kind that is read here.

#include "runnel/core/check.hpp"
#include "runnel/http/date.hpp"
#include "runnel/http/entity_tag.hpp"
#include "runnel/http/list.hpp"
#include "runnel/http/quality.hpp"
#include "runnel/http/range.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace {

using namespace runnel;
using namespace runnel::http;

void read_ranges(std::string_view value, std::uint64_t size) {
    const byte_ranges ranges(value, size);
    check((ranges.what() == byte_ranges::outcome::parts) == !ranges.parts().empty(), "parts");
    std::uint64_t sum = 0;
    for (const byte_range& each : ranges.parts()) {
        check(each.first <= each.last && each.last < size, "a part lies inside");
        sum += each.size();
    }
    check(sum <= size, "no byte comes twice");
}

void read_date(std::string_view value) {
    if (const auto moment = parse_date(value)) {
        const date_text written(*moment);
        check(parse_date(written.text()) == moment, "what is written reads the same");
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view value(reinterpret_cast<const char*>(data), size);
    read_ranges(value, size);
    read_ranges(value, 1000);
    read_ranges(value, 0);
    read_date(value);
    if (const auto tag = parse_entity_tag(value)) {
        check(if_none_match_names(value, *tag), "a tag names itself");
        check(if_match_holds(value, *tag) == !tag->weak, "unless it is weak");
    }
    list_reader list(value);
    for (std::string_view element; list.next(element);) {
        check(!element.empty(), "an element is not empty");
        if (const auto wanted = parse_weighted(element)) {
            check(wanted->quality <= 1000, "a quality is at most 1");
        }
    }
    return 0;
}
