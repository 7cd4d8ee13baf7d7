// SPDX-License-Identifier: Apache-2.0
//
// What flows cost without a kernel below them. The limits are of design: a pipe moves buffers by
// reference, so its rate does not depend on their size; a ping-pong is two switches between tasks
// and four operations; a layer adds a coroutine for each operation; a line is a search for its end
// and a share of its bytes.

#include "runnel/async/loop.hpp"
#include "runnel/async/when.hpp"
#include "runnel/flow/buffered_flow.hpp"
#include "runnel/flow/copy.hpp"
#include "runnel/flow/function_flow.hpp"
#include "runnel/flow/layer.hpp"
#include "runnel/flow/pipe.hpp"
#include "runnel/flow/proxy.hpp"
#include "runnel/flow/tee.hpp"

#include <benchmark/benchmark.h>

#include <string>
#include <utility>

namespace runnel {
namespace {

using body = task<void> (*)(benchmark::State&);

/// Runs a coroutine that holds the benchmark's loop, in virtual time.
void in_loop(benchmark::State& state, body run) {
    auto made = loop::create({.backend = backend_kind::virtual_time});
    (*made)->run(run(state));
}

void set_bytes(benchmark::State& state, std::size_t each) {
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(each));
}

/// The same buffer again and again, so that only the flow is measured.
task<void> send(benchmark::State& state, flow& target, std::size_t size) {
    const buffer data = buffer::allocate(size);
    for (auto _ : state) {
        (void)co_await target.write(data.share());
    }
    set_bytes(state, size);
    (void)co_await target.shutdown(direction::write);
}

task<void> drain(flow& source) {
    for (;;) {
        const result<buffer> data = co_await source.read();
        if (!data) {
            co_return;
        }
        benchmark::DoNotOptimize(data->data());
    }
}

task<void> bulk(benchmark::State& state) {
    auto pipe = make_pipe();
    co_await when_all(send(state, *pipe.first, static_cast<std::size_t>(state.range(0))),
                      drain(*pipe.second));
}
BENCHMARK_CAPTURE(in_loop, pipe_bulk, bulk)->Arg(1)->Arg(4096)->Arg(65536)->Arg(1 << 20);

/// One task asks with a byte and another answers.
task<void> ping_pong_over(benchmark::State& state, flow& near, flow& far) {
    const buffer byte = buffer::of_static("x");
    co_await when_all(
        [](benchmark::State& rounds, flow& asking, const buffer& ball) -> task<void> {
            for (auto _ : rounds) {
                (void)co_await asking.write(ball.share());
                (void)co_await asking.read();
            }
            (void)co_await asking.shutdown(direction::write);
        }(state, near, byte),
        [](flow& answering) -> task<void> {
            for (;;) {
                result<buffer> data = co_await answering.read();
                if (!data) {
                    co_return;
                }
                (void)co_await answering.write(std::move(*data));
            }
        }(far));
}

task<void> ping_pong(benchmark::State& state) {
    auto pipe = make_pipe();
    co_await ping_pong_over(state, *pipe.first, *pipe.second);
}
BENCHMARK_CAPTURE(in_loop, pipe_ping_pong_1_byte, ping_pong);

task<void> layered_ping_pong(benchmark::State& state) {
    auto pipe = make_pipe();
    flow_ptr near = std::move(pipe.first);
    for (std::int64_t layers = 0; layers < state.range(0); ++layers) {
        near = make_layered(std::make_unique<passing_layer>(std::move(near)));
    }
    co_await ping_pong_over(state, *near, *pipe.second);
}
BENCHMARK_CAPTURE(in_loop, layers_ping_pong_1_byte, layered_ping_pong)->Arg(1)->Arg(2)->Arg(4);

task<void> copied_bulk(benchmark::State& state) {
    auto in = make_pipe();
    auto out = make_pipe();
    co_await when_all(
        send(state, *in.first, static_cast<std::size_t>(state.range(0))),
        [](flow& source, flow& sink) -> task<void> {
            (void)co_await copy(source, sink);
            (void)co_await sink.shutdown(direction::write);
        }(*in.second, *out.first),
        drain(*out.second));
}
BENCHMARK_CAPTURE(in_loop, copy_bulk, copied_bulk)->Arg(64)->Arg(65536);

task<void> proxied_ping_pong(benchmark::State& state) {
    auto left = make_pipe();
    auto right = make_pipe();
    co_await when_all(
        [](benchmark::State& rounds, flow& near, flow& far) -> task<void> {
            co_await ping_pong_over(rounds, near, far);
            (void)co_await far.shutdown(direction::write);
        }(state, *left.first, *right.second),
        [](flow& a, flow& b) -> task<void> { (void)co_await proxy(a, b); }(*left.second,
                                                                           *right.first));
}
BENCHMARK_CAPTURE(in_loop, proxy_ping_pong_1_byte, proxied_ping_pong);

task<void> teed_bulk(benchmark::State& state) {
    auto pipe = make_pipe();
    const flow_ptr near =
        make_tee(std::move(pipe.first),
                 make_sink([](std::span<const std::byte> seen) { return seen.size(); }));
    co_await when_all(send(state, *near, 65536), drain(*pipe.second));
}
BENCHMARK_CAPTURE(in_loop, tee_bulk, teed_bulk);

/// Lines of 64 bytes in buffers of 64 KiB.
task<void> lines(benchmark::State& state) {
    std::string text;
    while (text.size() < 65536) {
        text += "Content-Disposition: attachment; filename=\"a-file-of-data.bin\"\r\n";
    }
    const buffer block = buffer::copy_of(text);
    buffered_flow source(make_source([&block]() -> result<buffer> { return block.share(); }));
    for (auto _ : state) {
        const result<buffer> line = co_await source.read_line(1000);
        benchmark::DoNotOptimize(line->data());
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK_CAPTURE(in_loop, buffered_lines, lines);

/// Frames of a length and 32 bytes.
task<void> frames(benchmark::State& state) {
    std::string text;
    while (text.size() < 65536) {
        text += std::string("\0\0\0\x20", 4) + std::string(32, 'x');
    }
    const buffer block = buffer::copy_of(text);
    buffered_flow source(make_source([&block]() -> result<buffer> { return block.share(); }));
    for (auto _ : state) {
        const result<std::uint32_t> size = co_await source.read_be<std::uint32_t>();
        const result<buffer> frame = co_await source.read_exactly(*size);
        benchmark::DoNotOptimize(frame->data());
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK_CAPTURE(in_loop, buffered_frames, frames);

/// Writes of 32 bytes, flushed now and then by the limit.
task<void> small_writes(benchmark::State& state) {
    buffered_flow sink(make_sink([](std::span<const std::byte> data) { return data.size(); }));
    const std::string text(32, 'x');
    for (auto _ : state) {
        (void)co_await sink.write(text);
    }
    (void)co_await sink.flush();
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK_CAPTURE(in_loop, buffered_small_writes, small_writes);

} // namespace
} // namespace runnel
