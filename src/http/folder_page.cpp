// SPDX-License-Identifier: Apache-2.0
#include "folder_page.hpp"

#include "static_path.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <iterator>

namespace runnel::inline v0::http {
namespace {

constexpr std::string_view style =
    ":root{color-scheme:light dark}"
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "h1{font-size:1.2rem;overflow-wrap:anywhere}"
    "table{border-collapse:collapse;width:100%}"
    "td,th{text-align:left;padding:.2rem .8rem .2rem 0;border-bottom:1px solid #8884}"
    "td:nth-child(2),th:nth-child(2){text-align:right;font-variant-numeric:tabular-nums}"
    "td:nth-child(3){white-space:nowrap;font-variant-numeric:tabular-nums}"
    "td:first-child{overflow-wrap:anywhere}";

std::string escape(std::string_view text) {
    std::string escaped;
    for (const char each : text) {
        switch (each) {
        case '&':
            escaped += "&amp;";
            break;
        case '<':
            escaped += "&lt;";
            break;
        case '>':
            escaped += "&gt;";
            break;
        case '"':
            escaped += "&quot;";
            break;
        case '\'':
            escaped += "&#39;";
            break;
        default:
            // Control characters have no place in a page.
            escaped.push_back(static_cast<unsigned char>(each) < 0x20 ? '?' : each);
        }
    }
    return escaped;
}

bool stands_before(const tree_entry& a, const tree_entry& b) noexcept {
    const bool first = a.facts.kind == tree_kind::folder;
    const bool second = b.facts.kind == tree_kind::folder;
    return first != second ? first : a.name < b.name;
}

} // namespace

std::string folder_page(std::string_view path, std::vector<tree_entry> entries) {
    std::ranges::sort(entries, stands_before);
    std::string page;
    const auto out = std::back_inserter(page);
    fmt::format_to(out,
                   "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
                   "<meta name=\"viewport\" content=\"width=device-width\">\n"
                   "<title>{0}</title>\n<style>{1}</style>\n<h1>{0}</h1>\n"
                   "<table>\n<tr><th>Name<th>Bytes<th>Modified (UTC)\n",
                   escape(path), style);
    if (path != "/") {
        page += "<tr><td><a href=\"../\">../</a><td><td>\n";
    }
    for (const tree_entry& each : entries) {
        const bool folder = each.facts.kind == tree_kind::folder;
        // The dot in front keeps a name with a colon from being a scheme.
        fmt::format_to(out, "<tr><td><a href=\"./{}{}\">{}{}</a><td>{}<td>{:%Y-%m-%d %H:%M}\n",
                       encode_name(each.name), folder ? "/" : "", escape(each.name),
                       folder ? "/" : "",
                       folder ? std::string() : fmt::format("{}", each.facts.size),
                       fmt::gmtime(std::chrono::system_clock::to_time_t(
                           std::chrono::time_point_cast<std::chrono::system_clock::duration>(
                               each.facts.modified))));
    }
    page += "</table>\n</html>\n";
    return page;
}

} // namespace runnel::inline v0::http
