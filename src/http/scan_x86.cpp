// SPDX-License-Identifier: Apache-2.0
#include "character.hpp"
#include "scan_kernels.hpp"

#if defined(__x86_64__)
#include <immintrin.h>

#include <array>
#include <cstring>
#endif

namespace runnel::inline v0::http {

#if defined(__x86_64__)
namespace {

// Which bytes are token characters: for each lower half of a byte, one bit for each upper half of
// which there is a token character. Two lookups, by either half, meet in that bit. There is none
// above 0x7f, for which both lookups give zero.

using half_table = std::array<std::uint8_t, 32>; // the same 16 bytes twice

alignas(32) constexpr half_table by_lower_half = [] {
    half_table table{};
    for (unsigned byte = 0; byte < 128; ++byte) {
        if (!has(static_cast<char>(byte), is_delimiter)) {
            const auto bit = static_cast<std::uint8_t>(1U << (byte >> 4U));
            table[byte & 15U] = static_cast<std::uint8_t>(table[byte & 15U] | bit);
            table[16 + (byte & 15U)] = table[byte & 15U];
        }
    }
    return table;
}();

alignas(32) constexpr half_table by_upper_half = [] {
    half_table table{};
    for (unsigned half = 0; half < 8; ++half) {
        table[half] = static_cast<std::uint8_t>(1U << half);
        table[16 + half] = table[half];
    }
    return table;
}();

/// What 16 or 32 bytes are.
struct scan_word {
    std::uint64_t controls;
    std::uint64_t delimiters;
};

[[gnu::always_inline, gnu::target("sse4.2")]] inline scan_word scan_16(const char* from) noexcept {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
    const __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
    const __m128i tab = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\t'));
    const __m128i del = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f));
    const __m128i control = _mm_or_si128(_mm_andnot_si128(tab, low), del);
    const __m128i lowers = _mm_load_si128(reinterpret_cast<const __m128i*>(by_lower_half.data()));
    const __m128i uppers = _mm_load_si128(reinterpret_cast<const __m128i*>(by_upper_half.data()));
    const __m128i upper = _mm_and_si128(_mm_srli_epi16(bytes, 4), _mm_set1_epi8(15));
    const __m128i token =
        _mm_and_si128(_mm_shuffle_epi8(lowers, bytes), _mm_shuffle_epi8(uppers, upper));
    const __m128i delimiter = _mm_cmpeq_epi8(token, _mm_setzero_si128());
    return {static_cast<std::uint32_t>(_mm_movemask_epi8(control)),
            static_cast<std::uint32_t>(_mm_movemask_epi8(delimiter))};
}

[[gnu::always_inline, gnu::target("sse4.2")]] inline scan_block
scan_64_sse(const char* from) noexcept {
    scan_block block{};
    for (unsigned at = 0; at < 64; at += 16) {
        const scan_word word = scan_16(from + at);
        block.controls |= word.controls << at;
        block.delimiters |= word.delimiters << at;
    }
    return block;
}

[[gnu::always_inline, gnu::target("avx2")]] inline scan_word scan_32(const char* from) noexcept {
    const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
    const __m256i low = _mm256_cmpeq_epi8(_mm256_min_epu8(bytes, _mm256_set1_epi8(0x1f)), bytes);
    const __m256i tab = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('\t'));
    const __m256i del = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(0x7f));
    const __m256i control = _mm256_or_si256(_mm256_andnot_si256(tab, low), del);
    const __m256i lowers =
        _mm256_load_si256(reinterpret_cast<const __m256i*>(by_lower_half.data()));
    const __m256i uppers =
        _mm256_load_si256(reinterpret_cast<const __m256i*>(by_upper_half.data()));
    const __m256i upper = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), _mm256_set1_epi8(15));
    const __m256i token =
        _mm256_and_si256(_mm256_shuffle_epi8(lowers, bytes), _mm256_shuffle_epi8(uppers, upper));
    const __m256i delimiter = _mm256_cmpeq_epi8(token, _mm256_setzero_si256());
    return {static_cast<std::uint32_t>(_mm256_movemask_epi8(control)),
            static_cast<std::uint32_t>(_mm256_movemask_epi8(delimiter))};
}

