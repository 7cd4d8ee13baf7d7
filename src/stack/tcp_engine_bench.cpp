// SPDX-License-Identifier: Apache-2.0
// Two engines on one core that hand each other their segments: what TCP itself costs, without
// headers, checksums and links. The limit is the cost of a segment, not memory: payloads go by
// reference.
#include "runnel/stack/tcp_connection.hpp"

#include <benchmark/benchmark.h>

namespace {

using namespace runnel;
using namespace runnel::stack;
using namespace std::chrono_literals;

class pair_of_engines {
public:
    explicit pair_of_engines(std::uint16_t segment_size, std::uint32_t send_size) {
        for (tcp_environment* one : {&client_environment_, &server_environment_}) {
            one->config.max_segment_size = segment_size;
            one->config.max_send_size = send_size;
        }
        client_.open(now_);
        client_.set_no_delay(true);
        server_.set_no_delay(true);
        while (client_.transmit(out_, now_)) {
            server_.answer(out_.header, now_);
        }
        pump();
    }

    void pump() {
        while (deliver(client_, server_) || deliver(server_, client_)) {
        }
    }
    void advance(duration span) {
        now_ += span;
        client_.on_timer(now_);
        server_.on_timer(now_);
    }
    std::size_t read(tcp_connection& from) {
        std::size_t got = 0;
        while (from.readable() > 0) {
            got += from.read(now_).size();
        }
        return got;
    }
    tcp_connection& client() { return client_; }
    tcp_connection& server() { return server_; }
    [[nodiscard]] time_point now() const { return now_; }
    [[nodiscard]] std::uint64_t segments() const {
        return client_environment_.counters.segments_sent +
               server_environment_.counters.segments_sent;
    }

private:
    /// A burst, whose slices arrive as segments of their own.
    bool deliver(tcp_connection& from, tcp_connection& to) {
        bool moved = false;
        for (int i = 0; i < 64 && from.transmit(out_, now_); ++i) {
            moved = true;
            tcp_header header = out_.header;
            if (out_.payload.size() == 0) {
                to.receive(header, {}, {}, now_);
            }
            for (buffer& slice : out_.payload.slices()) {
                const auto size = static_cast<std::uint32_t>(slice.size());
                to.receive(header, std::move(slice), {}, now_);
                header.number += size;
            }
        }
        return moved;
    }

    time_point now_{1s};
    tcp_environment client_environment_;
    tcp_environment server_environment_;
    tcp_connection client_{client_environment_, 1000, 80, sequence(1), 0};
    tcp_connection server_{server_environment_, 80, 1000, sequence(2), 0};
    tcp_segment out_;
};

void bulk(benchmark::State& state) {
    pair_of_engines engines(1460, static_cast<std::uint32_t>(state.range(0)));
    buffer source = buffer::allocate(65'536);
    std::size_t bytes = 0;
    const std::uint64_t before = engines.segments();
    for (auto _ : state) {
        while (engines.client().write_room() > 0) {
            buffer data = source.share();
            engines.client().write(data, engines.now());
        }
        engines.pump();
        bytes += engines.read(engines.server());
        engines.pump();
        engines.advance(50us);
    }
    state.SetBytesProcessed(static_cast<std::int64_t>(bytes));
    state.counters["Gb/s"] =
        benchmark::Counter(static_cast<double>(bytes) * 8e-9, benchmark::Counter::kIsRate);
    state.counters["segments/s"] = benchmark::Counter(
        static_cast<double>(engines.segments() - before), benchmark::Counter::kIsRate);
}
BENCHMARK(bulk)->Arg(1460)->Arg(65'483)->ArgName("send_size");

void round_trip(benchmark::State& state) {
    pair_of_engines engines(1460, 65'483);
    buffer source = buffer::allocate(1);
    for (auto _ : state) {
        buffer request = source.share();
        engines.client().write(request, engines.now());
        engines.pump();
        engines.read(engines.server());
        buffer answer = source.share();
        engines.server().write(answer, engines.now());
        engines.pump();
        engines.read(engines.client());
        engines.advance(1us);
    }
    state.counters["bytes per connection"] = static_cast<double>(sizeof(tcp_connection));
}
BENCHMARK(round_trip);

} // namespace
