// SPDX-License-Identifier: Apache-2.0
#include "checksum_kernels.hpp"

#if defined(__x86_64__)
#include <immintrin.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#endif

namespace runnel::inline v0 {

#if defined(__x86_64__)
namespace {

// Each 64 bits of a vector hold two words of 32 bits. One register sums these pairs as they are,
// modulo 2^64, and another sums their upper words alone, which cannot overflow. The sum of the
// lower words, which would not overflow either, follows by a subtraction at the end. That is three
// instructions a vector, fewer than it takes to separate the words first.
//
// There is no AVX-512 here: AVX2 already takes bytes as fast as the second-level cache gives them,
// and neither wider vectors nor their dot product instructions were faster from the first.

struct sums_16 {
    __m128i pairs = _mm_setzero_si128();
    __m128i uppers = _mm_setzero_si128();

    [[gnu::always_inline]] void add(__m128i words) noexcept {
        // Keeps the words in a register. GCC otherwise reads them from memory twice, as an operand
        // of each instruction, which takes a third of the speed of unaligned data.
        asm("" : "+x"(words));
        pairs = _mm_add_epi64(pairs, words);
        uppers = _mm_add_epi64(uppers, _mm_srli_epi64(words, 32));
    }

    [[gnu::always_inline]] void add(const sums_16& other) noexcept {
        pairs = _mm_add_epi64(pairs, other.pairs);
        uppers = _mm_add_epi64(uppers, other.uppers);
    }
};

struct sums_32 {
    __m256i pairs;
    __m256i uppers;

    [[gnu::always_inline, gnu::target("avx2")]] void add(__m256i words) noexcept {
        asm("" : "+x"(words)); // as above
        pairs = _mm256_add_epi64(pairs, words);
        uppers = _mm256_add_epi64(uppers, _mm256_srli_epi64(words, 32));
    }

    [[nodiscard, gnu::always_inline, gnu::target("avx2")]] sums_16 lower() const noexcept {
        return {_mm256_castsi256_si128(pairs), _mm256_castsi256_si128(uppers)};
    }

    [[nodiscard, gnu::always_inline, gnu::target("avx2")]] sums_16 upper() const noexcept {
        return {_mm256_extracti128_si256(pairs, 1), _mm256_extracti128_si256(uppers, 1)};
    }
};

// `to` is null unless Copying.

template <bool Copying>
[[gnu::always_inline]] inline __m128i load_16(std::byte* to, const std::byte* from,
                                              std::size_t at) noexcept {
    const __m128i words = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + at));
    if constexpr (Copying) {
        _mm_storeu_si128(reinterpret_cast<__m128i*>(to + at), words);
    }
    return words;
}

template <bool Copying>
[[gnu::always_inline, gnu::target("avx2")]] inline __m256i
load_32(std::byte* to, const std::byte* from, std::size_t at) noexcept {
    const __m256i words = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + at));
    if constexpr (Copying) {
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + at), words);
    }
    return words;
}

/// Adds the bytes from `at` on, less than 64, and gives the sum of all.
template <bool Copying>
[[gnu::always_inline]] inline std::uint64_t finish(std::byte* to, const std::byte* from,
                                                   std::size_t at, std::size_t size,
                                                   sums_16 sums) noexcept {
    for (; size - at >= 16; at += 16) {
        sums.add(load_16<Copying>(to, from, at));
    }
    const __m128i lowers = _mm_sub_epi64(sums.pairs, _mm_slli_epi64(sums.uppers, 32));
    const __m128i both = _mm_add_epi64(lowers, sums.uppers);
    const __m128i all = _mm_add_epi64(both, _mm_unpackhi_epi64(both, both));
    const auto sum = static_cast<std::uint64_t>(_mm_cvtsi128_si64(all));
    if constexpr (Copying) {
        return sum + checksum_copy_portable(to + at, from + at, size - at);
    } else {
        return sum + checksum_sum_portable(from + at, size - at);
    }
}

