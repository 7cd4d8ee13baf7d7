// SPDX-License-Identifier: Apache-2.0
// Arbitrary text as a URL, and what follows its first line as a reference in it: what is read is
// written as a text that reads the same, and leads nowhere above the root. The same of the text as
// a path in a tree of files.

#include "runnel/core/check.hpp"
#include "runnel/http/forward_proxy.hpp"
#include "runnel/http/framing.hpp"
#include "runnel/http/url.hpp"
#include "static_path.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace {

using namespace runnel;
using namespace runnel::http;

void check_url(const url& read) {
    const result<url> again = url::parse(read.to_string());
    check(again.has_value() && *again == read, "what is written reads the same");
    check(is_authority(read.authority()), "an authority is one");
    check(read.target().starts_with('/'), "a target begins at the root");
    check(read.path().find("/../") == std::string_view::npos, "nothing leads up");
    check(read.to_string().find_first_of("\r\n \\") == std::string_view::npos, "nothing splits");
}

void check_path(std::string_view text) {
    const auto read = parse_static_path(text, true);
    if (!read) {
        return;
    }
    const std::string inside = "/" + read->name + "/";
    check(inside.find("/../") == std::string::npos && inside.find("/./") == std::string::npos,
          "a path has no dots");
    check(read->name.empty() || inside.find("//") == std::string::npos, "no name is empty");
    check(inside.find('\0') == std::string::npos, "no name has NUL");
    const auto again = parse_static_path(spell_path(*read), true);
    check(again && again->name == read->name && again->folder == read->folder,
          "a path that is written reads the same");
    check(parse_static_path(text, false).has_value() <= read.has_value(), "hiding opens nothing");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    check_path(text);
    static_cast<void>(is_excepted(text, "www.example.org", 80));
    const std::size_t line = text.find('\n');
    const result<url> read = url::parse(text.substr(0, line));
    if (!read) {
        return 0;
    }
    check_url(*read);
    if (line != std::string_view::npos) {
        if (const result<url> other = read->resolve(text.substr(line + 1))) {
            check_url(*other);
        }
    }
    return 0;
}
