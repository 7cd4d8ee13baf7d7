// SPDX-License-Identifier: Apache-2.0
//
// Both directions at once, byte-compared, for every pair of sizes at which transports are known to
// trip: empty, one byte, around a page, around 64 KiB, around a MiB, and large.

#include "stage.hpp"

#include "runnel/async/when.hpp"

#include <array>
#include <string>
#include <tuple>

namespace runnel::conformance {
namespace {

const pattern from_a(1);
const pattern from_b(2);
constexpr std::size_t mib = std::size_t{1} << 20;

class Sizes : public contract {};
RUNNEL_CONFORMANCE(Sizes);

/// Sends `a_bytes` and `b_bytes` past each other, each in pieces of at most `piece` bytes.
task<bool> exchange(stage& s, std::uint64_t a_bytes, std::uint64_t b_bytes, std::size_t piece) {
    const auto all = co_await when_all(fill_and_finish(*s.a, from_a, a_bytes, piece),
                                       fill_and_finish(*s.b, from_b, b_bytes, piece),
                                       drain(*s.a, from_b), drain(*s.b, from_a));
    EXPECT_EQ(std::get<0>(all), (sent{.bytes = a_bytes}));
    EXPECT_EQ(std::get<1>(all), (sent{.bytes = b_bytes}));
    EXPECT_EQ(std::get<2>(all), (received{.bytes = b_bytes, .end = errc::end}));
    EXPECT_EQ(std::get<3>(all), (received{.bytes = a_bytes, .end = errc::end}));
    co_await s.close_both();
    if (testing::Test::HasFailure()) {
        ADD_FAILURE() << "with " << a_bytes << " bytes one way and " << b_bytes << " the other";
        co_return false;
    }
    co_return true;
}

TEST_P(Sizes, EveryPairArrivesWholeBothWaysAtOnce) {
    run_unconnected([](stage& s) -> task<void> {
        constexpr std::array<std::uint64_t, 13> sizes{
            0, 1, 4095, 4096, 4097, 4098, 4099, 65535, 65536, 65537, mib - 1, mib, mib + 1};
        for (const std::uint64_t a_bytes : sizes) {
            for (const std::uint64_t b_bytes : sizes) {
                if (!co_await s.connect() || !co_await exchange(s, a_bytes, b_bytes, 4 * mib)) {
                    co_return;
                }
            }
        }
    });
}

/// The same by `read_into`, whose memory is never of the size of what was written.
task<received> drain_into(flow& from, pattern expected) {
    received all;
    std::array<std::byte, 5003> memory{};
    while (true) {
        const auto count = co_await from.read_into(memory);
        if (!count) {
            all.end = count.error().kind();
            co_return all;
        }
        all.intact = all.intact && *count != 0 &&
                     expected.matches(all.bytes, std::span(memory).first(*count));
        all.bytes += *count;
    }
}

task<bool> exchange_into(stage& s, std::uint64_t a_bytes, std::uint64_t b_bytes) {
    const auto all = co_await when_all(fill_and_finish(*s.a, from_a, a_bytes, 8192),
                                       fill_and_finish(*s.b, from_b, b_bytes, 8192),
                                       drain_into(*s.a, from_b), drain_into(*s.b, from_a));
    const bool good = std::get<0>(all) == sent{.bytes = a_bytes} &&
                      std::get<1>(all) == sent{.bytes = b_bytes} &&
                      std::get<2>(all) == received{.bytes = b_bytes, .end = errc::end} &&
                      std::get<3>(all) == received{.bytes = a_bytes, .end = errc::end};
    EXPECT_TRUE(good) << a_bytes << " bytes one way, " << b_bytes
                      << " the other: " << std::get<2>(all) << "; " << std::get<3>(all);
    co_await s.close_both();
    co_return good;
}

// The grid of ocaml-hvsock's buffering test.
TEST_P(Sizes, EveryPairOfTheHvsockGridArrivesInSmallPieces) {
    run_unconnected([](stage& s) -> task<void> {
        constexpr std::array<std::uint64_t, 14> sizes{
            0, 1, 4, 4095, 4096, 4097, 4098, 4099, 5000, 5001, 5002, mib - 1, mib, mib + 1};
        for (const std::uint64_t a_bytes : sizes) {
            for (const std::uint64_t b_bytes : sizes) {
                if (!co_await s.connect() || !co_await exchange_into(s, a_bytes, b_bytes)) {
                    co_return;
                }
            }
        }
    });
}

TEST_P(Sizes, BulkArrivesWholeBothWaysAtOnce) {
    run([](stage& s) -> task<void> {
        const std::size_t bulk = is_slow_build() ? s.can.bulk / 16 : s.can.bulk;
        co_await exchange(s, bulk, bulk, 256UL * 1024);
    });
}

// One write far above every limit within.
TEST_P(Sizes, OneWriteOfManyMebibytesIsOneWrite) {
    run([](stage& s) -> task<void> {
        const std::size_t large = s.can.bulk / 8 + 12345;
        co_await exchange(s, large, 0, large);
    });
}

} // namespace
} // namespace runnel::conformance
