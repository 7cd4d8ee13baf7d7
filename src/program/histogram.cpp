// SPDX-License-Identifier: Apache-2.0
#include "histogram.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace runnel::inline v0::program {
namespace {

constexpr std::uint64_t one = 1;

} // namespace

histogram::histogram() : buckets_(bucket_of((one << largest_bits) - 1) + 1) {}

/// Values below 2^(precision + 1) have a bucket each; above, each doubling is split into
/// 2^precision.
std::size_t histogram::bucket_of(std::uint64_t value) noexcept {
    const auto width = static_cast<unsigned>(std::bit_width(value));
    if (width <= precision_bits + 1) {
        return value;
    }
    const unsigned shift = width - precision_bits - 1;
    return (std::size_t{shift} << precision_bits) + (value >> shift);
}

std::uint64_t histogram::largest_in(std::size_t bucket) noexcept {
    if (bucket < one << (precision_bits + 1)) {
        return bucket;
    }
    const std::uint64_t shift = (bucket >> precision_bits) - 1;
    const std::uint64_t top = (bucket & ((one << precision_bits) - 1)) + (one << precision_bits);
    return ((top + 1) << shift) - 1;
}

void histogram::record(duration value) noexcept {
    const std::int64_t count = std::max<std::int64_t>(value.count(), 0);
    max_ = std::max(max_, count);
    const auto number = static_cast<std::uint64_t>(count);
    ++buckets_[bucket_of(std::min(number, (one << largest_bits) - 1))];
    ++count_;
    sum_ += number;
}

void histogram::merge(const histogram& other) noexcept {
    for (std::size_t i = 0; i < buckets_.size(); ++i) {
        buckets_[i] += other.buckets_[i];
    }
    count_ += other.count_;
    sum_ += other.sum_;
    max_ = std::max(max_, other.max_);
}

duration histogram::mean() const noexcept {
    return duration(count_ == 0 ? 0 : static_cast<std::int64_t>(sum_ / count_));
}

duration histogram::quantile(double fraction) const noexcept {
    const auto rank = static_cast<std::uint64_t>(std::ceil(fraction * static_cast<double>(count_)));
    std::uint64_t below = 0;
    for (std::size_t i = 0; i < buckets_.size(); ++i) {
        below += buckets_[i];
        if (below != 0 && below >= rank) {
            return std::min(duration(static_cast<std::int64_t>(largest_in(i))), max());
        }
    }
    return duration(0);
}

} // namespace runnel::inline v0::program
