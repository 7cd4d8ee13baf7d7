// SPDX-License-Identifier: Apache-2.0
// Two hosts on one core, each with Ethernet, IP and TCP, on a link in memory. What they send goes
// by reference; headers are written and read, and checksums made and verified, as on a wire. With
// checksums the limit is how fast the processor sums (twice each byte), without it the cost of a
// packet.
#include "runnel/stack/ip/network.hpp"
#include "runnel/stack/link/memory_link.hpp"
#include "runnel/stack/tcp_layer.hpp"

#include <benchmark/benchmark.h>

#include <deque>
#include <utility>

namespace {

using namespace runnel;
using namespace runnel::stack;
using namespace std::chrono_literals;

struct host final : tcp_user, tcp_acceptor {
    explicit host(time_point at) : net({}, at), tcp(net, {}, siphash_key{3, 4}, at) {
        net.set_tcp(&tcp);
    }
    ~host() { net.set_tcp(nullptr); }

    void on_events(tcp_events) noexcept override {}
    void on_disconnect() noexcept override {}
    [[nodiscard]] std::size_t room() const noexcept override { return 1; }
    void on_connection(tcp_entry& connection) noexcept override {
        entry = &connection;
        connection.attach(*this);
    }

    network net;
    tcp_layer tcp;
    tcp_entry* entry = nullptr;
};

class pair_of_hosts {
public:
    explicit pair_of_hosts(const memory_link_options& options) : a(now), b(now) {
        auto [one, two] =
            make_memory_pair(options, mac_address(2, 0, 0, 0, 0, 1), mac_address(2, 0, 0, 0, 0, 2));
        a.net.add_interface(std::move(one), {}, now);
        b.net.add_interface(std::move(two), {}, now);
        const ip_address to = ipv4_address(10, 0, 0, 2);
        (void)a.net.add_address(1, ip_prefix(ipv4_address(10, 0, 0, 1), 24), now);
        (void)b.net.add_address(1, ip_prefix(to, 24), now);
        (void)b.tcp.listen({to, 80}, {}, b, now);
        a.entry = a.tcp.connect({to, 80}, std::nullopt, a, now).value();
        while (b.entry == nullptr || b.entry->engine().state() != tcp_state::established) {
            turn();
        }
    }

    void turn() {
        now += 2us;
        a.net.pump(now);
        b.net.pump(now);
        if (a.tcp.deadline() <= now) {
            a.tcp.on_timer(now);
        }
        if (b.tcp.deadline() <= now) {
            b.tcp.on_timer(now);
        }
    }

    time_point now{1000s};
    host a;
    host b;
};

void bulk(benchmark::State& state, const memory_link_options& options, std::size_t write_size) {
    pair_of_hosts hosts(options);
    const buffer data = buffer::allocate(write_size);
    std::uint64_t bytes = 0;
    for (auto _ : state) {
        tcp_connection& from = hosts.a.entry->engine();
        while (from.write_room() >= write_size) {
            buffer part = data.share();
            if (from.write(part, hosts.now) == 0) {
                state.SkipWithError("the connection ended");
                return;
            }
        }
        hosts.a.tcp.update(*hosts.a.entry, hosts.now);
        hosts.a.net.flush(hosts.now);
        hosts.turn();
        tcp_connection& to = hosts.b.entry->engine();
        while (to.readable() > 0) {
            bytes += to.read(hosts.now).size();
        }
        hosts.b.tcp.update(*hosts.b.entry, hosts.now);
        hosts.b.net.flush(hosts.now);
    }
    state.counters["Gb/s"] =
        benchmark::Counter(static_cast<double>(bytes) * 8e-9, benchmark::Counter::kIsRate);
    state.counters["frames/s"] =
        benchmark::Counter(static_cast<double>(hosts.a.net.device(1).statistics().frames_sent),
                           benchmark::Counter::kIsRate);
}

void mtu_1500_with_checksums(benchmark::State& state) {
    bulk(state, {}, 65'536);
}
BENCHMARK(mtu_1500_with_checksums);

void mtu_1500_checksums_by_the_link(benchmark::State& state) {
    memory_link_options options;
    options.capabilities.checksum = true;
    bulk(state, options, 65'536);
}
BENCHMARK(mtu_1500_checksums_by_the_link);

void super_segments(benchmark::State& state) {
    memory_link_options options;
    options.capabilities = link_capabilities::all();
    bulk(state, options, 65'536);
}
BENCHMARK(super_segments);

} // namespace
