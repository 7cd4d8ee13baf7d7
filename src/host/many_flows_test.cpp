// SPDX-License-Identifier: Apache-2.0
#include "host_test.hpp"
#include "runnel/async/when.hpp"
#include "runnel/core/buffer_pool.hpp"
#include "runnel/flow/serve.hpp"
#include "runnel/host/tcp.hpp"

#include <malloc.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

/// As many flows at once as the system lets one process have, up to ten thousand.
namespace runnel::host {
namespace {

using namespace runnel::host_test;

constexpr std::size_t message_size = 64;
constexpr int rounds = 3;

std::size_t flows_allowed() {
    constexpr std::size_t wanted = 10'000;
    constexpr std::size_t for_others = 100;
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    return std::min<std::size_t>(wanted, limit.rlim_cur - for_others);
}

/// Connects so many times, keeps all connections, and exchanges messages over each. In a process of
/// its own, because it needs as many descriptors again. Gives its exit status.
int be_clients(std::uint16_t port, std::size_t count) {
    std::vector<raw_peer> peers;
    peers.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        peers.push_back(raw_peer::connect(port));
        if (peers.back().fd() < 0) {
            return 1;
        }
    }
    for (int round = 0; round < rounds; ++round) {
        for (std::size_t i = 0; i < count; ++i) {
            peers[i].send(std::string(message_size, static_cast<char>('a' + i % 26)));
        }
        for (std::size_t i = 0; i < count; ++i) {
            if (peers[i].receive(message_size) !=
                std::string(message_size, static_cast<char>('a' + i % 26))) {
                return 2;
            }
        }
    }
    return 0;
}

/// Sanitizers bring an allocator of their own.
bool allocator_tells() {
    const std::size_t before = ::mallinfo2().uordblks;
    void* some = std::malloc(65536);
    const std::size_t size = ::malloc_usable_size(some); // the compiler must not drop it
    const bool grown = ::mallinfo2().uordblks >= before + size;
    std::free(some);
    return grown;
}

class ManyFlows : public BackendTest {};

TEST_P(ManyFlows, AllEcho) {
    run([]() -> task<void> {
        const std::size_t count = flows_allowed();
        auto from = listen(loopback());
        EXPECT_TRUE(from) << from.error().message();
        const std::uint16_t port = (*from)->local().ip()->port();
        const pid_t clients = ::fork();
        if (clients == 0) {
            ::_exit(be_clients(port, count));
        }
        serve_statistics counters;
        std::uint64_t peak = 0;
        auto echo = [&](flow_ptr with) -> task<void> {
            peak = std::max(peak, counters.active);
            for (;;) {
                auto piece = co_await with->read();
                if (!piece || !co_await with->write(std::move(*piece))) {
                    break;
                }
            }
            static_cast<void>(co_await with->close());
            if (counters.active == 1 && counters.served == count) {
                (*from)->close();
            }
        };
        EXPECT_TRUE(co_await serve(**from, echo, {.live = &counters}));
        int status = -1;
        ::waitpid(clients, &status, 0);
        EXPECT_TRUE(WIFEXITED(status));
        EXPECT_EQ(WEXITSTATUS(status), 0);
        EXPECT_EQ(counters.served, count);
        EXPECT_EQ(peak, count);
        testing::Test::RecordProperty("flows", static_cast<int>(count));
    });
}

TEST_P(ManyFlows, CostLittleMemoryWhileIdle) {
    if (!allocator_tells()) {
        GTEST_SKIP() << "the allocator of this build does not tell what is in use";
    }
    run([]() -> task<void> {
        constexpr std::size_t count = 2000;
        constexpr std::size_t most_bytes = 1024;
        auto from = listen(loopback());
        const std::uint16_t port = (*from)->local().ip()->port();
        std::vector<raw_peer> peers;
        std::vector<flow_ptr> flows;
        peers.reserve(count);
        flows.reserve(count);
        const std::size_t before = ::mallinfo2().uordblks;
        const std::uint64_t buffers_before = buffer_pool::local().statistics().live;
        for (std::size_t i = 0; i < count; ++i) {
            peers.push_back(raw_peer::connect(port));
            peers.back().send("x");
            flows.push_back(std::move(*co_await (*from)->accept()));
            EXPECT_EQ(co_await read_text(*flows.back(), 1), "x");
        }
        const std::size_t bytes = (::mallinfo2().uordblks - before) / count;
        EXPECT_LE(bytes, most_bytes);
        // A buffer or two may stand ready in the backend, but none with a flow.
        EXPECT_LE(buffer_pool::local().statistics().live, buffers_before + count / 2);
        testing::Test::RecordProperty("bytes_per_idle_flow", static_cast<int>(bytes));
    });
}

INSTANTIATE_TEST_SUITE_P(Kernel, ManyFlows, kernel_backends(), backend_name);

} // namespace
} // namespace runnel::host
