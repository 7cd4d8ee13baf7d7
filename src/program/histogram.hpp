// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/time.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace runnel::inline v0::program {

/// Counts durations in buckets whose width is less than 1 % of their value, from 1 ns to 18
/// minutes; longer ones count as that.
class histogram {
public:
    histogram();

    /// Negative ones count as 0.
    void record(duration value) noexcept;
    /// Adds what another one counted.
    void merge(const histogram& other) noexcept;

    [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
    [[nodiscard]] duration max() const noexcept { return duration(max_); }
    [[nodiscard]] duration mean() const noexcept;
    /// The duration that `fraction` of all do not exceed, as in 0.99, up to the buckets' width. 0
    /// when there are none.
    [[nodiscard]] duration quantile(double fraction) const noexcept;

private:
    static constexpr unsigned precision_bits = 7;
    static constexpr unsigned largest_bits = 40;

    static std::size_t bucket_of(std::uint64_t value) noexcept;
    static std::uint64_t largest_in(std::size_t bucket) noexcept;

    std::vector<std::uint64_t> buckets_;
    std::uint64_t count_ = 0;
    std::uint64_t sum_ = 0;
    std::int64_t max_ = 0;
};

} // namespace runnel::inline v0::program
