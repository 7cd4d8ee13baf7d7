// SPDX-License-Identifier: Apache-2.0
#include "progress.hpp"

#include "human.hpp"
#include "wrap.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace runnel::inline v0::program {
namespace {

/// With less room, the bar says less than the figures.
constexpr std::size_t narrowest_bar = 8;
constexpr std::size_t widest_bar = 40;
/// After this time a figure counts for 1/e of a new one.
constexpr double memory_seconds = 3;

std::string bar(double fraction, std::size_t width) {
    const auto filled = static_cast<std::size_t>(fraction * static_cast<double>(width));
    return "[" + std::string(filled, '#') + std::string(width - filled, '.') + "]";
}

std::string time_left(const transfer_state& state) {
    if (state.rate < 1) {
        return "eta -";
    }
    const double left = static_cast<double>(*state.total - std::min(*state.total, state.done));
    const double wait = std::min(left / state.rate, 359'999.0); // 99:59:59
    return "eta " + human_clock(std::chrono::ceil<std::chrono::seconds>(
                        std::chrono::duration<double>(wait)));
}

} // namespace

std::string render_transfer(const transfer_state& state, std::size_t width) {
    const std::string rate = human_bytes(state.rate) + "/s";
    const std::string done = human_bytes(static_cast<double>(state.done));
    if (!state.total) {
        return fmt::format("{}  {}  {}", done, rate, human_clock(state.elapsed)).substr(0, width);
    }
    const double fraction =
        *state.total == 0
            ? 1
            : std::min(1.0, static_cast<double>(state.done) / static_cast<double>(*state.total));
    const std::string figures =
        fmt::format("{:3.0f}%  {} of {}  {}  {}", std::floor(fraction * 100), done,
                    human_bytes(static_cast<double>(*state.total)), rate, time_left(state));
    if (figures.size() + narrowest_bar + 4 > width) {
        return figures.substr(0, width);
    }
    return bar(fraction, std::min(widest_bar, width - figures.size() - 4)) + "  " + figures;
}

void status_line::show(std::string_view line) {
    if (active()) {
        target_.write(fmt::format("{}\033[K\r", line));
        shown_ = true;
    }
}

void status_line::clear() {
    if (shown_) {
        target_.write("\033[K");
        shown_ = false;
    }
}

void smooth_rate::update(std::uint64_t total, time_point now) noexcept {
    if (last_ && now > *last_) {
        const double span = seconds(now - *last_);
        const double kept = std::exp(-span / memory_seconds);
        const double present = static_cast<double>(total - total_) / span;
        // Dividing by the weight so far makes the first figures count in full.
        const double weight = weight_ * kept + (1 - kept);
        rate_ = (rate_ * weight_ * kept + present * (1 - kept)) / weight;
        weight_ = weight;
    }
    if (!last_ || now > *last_) {
        last_ = now;
        total_ = total;
    }
}

} // namespace runnel::inline v0::program
