// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace runnel::inline v0 {

/// The candidate that somebody who typed `word` most likely meant, or an empty text when none is
/// close. Upper and lower case count as equal; a wrong, missing, added or swapped character costs
/// one, and a third of the word's length, at least one, is allowed.
[[nodiscard]] std::string_view closest_match(std::string_view word,
                                             std::span<const std::string_view> candidates);

/// `; did you mean '…'?` for the closest match, or an empty text, to append to a message.
[[nodiscard]] std::string did_you_mean(std::string_view word,
                                       std::span<const std::string_view> candidates);

} // namespace runnel::inline v0
