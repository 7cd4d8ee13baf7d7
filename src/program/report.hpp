// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "terminal.hpp"

#include <concepts>
#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace runnel::inline v0::program {

/// Facts under titles, for people or as JSON, so that both say the same.
class report {
public:
    using content =
        std::variant<std::string, std::uint64_t, double, bool, std::vector<std::string>>;

    /// The facts that follow stand below this title; in JSON in an object of this name.
    report& section(std::string key, std::string title);

    report& text(std::string key, std::string label, std::string value) {
        return add(std::move(key), std::move(label), std::move(value));
    }
    report& number(std::string key, std::string label, std::uint64_t value) {
        return add(std::move(key), std::move(label), value);
    }
    report& flag(std::string key, std::string label, bool value) {
        return add(std::move(key), std::move(label), value);
    }
    report& list(std::string key, std::string label, std::vector<std::string> value) {
        return add(std::move(key), std::move(label), std::move(value));
    }

    [[nodiscard]] std::string render(const terminal& out) const;
    [[nodiscard]] std::string render_json() const;

private:
    struct line {
        std::string key;
        std::string label;
        content value;
    };
    struct part {
        std::string key;
        std::string title;
        std::vector<line> lines;
    };
    report& add(std::string key, std::string label, content value);

    std::vector<part> parts_;
};

} // namespace runnel::inline v0::program
