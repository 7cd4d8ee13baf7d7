// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/suggest.hpp"

#include "quote.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

namespace runnel::inline v0 {
namespace {

/// Longer words are not compared, so that a row of the table below has a fixed size.
constexpr std::size_t longest_word = 64;

constexpr char lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

/// The number of wrong, missing, added and swapped neighbouring characters between two words
/// (Damerau's distance, each place edited once), by the usual table of which three rows are kept.
std::size_t distance(std::string_view a, std::string_view b) noexcept {
    using row = std::array<std::size_t, longest_word + 1>;
    row before{};
    row last{};
    row current{};
    for (std::size_t j = 0; j <= b.size(); ++j) {
        last[j] = j;
    }
    for (std::size_t i = 1; i <= a.size(); ++i) {
        current[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const bool equal = lower(a[i - 1]) == lower(b[j - 1]);
            current[j] =
                std::min({last[j] + 1, current[j - 1] + 1, last[j - 1] + (equal ? 0U : 1U)});
            if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
                lower(a[i - 2]) == lower(b[j - 1])) {
                current[j] = std::min(current[j], before[j - 2] + 1);
            }
        }
        before = last;
        last = current;
    }
    return last[b.size()];
}

} // namespace

std::string_view closest_match(std::string_view word,
                               std::span<const std::string_view> candidates) {
    std::string_view closest;
    std::size_t allowed = std::max<std::size_t>(1, word.size() / 3);
    for (const std::string_view candidate : candidates) {
        if (word.empty() || word.size() > longest_word || candidate.size() > longest_word) {
            continue;
        }
        const std::size_t found = distance(word, candidate);
        if (found <= allowed && (closest.empty() || found < allowed)) {
            closest = candidate;
            allowed = found;
        }
    }
    return closest;
}

std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates) {
    const std::string_view closest = closest_match(word, candidates);
    return closest.empty() ? std::string() : "; did you mean " + quote(closest) + "?";
}

} // namespace runnel::inline v0
