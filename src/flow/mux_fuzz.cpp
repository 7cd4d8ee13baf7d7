// SPDX-License-Identifier: Apache-2.0
// Arbitrary bytes from the other end of a multiplexer's link, in pieces of a size that the first
// byte says, while channels are opened, accepted, written, read and closed: nothing breaks, and
// everything that waits ends once the link does.

#include "runnel/async/loop.hpp"
#include "runnel/async/scope.hpp"
#include "runnel/async/sleep.hpp"
#include "runnel/flow/mux.hpp"
#include "runnel/flow/pipe.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace {

using namespace runnel;

task<void> use(flow_ptr channel) {
    static_cast<void>(co_await channel->write(buffer::copy_of("some bytes for the other side")));
    static_cast<void>(co_await channel->read());
    static_cast<void>(co_await channel->close());
}

task<void> open_some(mux& link, scope& tasks) {
    for (int i = 0; i < 3; ++i) {
        auto made = co_await link.connect();
        if (!made) {
            break;
        }
        tasks.spawn(use(std::move(*made)));
    }
}

task<void> accept_all(mux& link, scope& tasks) {
    for (;;) {
        auto next = co_await link.accept();
        if (!next) {
            break;
        }
        tasks.spawn(use(std::move(*next)));
    }
}

task<void> swallow(flow& from) {
    for (;;) {
        const auto got = co_await from.read();
        if (!got) {
            break;
        }
    }
}

task<void> say(flow& to, std::span<const std::byte> input, std::size_t piece) {
    while (!input.empty()) {
        const auto now = input.first(std::min(piece, input.size()));
        input = input.subspan(now.size());
        const auto sent = co_await to.write(buffer::copy_of(now));
        if (!sent) {
            break;
        }
        co_await yield();
    }
    static_cast<void>(co_await to.shutdown(direction::write));
}

task<void> play(std::span<const std::byte> input, std::size_t piece) {
    auto pipe = make_pipe({.capacity = 4096});
    const flow_ptr peer = std::move(pipe.second);
    mux link(std::move(pipe.first), mux_side::listening, {.window = 8192, .max_channels = 16});
    // NOLINTNEXTLINE(cppcoreguidelines-avoid-capturing-lambda-coroutines): it outlives the scope
    const auto body = [&](scope& tasks) -> task<void> {
        tasks.spawn(open_some(link, tasks));
        tasks.spawn(accept_all(link, tasks));
        tasks.spawn(swallow(*peer));
        tasks.spawn(say(*peer, input, piece));
        co_await tasks.join();
    };
    static_cast<void>(co_await with_scope(body));
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0 || size > 65536) {
        return 0;
    }
    const auto input = std::as_bytes(std::span(data, size)).subspan(1);
    const std::size_t piece = std::size_t{data[0]} % 64 + 1;
    const auto virtual_loop =
        loop::create({.backend = backend_kind::virtual_time, .report_deadlock = false}).value();
    virtual_loop->run(play(input, piece));
    return 0;
}
