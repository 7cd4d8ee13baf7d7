// SPDX-License-Identifier: Apache-2.0
#include "report.hpp"

#include "json.hpp"
#include "wrap.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <type_traits>

namespace runnel::inline v0::program {
namespace {

constexpr std::size_t value_column = 24;

std::string words(const report::content& value) {
    return std::visit(
        [](const auto& held) {
            using type = std::decay_t<decltype(held)>;
            if constexpr (std::is_same_v<type, bool>) {
                return std::string(held ? "yes" : "no");
            } else if constexpr (std::is_same_v<type, std::vector<std::string>>) {
                return held.empty() ? std::string("none")
                                    : fmt::format("{}", fmt::join(held, ", "));
            } else {
                return fmt::format("{}", held);
            }
        },
        value);
}

void write(json_writer& json, const report::content& value) {
    std::visit(
        [&json](const auto& held) {
            if constexpr (std::is_same_v<std::decay_t<decltype(held)>, std::vector<std::string>>) {
                json.begin_array();
                for (const std::string& each : held) {
                    json.value(each);
                }
                json.end();
            } else {
                json.value(held);
            }
        },
        value);
}

} // namespace

report& report::section(std::string key, std::string title) {
    parts_.push_back({std::move(key), std::move(title), {}});
    return *this;
}

report& report::add(std::string key, std::string label, content value) {
    parts_.back().lines.push_back({std::move(key), std::move(label), std::move(value)});
    return *this;
}

std::string report::render(const terminal& out) const {
    const std::size_t width = std::clamp(out.width(), std::size_t{40}, std::size_t{120});
    std::string text;
    for (const part& each : parts_) {
        text += (text.empty() ? "" : "\n") + out.paint(style::bold, each.title) + "\n";
        for (const line& fact : each.lines) {
            text += wrap(words(fact.value), value_column, width, "  " + fact.label);
        }
    }
    return text;
}

std::string report::render_json() const {
    json_writer json;
    json.begin_object();
    for (const part& each : parts_) {
        json.key(each.key).begin_object();
        for (const line& fact : each.lines) {
            json.key(fact.key);
            write(json, fact.value);
        }
        json.end();
    }
    json.end();
    return json.take();
}

} // namespace runnel::inline v0::program
