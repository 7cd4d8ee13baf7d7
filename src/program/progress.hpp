// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "terminal.hpp"

#include "runnel/async/time.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace runnel::inline v0::program {

/// How far a transfer is.
struct transfer_state {
    std::uint64_t done = 0;
    std::optional<std::uint64_t> total = {}; ///< if known
    duration elapsed{};
    /// Bytes per second of late; what is left is reckoned by it.
    double rate = 0;
};

/// One line about a transfer, at most `width` columns: a bar if the total is known and there is
/// room, bytes, rate, time left or taken.
[[nodiscard]] std::string render_transfer(const transfer_state& state, std::size_t width);

/// A line at the bottom of a terminal that is rewritten in place. Does nothing where nobody
/// watches.
class status_line {
public:
    explicit status_line(const terminal& target) noexcept : target_(target) {}
    status_line(const status_line&) = delete;
    status_line& operator=(const status_line&) = delete;
    ~status_line() { clear(); }

    [[nodiscard]] bool active() const noexcept { return target_.interactive(); }
    /// The columns a line may take.
    [[nodiscard]] std::size_t width() const noexcept { return target_.width() - 1; }
    void show(std::string_view line);
    /// Removes the line, so that others can be written.
    void clear();

private:
    const terminal& target_;
    bool shown_ = false;
};

/// A rate that follows the present one smoothly: the average of the last seconds, older ones
/// counting less.
class smooth_rate {
public:
    /// Notes the total so far.
    void update(std::uint64_t total, time_point now) noexcept;
    /// Per second.
    [[nodiscard]] double per_second() const noexcept { return rate_; }

private:
    std::optional<time_point> last_;
    std::uint64_t total_ = 0;
    double rate_ = 0;
    double weight_ = 0;
};

} // namespace runnel::inline v0::program
