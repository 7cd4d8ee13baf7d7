// SPDX-License-Identifier: Apache-2.0
#include "runnel/core/siphash.hpp"

#include "runnel/core/random.hpp"

#include <bit>

namespace runnel::inline v0 {
namespace {

struct sip_state {
    std::uint64_t v0;
    std::uint64_t v1;
    std::uint64_t v2;
    std::uint64_t v3;

    // Section 2.1 of the paper, down to the constants: "somepseudorandomlygeneratedbytes".
    explicit sip_state(const siphash_key& key) noexcept
        : v0(key.first ^ 0x736f'6d65'7073'6575), v1(key.second ^ 0x646f'7261'6e64'6f6d),
          v2(key.first ^ 0x6c79'6765'6e65'7261), v3(key.second ^ 0x7465'6462'7974'6573) {}

    void round() noexcept {
        v0 += v1;
        v2 += v3;
        v1 = std::rotl(v1, 13) ^ v0;
        v3 = std::rotl(v3, 16) ^ v2;
        v0 = std::rotl(v0, 32);
        v2 += v1;
        v0 += v3;
        v1 = std::rotl(v1, 17) ^ v2;
        v3 = std::rotl(v3, 21) ^ v0;
        v2 = std::rotl(v2, 32);
    }

    void absorb(std::uint64_t word) noexcept {
        v3 ^= word;
        round();
        round();
        v0 ^= word;
    }

    std::uint64_t finish() noexcept {
        v2 ^= 0xffU;
        for (int i = 0; i < 4; ++i) {
            round();
        }
        return v0 ^ v1 ^ v2 ^ v3;
    }
};

} // namespace

siphash_key siphash_key::generate() noexcept {
    return {.first = secure_random_number(), .second = secure_random_number()};
}

std::uint64_t siphash(const siphash_key& key, std::span<const std::byte> bytes) noexcept {
    sip_state state(key);
    const std::byte* from = bytes.data();
    std::size_t left = bytes.size();
    for (; left >= 8; from += 8, left -= 8) {
        state.absorb(load_le64(from));
    }
    // The last word holds the bytes that are left, and the size modulo 256 on top.
    std::uint64_t last = std::uint64_t{bytes.size()} << 56U;
    for (std::size_t i = 0; i < left; ++i) {
        last |= std::to_integer<std::uint64_t>(from[i]) << 8 * i;
    }
    state.absorb(last);
    return state.finish();
}

} // namespace runnel::inline v0
