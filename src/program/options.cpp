// SPDX-License-Identifier: Apache-2.0
#include "options.hpp"

#include "runnel/flow/suggest.hpp"

#include "places.hpp"
#include "terminal.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace runnel::inline v0::program {

void option_set::add(option_page option, reader read) {
    declare(option, std::move(read));
    if (option.is_operand()) {
        page_.operands.push_back(std::move(option));
        return;
    }
    const auto same_title = [this](const option_group& group) { return group.title == title_; };
    auto group = std::ranges::find_if(page_.groups, same_title);
    if (group == page_.groups.end()) {
        group = page_.groups.insert(group, option_group{title_, {}});
    }
    group->options.push_back(std::move(option));
}

void option_set::group(std::string title) {
    title_ = std::move(title);
}

void option_set::flag(std::string_view names, bool& target, std::string text) {
    add(page_of(names, value_kind::none, {}, std::move(text), {}),
        [&target](std::string_view) -> result<void> {
            target = true;
            return {};
        });
}

option_page option_set::page_of(std::string_view names, value_kind kind, std::string value,
                                std::string text, std::string fallback) {
    option_page option;
    while (!names.empty()) {
        const std::size_t comma = std::min(names.find(','), names.size());
        option.names.emplace_back(names.substr(0, comma));
        names.remove_prefix(std::min(comma + 1, names.size()));
    }
    option.kind = kind;
    option.value = std::move(value);
    option.text = std::move(text);
    option.fallback = std::move(fallback);
    option.required = option.is_operand();
    return option;
}

result<endpoint> option_set::read_endpoint(std::string_view given) {
    auto place = endpoint::parse(given);
    if (place) {
        if (const auto fine = transports().check(*place); !fine) {
            return fail(fine.error());
        }
    }
    return place;
}

result<std::uint64_t> option_set::in_range(result<std::uint64_t> given, std::uint64_t least,
                                           std::uint64_t most) {
    if (given && (*given < least || *given > most)) {
        return fail(errc::invalid_argument,
                    most == std::numeric_limits<std::uint64_t>::max()
                        ? fmt::format("expected at least {}, got {}", least, *given)
                        : fmt::format("expected {} to {}, got {}", least, most, *given));
    }
    return given;
}

result<std::size_t> option_set::choose(const std::vector<std::string>& choices,
                                       std::string_view given) {
    const auto found = std::ranges::find(choices, given);
    if (found != choices.end()) {
        return static_cast<std::size_t>(found - choices.begin());
    }
    const std::vector<std::string_view> words(choices.begin(), choices.end());
    return fail(errc::invalid_argument,
                fmt::format("expected one of {}, got '{}'{}", fmt::join(choices, ", "),
                            printable(given), did_you_mean(given, words)));
}

} // namespace runnel::inline v0::program