[[gnu::always_inline, gnu::target("avx2")]] inline scan_block
scan_64_avx2(const char* from) noexcept {
    const scan_word first = scan_32(from);
    const scan_word second = scan_32(from + 32);
    return {first.controls | second.controls << 32U, first.delimiters | second.delimiters << 32U};
}

/// The last block, of `size` % 64 bytes, is read without a byte outside of the range: as the end
/// of 64 bytes that overlap the block before, or from a copy.
struct last_block {
    last_block(const char* from, std::size_t size) noexcept : count(size % 64) {
        if (size < 64) {
            std::memcpy(copy.data(), from, size);
            bytes = copy.data();
        } else {
            bytes = from + size - 64;
            surplus = static_cast<unsigned>(64 - count);
        }
    }
    [[nodiscard]] scan_block cut(const scan_block& whole) const noexcept {
        const std::uint64_t mask = (std::uint64_t{1} << count) - 1;
        return {whole.controls >> surplus & mask, whole.delimiters >> surplus & mask};
    }

    std::size_t count;
    unsigned surplus = 0;
    const char* bytes;
    std::array<char, 64> copy{};
};

[[gnu::target("sse4.2")]] void scan_sse(const char* from, std::size_t size,
                                        scan_block* to) noexcept {
    std::size_t at = 0;
    for (; size - at >= 64; at += 64) {
        *to++ = scan_64_sse(from + at);
    }
    if (at != size) {
        const last_block last(from, size);
        *to = last.cut(scan_64_sse(last.bytes));
    }
}

/// The last 1 to 63 of `size` bytes. No byte outside of them all is read: vectors overlap, or a few
/// bytes are copied.
[[gnu::always_inline, gnu::target("avx2")]] inline scan_block
scan_rest_avx2(const char* from, std::size_t size, std::size_t rest) noexcept {
    if (rest >= 32) {
        const scan_word first = scan_32(from + size - rest);
        const scan_word second = scan_32(from + size - 32);
        return {first.controls | second.controls << (rest - 32),
                first.delimiters | second.delimiters << (rest - 32)};
    }
    if (size >= 32) {
        const scan_word last = scan_32(from + size - 32);
        return {last.controls >> (32 - rest), last.delimiters >> (32 - rest)};
    }
    std::array<char, 32> copy{};
    std::memcpy(copy.data(), from, size);
    const scan_word last = scan_32(copy.data());
    const std::uint64_t mask = (std::uint64_t{1} << size) - 1;
    return {last.controls & mask, last.delimiters & mask};
}

[[gnu::target("avx2")]] void scan_avx2(const char* from, std::size_t size,
                                       scan_block* to) noexcept {
    std::size_t at = 0;
    for (; size - at >= 64; at += 64) {
        *to++ = scan_64_avx2(from + at);
    }
    if (at != size) {
        *to = scan_rest_avx2(from, size, size - at);
    }
}

} // namespace

std::span<const scan_kernel> scan_vector_kernels() noexcept {
    static constexpr std::array<scan_kernel, 3> kernels{
        {{.name = "portable", .classify = scan_portable},
         {.name = "sse4.2", .classify = scan_sse},
         {.name = "avx2", .classify = scan_avx2}}};
    __builtin_cpu_init(); // may run before the constructors of the compiler's own library
    const std::span all(kernels);
    if (__builtin_cpu_supports("avx2")) {
        return all;
    }
    return all.first(__builtin_cpu_supports("sse4.2") ? 2 : 1);
}

#else

std::span<const scan_kernel> scan_vector_kernels() noexcept {
    return {};
}

#endif

} // namespace runnel::inline v0::http
