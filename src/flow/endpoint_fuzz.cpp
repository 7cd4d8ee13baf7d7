// SPDX-License-Identifier: Apache-2.0
// Arbitrary text as an endpoint: what is accepted is written back as itself, what is refused gets a
// message that names a character of the text.

#include "runnel/core/check.hpp"
#include "runnel/flow/endpoint.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace {

using namespace runnel;

bool register_rows() {
    return register_scheme({.name = "tls", .default_port = 443}) &&
           register_scheme({.name = "http", .default_port = 80, .path_after_port = true});
}

void read_parameters(const parameters& all) {
    for (const parameter& one : all) {
        for (const parameter& item : one.items()) {
            check(one.has_value(), "only values have items");
            static_cast<void>(item.duration());
            static_cast<void>(item.integer(1, 100));
        }
        static_cast<void>(one.flag());
        static_cast<void>(one.bytes());
        static_cast<void>(one.durations(1, 3));
        check(all.find(one.name()) == &one, "names are unique");
    }
    static_cast<void>(all.check_known({}));
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const bool registered = register_rows();
    check(registered, "more schemes");
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto read = endpoint::parse(text);
    if (!read) {
        check(read.error() == errc::invalid_argument, "malformed text is an invalid argument");
        check(read.error().text().find("\": character ") != std::string_view::npos,
              "the message names the place");
        return 0;
    }
    const std::string canonical = read->to_string();
    const auto again = endpoint::parse(canonical);
    check(again.has_value() && *again == *read, "the canonical text is the same endpoint");
    check(again->to_string() == canonical, "the canonical text is canonical");
    if (!read->layers().empty()) {
        check(endpoint::parse(read->inner().to_string()).has_value(),
              "what a layer runs over is one");
    }
    read_parameters(read->params());
    return 0;
}
