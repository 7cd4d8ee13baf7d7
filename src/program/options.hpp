// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "page.hpp"

#include "runnel/core/error.hpp"
#include "runnel/flow/endpoint.hpp"
#include "runnel/flow/quantity.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace runnel::inline v0::program {

/// What a command takes and how it is explained. Each call adds to the command line parser and to
/// the command's page at once, so that help, man page and completions say what the parser does.
///
/// Targets must live as long as the parser; they are assigned only if the option is given, so they
/// start with the default. A target may be of the value's type or an optional of it.
class option_set {
public:
    /// Reads a value, or says what is wrong with it.
    using reader = std::function<result<void>(std::string_view)>;

    explicit option_set(command_page& page) : page_(page) {}
    option_set(const option_set&) = delete;
    option_set& operator=(const option_set&) = delete;
    virtual ~option_set() = default;

    /// Adds any option. `read` is called with its value, with an empty one for a flag.
    void add(option_page option, reader read);

    // `names` is one or more of "-x,--long", a name without dashes for an operand, which then has
    // to be given. `fallback` is what help calls the default.

    void flag(std::string_view names, bool& target, std::string text);

    template <class Target>
    void text(std::string_view names, std::string value, Target& target, std::string text,
              value_kind kind = value_kind::text) {
        add(page_of(names, kind, std::move(value), std::move(text), {}),
            [&target](std::string_view given) -> result<void> {
                target = std::string(given);
                return {};
            });
    }

    template <class Target>
    void number(std::string_view names, std::string value, Target& target, std::string text,
                std::string fallback, std::uint64_t least = 0,
                std::uint64_t most = std::numeric_limits<std::uint64_t>::max()) {
        add(page_of(names, value_kind::number, std::move(value), std::move(text),
                    std::move(fallback)),
            [&target, least, most](std::string_view given) {
                return take(target, in_range(parse_integer(given), least, most));
            });
    }

    template <class Target>
    void bytes(std::string_view names, Target& target, std::string text, std::string fallback,
               std::uint64_t least = 0,
               std::uint64_t most = std::numeric_limits<std::uint64_t>::max()) {
        add(page_of(names, value_kind::bytes, "BYTES", std::move(text), std::move(fallback)),
            [&target, least, most](std::string_view given) {
                return take(target, in_range(parse_bytes(given), least, most));
            });
    }

    template <class Target>
    void duration(std::string_view names, Target& target, std::string text, std::string fallback) {
        add(page_of(names, value_kind::duration, "DURATION", std::move(text), std::move(fallback)),
            [&target](std::string_view given) { return take(target, parse_duration(given)); });
    }

    template <class Target>
    void endpoint(std::string_view names, std::string value, Target& target, std::string text) {
        add(page_of(names, value_kind::endpoint, std::move(value), std::move(text), {}),
            [&target](std::string_view given) { return take(target, read_endpoint(given)); });
    }

    /// One of several words, each with the value it stands for.
    template <class Target, class Value>
    void choice(std::string_view names, std::string value, Target& target,
                std::vector<std::pair<std::string, Value>> words, std::string text,
                std::string fallback) {
        option_page option = page_of(names, value_kind::choice, std::move(value), std::move(text),
                                     std::move(fallback));
        for (const auto& word : words) {
            option.choices.push_back(word.first);
        }
        std::vector<std::string> choices = option.choices;
        add(std::move(option), [&target, words = std::move(words),
                                choices = std::move(choices)](std::string_view given) {
            result<std::size_t> index = choose(choices, given);
            if (!index) {
                return result<void>(fail(index.error()));
            }
            target = words[*index].second;
            return result<void>();
        });
    }

    // What cannot be read off the options.

    /// The options that follow stand below this title.
    void group(std::string title);
    void describe(std::string paragraph) { page_.paragraphs.push_back(std::move(paragraph)); }
    void topic(topic_page topic) { page_.topics.push_back(std::move(topic)); }
    void example(std::string meaning, std::string command) {
        page_.examples.push_back({std::move(meaning), std::move(command)});
    }
    void exit(int code, std::string meaning) { page_.exits.push_back({code, std::move(meaning)}); }

protected:
    /// Tells the parser.
    virtual void declare(const option_page& option, reader read) = 0;

private:
    static option_page page_of(std::string_view names, value_kind kind, std::string value,
                               std::string text, std::string fallback);
    /// An endpoint that some transport of ours takes, with its parameters.
    static result<runnel::endpoint> read_endpoint(std::string_view given);
    static result<std::uint64_t> in_range(result<std::uint64_t> given, std::uint64_t least,
                                          std::uint64_t most);
    static result<std::size_t> choose(const std::vector<std::string>& choices,
                                      std::string_view given);
    template <class Target, class T>
    static result<void> take(Target& target, result<T> given) {
        if (!given) {
            return fail(given.error());
        }
        target = *std::move(given);
        return {};
    }

    command_page& page_;
    std::string title_ = "Options";
};

} // namespace runnel::inline v0::program
