// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/token_bucket.hpp"

#include "runnel/core/check.hpp"

#include <algorithm>

namespace runnel::inline v0 {
namespace {

constexpr std::uint64_t parts_per_byte = 1'000'000'000;

} // namespace

token_bucket::token_bucket(std::uint64_t rate, std::uint64_t burst) noexcept
    : rate_(rate), burst_(burst), level_(__uint128_t{burst} * parts_per_byte) {
    check(rate != 0 && burst != 0, "a rate and its burst are at least 1");
}

void token_bucket::refill(time_point now) noexcept {
    if (now > filled_ && filled_ != time_point::min()) {
        const auto passed = static_cast<std::uint64_t>((now - filled_).count());
        level_ =
            std::min(level_ + __uint128_t{passed} * rate_, __uint128_t{burst_} * parts_per_byte);
    }
    filled_ = std::max(filled_, now);
}

time_point token_bucket::ready_at(time_point now, std::uint64_t count) noexcept {
    check(count <= burst_, "at most a burst passes at once");
    refill(now);
    const __uint128_t wanted = __uint128_t{count} * parts_per_byte;
    if (wanted <= level_) {
        return now;
    }
    const __uint128_t wait = (wanted - level_ + rate_ - 1) / rate_;
    const auto longest = static_cast<__uint128_t>(duration::max().count());
    return saturating_add(now, duration(static_cast<duration::rep>(std::min(wait, longest))));
}

void token_bucket::take(time_point now, std::uint64_t count) noexcept {
    refill(now);
    const __uint128_t taken = __uint128_t{count} * parts_per_byte;
    check(taken <= level_, "only what is ready passes");
    level_ -= taken;
}

} // namespace runnel::inline v0
