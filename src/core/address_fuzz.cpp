// SPDX-License-Identifier: Apache-2.0
// Whatever the text: a parser either refuses it with an error that has a text, or gives a value
// that prints in a form which parses to the same value and prints in the same form again.

#include "runnel/core/address.hpp"
#include "runnel/core/check.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace {

template <class Value>
void check_round_trip(std::string_view text) {
    const runnel::result<Value> parsed = Value::parse(text);
    if (!parsed) {
        runnel::check(parsed.error() == runnel::errc::invalid_argument, "malformed is invalid");
        runnel::check(!parsed.error().text().empty(), "the error says what is wrong");
        return;
    }
    const std::string printed = parsed->to_string();
    const runnel::result<Value> again = Value::parse(printed);
    runnel::check(printed.size() <= Value::max_text_size, "the text is not longer than promised");
    runnel::check(again.has_value(), "what is printed can be parsed");
    runnel::check(*again == *parsed, "what is printed is the value");
    runnel::check(again->hash() == parsed->hash(), "equal values have equal hashes");
    runnel::check(again->to_string() == printed, "the text is canonical");
}

void check_zoned(std::string_view text) {
    const auto zoned = runnel::ipv6_address::parse_zoned(text);
    const auto numbered = runnel::ipv6_address::parse(text);
    if (numbered) {
        runnel::check(zoned && zoned->address == *numbered, "zoned text includes the numbered");
        runnel::check(zoned->zone.empty(), "a number is no name");
    } else if (zoned) {
        runnel::check(text.ends_with(zoned->zone) && !zoned->zone.empty(), "the zone is the end");
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    check_round_trip<runnel::ipv4_address>(text);
    check_round_trip<runnel::ipv6_address>(text);
    check_round_trip<runnel::ip_address>(text);
    check_round_trip<runnel::ip_prefix>(text);
    check_round_trip<runnel::ip_endpoint>(text);
    check_round_trip<runnel::mac_address>(text);
    check_zoned(text);
    const auto port = runnel::parse_port(text);
    runnel::check(!port || std::to_string(*port) == text, "a port has one form only");
    return 0;
}
