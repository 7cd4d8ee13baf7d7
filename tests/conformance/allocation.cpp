// SPDX-License-Identifier: Apache-2.0
//
// In the steady state, reads and writes ask for no memory.

#include "allocation_count.hpp"
#include "stage.hpp"

#include "runnel/async/when.hpp"

#include <array>
#include <vector>

namespace runnel::conformance {
namespace {

class Allocation : public contract {};
RUNNEL_CONFORMANCE(Allocation);

constexpr int warm_up = 300;
constexpr int measured = 300;

/// Reads exactly `size` bytes.
task<bool> read_all(flow& from, std::size_t size) {
    while (size != 0) {
        const auto data = co_await from.read(size);
        if (!data) {
            co_return false;
        }
        size -= data->size();
    }
    co_return true;
}

task<bool> read_all_into(flow& from, std::span<std::byte> memory) {
    while (!memory.empty()) {
        const auto count = co_await from.read_into(memory);
        if (!count) {
            co_return false;
        }
        memory = memory.subspan(*count);
    }
    co_return true;
}

task<void> echo(flow& at, std::size_t size) {
    std::vector<std::byte> memory(size);
    for (int round = 0; round < warm_up + measured; ++round) {
        bool good = false;
        if (round % 2 == 0) {
            good = co_await read_all(at, size);
        } else {
            good = co_await read_all_into(at, memory);
        }
        const auto wrote = co_await at.write(buffer::allocate(size));
        if (!good || !wrote) {
            ADD_FAILURE() << "the echo failed in round " << round;
            co_return;
        }
    }
}

/// Gives the allocations of the measured rounds, of both ends.
task<std::uint64_t> ask(flow& at, std::size_t size) {
    std::uint64_t before = 0;
    for (int round = 0; round < warm_up + measured; ++round) {
        if (round == warm_up) {
            before = allocation_count();
        }
        buffer_list request;
        request.push_back(buffer::allocate(size / 2));
        request.push_back(buffer::allocate(size - size / 2));
        const auto wrote = co_await at.writev(std::move(request));
        const auto flushed = co_await at.flush();
        if (!wrote || !flushed || !co_await read_all(at, size)) {
            ADD_FAILURE() << "asking failed in round " << round;
            break;
        }
    }
    co_return allocation_count() - before;
}

TEST_P(Allocation, IsNotNeededByReadsAndWritesInTheSteadyState) {
    if (!counts_allocations()) {
        GTEST_SKIP() << "the sanitizer brings an allocator of its own";
    }
    if (!can().allocates_nothing) {
        GTEST_SKIP() << "the transport allocates by its nature";
    }
    run([](stage& s) -> task<void> {
        for (const std::size_t size : {std::size_t{2}, std::size_t{64}, std::size_t{4096},
                                       std::size_t{16384}, std::size_t{65536}}) {
            const auto both = co_await when_all(ask(*s.a, size), echo(*s.b, size));
            EXPECT_EQ(std::get<0>(both), 0U)
                << "in " << measured << " rounds with messages of " << size << " bytes";
        }
        co_await s.close_both();
    });
}

} // namespace
} // namespace runnel::conformance
