// SPDX-License-Identifier: Apache-2.0
// The limit of `sum` is the bandwidth of reading, that of `copy` what memcpy reaches. 256 KiB do
// not fit the first-level cache, 1460 bytes are one segment, 20 to 64 bytes are headers.

#include "checksum_kernels.hpp"
#include "runnel/core/checksum.hpp"

#include <benchmark/benchmark.h>

#include <array>
#include <cstring>
#include <string>
#include <vector>

namespace runnel {
namespace {

constexpr std::size_t largest = 256UL * 1024;

/// Two places of memory at the alignment that a payload has behind Ethernet, IPv4 and TCP headers.
struct memory {
    static constexpr std::size_t offset = 54;

    alignas(64) std::array<std::byte, largest + 64> source{};
    alignas(64) std::array<std::byte, largest + 64> target{};

    memory() {
        for (std::size_t i = 0; i < source.size(); ++i) {
            source[i] = static_cast<std::byte>(i * 2'654'435'761U >> 13U);
        }
    }
    std::byte* from() { return source.data() + offset; }
    std::byte* to() { return target.data() + offset; }
};

memory& shared_memory() {
    static memory instance;
    return instance;
}

void count_bytes(benchmark::State& state, std::size_t size) {
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(size));
}

void copy_with_memcpy(benchmark::State& state) {
    const auto size = static_cast<std::size_t>(state.range(0));
    memory& bytes = shared_memory();
    for (auto _ : state) {
        std::memcpy(bytes.to(), bytes.from(), size);
        benchmark::ClobberMemory();
    }
    count_bytes(state, size);
}

void sum_with(benchmark::State& state, const checksum_kernel& kernel) {
    const auto size = static_cast<std::size_t>(state.range(0));
    const std::byte* from = shared_memory().from();
    for (auto _ : state) {
        benchmark::DoNotOptimize(kernel.sum(from, size));
    }
    count_bytes(state, size);
}

void copy_with(benchmark::State& state, const checksum_kernel& kernel) {
    const auto size = static_cast<std::size_t>(state.range(0));
    memory& bytes = shared_memory();
    for (auto _ : state) {
        benchmark::DoNotOptimize(kernel.copy(bytes.to(), bytes.from(), size));
        benchmark::ClobberMemory();
    }
    count_bytes(state, size);
}

void sum_of_variable_size(benchmark::State& state) {
    auto size = static_cast<std::size_t>(state.range(0));
    const std::byte* from = shared_memory().from();
    for (auto _ : state) {
        benchmark::DoNotOptimize(size);
        benchmark::DoNotOptimize(internet_checksum({from, size}));
        benchmark::ClobberMemory();
    }
    count_bytes(state, size);
}

template <std::size_t Size>
void sum_of_constant_size(benchmark::State& state) {
    const std::byte* from = shared_memory().from();
    for (auto _ : state) {
        benchmark::DoNotOptimize(internet_checksum({from, Size}));
        benchmark::ClobberMemory();
    }
    count_bytes(state, Size);
}

void update_of_a_field(benchmark::State& state) {
    std::uint16_t sum = 0x1234;
    std::uint32_t field = 1;
    for (auto _ : state) {
        benchmark::DoNotOptimize(field);
        sum = update_checksum(sum, field, field + 1);
        benchmark::DoNotOptimize(sum);
    }
}

void add_sizes(benchmark::internal::Benchmark* bench) {
    bench->Arg(1460)->Arg(16L * 1024)->Arg(largest);
}

BENCHMARK(copy_with_memcpy)->Apply(add_sizes);
BENCHMARK(sum_of_constant_size<20>);
BENCHMARK(sum_of_constant_size<40>);
BENCHMARK(sum_of_constant_size<64>);
BENCHMARK(sum_of_variable_size)->Arg(20)->Arg(33)->Arg(40)->Arg(64)->Arg(65)->Arg(128);
BENCHMARK(update_of_a_field);

[[maybe_unused]] const bool kernels_registered = [] {
    for (const checksum_kernel& kernel : checksum_kernels()) {
        const std::string name(kernel.name);
        add_sizes(benchmark::RegisterBenchmark(
            ("sum/" + name).c_str(),
            [&kernel](benchmark::State& state) { sum_with(state, kernel); }));
        add_sizes(benchmark::RegisterBenchmark(
            ("copy/" + name).c_str(),
            [&kernel](benchmark::State& state) { copy_with(state, kernel); }));
    }
    return true;
}();

} // namespace
} // namespace runnel