template <bool Copying>
std::uint64_t run_sse2(std::byte* to, const std::byte* from, std::size_t size) noexcept {
    sums_16 even;
    sums_16 odd;
    std::size_t at = 0;
    for (; size - at >= 64; at += 64) {
        even.add(load_16<Copying>(to, from, at));
        odd.add(load_16<Copying>(to, from, at + 16));
        even.add(load_16<Copying>(to, from, at + 32));
        odd.add(load_16<Copying>(to, from, at + 48));
    }
    even.add(odd);
    return finish<Copying>(to, from, at, size, even);
}

/// Below this size, accesses that cross cache lines cost less than to avoid them.
constexpr std::size_t worth_aligning = 1536;

/// The 32 bytes from offset 32 - `n` on begin with `n` bytes of ones; the others are zero.
alignas(64) constexpr std::array<std::uint8_t, 64> head_mask = [] {
    std::array<std::uint8_t, 64> mask{};
    std::fill_n(mask.begin(), 32, std::uint8_t{0xff});
    return mask;
}();

/// Adds the bytes in front of the first place that is aligned: in `to`, as stores gain more than
/// loads, or else in `from`. Gives their number.
///
/// After an odd number of them all that follow are in the other half of their words. So the head is
/// added with its bytes swapped, and those of the sum must be swapped in the end: 256 * 256 is 1
/// modulo 2^16 - 1.
template <bool Copying>
[[gnu::always_inline, gnu::target("avx2")]] inline std::size_t
add_head(sums_32& sums, std::byte* to, const std::byte* from) noexcept {
    const std::size_t head = -std::bit_cast<std::uintptr_t>(Copying ? to : from) % 32;
    const __m256i mask =
        _mm256_loadu_si256(reinterpret_cast<const __m256i*>(head_mask.data() + 32 - head));
    const __m256i words = _mm256_and_si256(load_32<Copying>(to, from, 0), mask);
    const __m128i shift = _mm_cvtsi64_si128(head % 2 == 0 ? 0 : 8);
    sums.add(_mm256_or_si256(_mm256_sll_epi16(words, shift), _mm256_srl_epi16(words, shift)));
    return head;
}

template <bool Copying>
[[gnu::target("avx2")]] std::uint64_t run_avx2(std::byte* to, const std::byte* from,
                                               std::size_t size) noexcept {
    sums_32 even{};
    sums_32 odd{};
    const std::size_t head = size < worth_aligning ? 0 : add_head<Copying>(even, to, from);
    std::size_t at = head;
    for (; size - at >= 128; at += 128) {
        even.add(load_32<Copying>(to, from, at));
        odd.add(load_32<Copying>(to, from, at + 32));
        even.add(load_32<Copying>(to, from, at + 64));
        odd.add(load_32<Copying>(to, from, at + 96));
    }
    for (; size - at >= 32; at += 32) {
        even.add(load_32<Copying>(to, from, at));
    }
    sums_16 sums = even.lower();
    sums.add(even.upper());
    sums.add(odd.lower());
    sums.add(odd.upper());
    return std::rotl(finish<Copying>(to, from, at, size, sums), head % 2 == 0 ? 0 : 8);
}

std::uint64_t sum_sse2(const std::byte* from, std::size_t size) noexcept {
    return run_sse2<false>(nullptr, from, size);
}

[[gnu::target("avx2")]] std::uint64_t sum_avx2(const std::byte* from, std::size_t size) noexcept {
    return run_avx2<false>(nullptr, from, size);
}

constexpr checksum_kernel kernels[] = {
    {.name = "sse2", .sum = sum_sse2, .copy = run_sse2<true>},
    {.name = "avx2", .sum = sum_avx2, .copy = run_avx2<true>},
};

} // namespace

std::span<const checksum_kernel> checksum_vector_kernels() noexcept {
    __builtin_cpu_init(); // may run before the constructors of the compiler's own library
    const std::span all(kernels);
    return __builtin_cpu_supports("avx2") ? all : all.first(1);
}

#else

std::span<const checksum_kernel> checksum_vector_kernels() noexcept {
    return {};
}

#endif

} // namespace runnel::inline v0
