// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/byte_order.hpp"
#include "runnel/core/check.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

namespace runnel::inline v0 {

/// A fast generator of random numbers that gives the same ones for the same seed on every machine:
/// for tests, simulations and jitter. Whoever sees some of its numbers can foresee the others, so
/// nothing that a stranger must not guess may come from it; that is what `secure_random` is for.
///
/// The algorithm is xoshiro256** of Blackman and Vigna, with a period of 2^256 - 1. It is a uniform
/// random bit generator, so it can be handed to the distributions and algorithms of the standard
/// library; those differ between library versions, while the functions here stay as they are.
class prng {
public:
    using result_type = std::uint64_t;

    /// Every seed is as good as any other, also 0.
    constexpr explicit prng(std::uint64_t seed) noexcept {
        for (std::uint64_t& word : state_) {
            seed += weyl_step;
            word = scramble(seed);
        }
    }

    static constexpr result_type min() noexcept { return 0; }
    static constexpr result_type max() noexcept { return std::numeric_limits<result_type>::max(); }

    /// The next number; all 64 bits are equally random.
    constexpr result_type operator()() noexcept {
        const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
        const std::uint64_t shifted = state_[1] << 17U;
        state_[2] ^= state_[0];
        state_[3] ^= state_[1];
        state_[1] ^= state_[2];
        state_[0] ^= state_[3];
        state_[2] ^= shifted;
        state_[3] = std::rotl(state_[3], 45);
        return result;
    }

    /// A number from 0 to `bound` - 1, each exactly as likely. `bound` is not 0.
    constexpr std::uint64_t below(std::uint64_t bound) noexcept {
        check(bound != 0, "there is no number below 0");
        // The upper half of the product is the number (Lemire 2019). Of its 2^64 lower halves, the
        // first 2^64 mod `bound` are one too many for some of the numbers, so those are drawn
        // again.
        __uint128_t product = __uint128_t{(*this)()} * bound;
        if (static_cast<std::uint64_t>(product) < bound) {
            const std::uint64_t surplus = -bound % bound;
            while (static_cast<std::uint64_t>(product) < surplus) {
                product = __uint128_t{(*this)()} * bound;
            }
        }
        return static_cast<std::uint64_t>(product >> 64U);
    }

    /// A number from `lowest` to `highest`, both included, each exactly as likely.
    constexpr std::uint64_t between(std::uint64_t lowest, std::uint64_t highest) noexcept {
        check(lowest <= highest, "a range has its lowest number first");
        return lowest == min() && highest == max() ? (*this)()
                                                   : lowest + below(highest - lowest + 1);
    }

    /// A number of at least 0 and less than 1: a multiple of 2^-53.
    constexpr double fraction() noexcept { return static_cast<double>((*this)() >> 11U) * 0x1p-53; }

    /// Fills `bytes` with random ones.
    constexpr void fill(std::span<std::byte> bytes) noexcept {
        std::array<std::byte, 8> word{};
        for (std::size_t i = 0; i < bytes.size(); ++i) {
            if (i % word.size() == 0) {
                store_le64(word.data(), (*this)());
            }
            bytes[i] = word[i % word.size()];
        }
    }

    /// A generator whose numbers have nothing to do with those that this one goes on to give. It
    /// lets parts of a simulation draw in any order, and stay the same when another part draws
    /// more.
    [[nodiscard]] constexpr prng fork() noexcept {
        prng other(0);
        for (std::uint64_t& word : other.state_) {
            word = scramble((*this)());
        }
        other.state_[0] |= 1U; // a state of only zeros would stay that way
        return other;
    }

private:
    static constexpr std::uint64_t weyl_step = 0x9e37'79b9'7f4a'7c15;

    /// The output function of SplitMix64 (Steele, Lea, Flood 2014), a bijection.
    static constexpr std::uint64_t scramble(std::uint64_t x) noexcept {
        x = (x ^ x >> 30U) * 0xbf58'476d'1ce4'e5b9;
        x = (x ^ x >> 27U) * 0x94d0'49bb'1331'11eb;
        return x ^ x >> 31U;
    }

    std::array<std::uint64_t, 4> state_{};
};

/// Fills `bytes` with random ones from the system that nobody can foresee: for keys, initial
/// sequence numbers and seeds. May wait for the system to collect enough entropy, once after it
/// started. Ends the process when the system has no such source, because nothing safe could follow.
void secure_random(std::span<std::byte> bytes) noexcept;

/// 64 bits of `secure_random`.
[[nodiscard]] std::uint64_t secure_random_number() noexcept;

} // namespace runnel::inline v0
