// SPDX-License-Identifier: Apache-2.0
// Two hosts on one core, each with Ethernet, IP and TCP, on a link in memory that leaves checksums
// out: what a connection costs. The limit is the memory that a connection touches, and the number
// of segments: nine for one that is opened, used for a byte each way and closed.
#include "runnel/stack/ip/network.hpp"
#include "runnel/stack/link/memory_link.hpp"
#include "runnel/stack/tcp_layer.hpp"

#include <benchmark/benchmark.h>
#include <malloc.h>

#include <deque>
#include <utility>
#include <vector>

namespace {

using namespace runnel;
using namespace runnel::stack;
using namespace std::chrono_literals;

struct host {
    explicit host(time_point at) : net({}, at), tcp(net, {}, siphash_key{3, 4}, at) {
        net.set_tcp(&tcp);
    }
    ~host() {
        tcp.disconnect(time_point(1h));
        net.set_tcp(nullptr);
    }

    network net;
    tcp_layer tcp;
};

/// One end. What it does is said by the numbers it is made with.
struct end final : tcp_user {
    void on_events(tcp_events what) noexcept override {
        tcp_connection& engine = entry->engine();
        if (what.connected && begins) {
            send();
        }
        if (engine.readable() > 0) {
            (void)engine.read(*now);
            ++answers;
            if (!begins || rounds > 1) {
                send();
            }
            rounds -= rounds > 0 ? 1U : 0U;
            if (begins && rounds == 0 && closes) {
                engine.shutdown_write(*now);
                layer->update(*entry, *now);
            }
        }
        if (what.finished && !begins) {
            engine.shutdown_write(*now);
            layer->update(*entry, *now);
        }
        if (what.ended) {
            layer->release(*std::exchange(entry, nullptr), *now);
            ++*over;
        }
    }
    void on_disconnect() noexcept override { entry = nullptr; }
    void send() noexcept {
        buffer one = byte->share();
        entry->engine().write(one, *now);
        layer->update(*entry, *now);
    }

    tcp_layer* layer = nullptr;
    tcp_entry* entry = nullptr;
    const time_point* now = nullptr;
    const buffer* byte = nullptr;
    std::uint64_t* over = nullptr;
    std::uint64_t answers = 0;
    std::uint64_t rounds = 1;
    bool begins = false;
    bool closes = true;
};

class pair_of_hosts final : public tcp_acceptor {
    std::deque<end> made_; // outlive the hosts
    std::deque<end> taken_;

public:
    pair_of_hosts() : a(now), b(now) {
        memory_link_options options;
        options.capabilities.checksum = true;
        auto [one, two] =
            make_memory_pair(options, mac_address(2, 0, 0, 0, 0, 1), mac_address(2, 0, 0, 0, 0, 2));
        a.net.add_interface(std::move(one), {}, now);
        b.net.add_interface(std::move(two), {}, now);
        (void)a.net.add_address(1, ip_prefix(ipv4_address(10, 0, 0, 1), 24), now);
        (void)b.net.add_address(1, ip_prefix(to, 24), now);
        (void)b.tcp.listen({}, {.queue = {.backlog = 4096}, .forwarding = true}, *this, now);
    }

    [[nodiscard]] std::size_t room() const noexcept override { return 1U << 20U; }
    void on_connection(tcp_entry& connection) noexcept override {
        connection.attach(prepare(taken_, b, connection));
    }
    void on_disconnect() noexcept override {}

    end& connect(std::uint64_t rounds, bool closes) {
        // Each to another port, so that what is in TIME-WAIT is in nobody's way.
        port_ = static_cast<std::uint16_t>(port_ == 0xffff ? 1024 : port_ + 1);
        end& one = made_.emplace_back();
        begin(one, rounds, closes);
        return one;
    }
    /// The same with an end that is over.
    void begin(end& one, std::uint64_t rounds, bool closes) {
        one.rounds = rounds;
        one.closes = closes;
        one.begins = true;
        const auto entry = a.tcp.connect({to, port_}, std::nullopt, one, now);
        prepare(one, a, *entry.value());
    }
    void again(end& one) {
        port_ = static_cast<std::uint16_t>(port_ == 0xffff ? 1024 : port_ + 1);
        begin(one, 1, true);
    }

    void turn(duration span = 2us) {
        now += span;
        a.net.pump(now);
        b.net.pump(now);
        if (a.tcp.deadline() <= now) {
            a.tcp.on_timer(now);
        }
        if (b.tcp.deadline() <= now) {
            b.tcp.on_timer(now);
        }
    }
    void turn_until(std::uint64_t ended) {
        while (over < ended) {
            turn();
        }
    }
    void open_idle(std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) {
            connect(1, false);
            if (i % 32 == 31) { // fewer than a pump takes from a link
                turn();
                turn();
                turn();
                turn();
            }
        }
        for (const duration span : {duration(2us), duration(1s), duration(2s)}) {
            turn(span);
            for (int i = 0; i < 1000; ++i) { // as many as it takes through the link's queue
                turn();
            }
        }
    }

    time_point now{1000s};
    std::uint64_t over = 0;
    const buffer byte = buffer::copy_of(std::string_view("x"));
    const ip_address to = ipv4_address(10, 0, 0, 2);
    host a;
    host b;

private:
    end& prepare(end& one, host& where, tcp_entry& entry) noexcept {
        one.layer = &where.tcp;
        one.entry = &entry;
        one.now = &now;
        one.byte = &byte;
        one.over = &over;
        return one;
    }
    end& prepare(std::deque<end>& all, host& where, tcp_entry& entry) {
        while (!all.empty() && free_ < all.size() && all[free_].entry != nullptr) {
            ++free_;
        }
        if (free_ >= all.size()) {
            if (free_ > 0 && over > 0 && all.front().entry == nullptr) {
                free_ = 0;
            } else {
                all.emplace_back();
                free_ = all.size() - 1;
            }
        }
        return prepare(all[free_++], where, entry);
    }

    std::size_t free_ = 0;
    std::uint16_t port_ = 1023;
};

void round_trip(benchmark::State& state) {
    pair_of_hosts hosts;
    end& one = hosts.connect(UINT64_MAX, false);
    hosts.turn();
    std::uint64_t answers = one.answers;
    for (auto _ : state) {
        while (one.answers == answers) {
            hosts.turn();
        }
        answers = one.answers;
    }
}
BENCHMARK(round_trip);

void open_use_close(benchmark::State& state) {
    pair_of_hosts hosts;
    hosts.open_idle(static_cast<std::size_t>(state.range(0)));
    constexpr std::size_t at_once = 32;
    std::deque<end> ends(at_once);
    std::uint64_t wanted = 0;
    for (auto _ : state) {
        for (end& one : ends) {
            hosts.again(one);
        }
        wanted += 2 * at_once;
        hosts.turn_until(wanted);
    }
    state.counters["connections/s"] = benchmark::Counter(
        static_cast<double>(state.iterations()) * at_once, benchmark::Counter::kIsRate);
}
BENCHMARK(open_use_close)->ArgName("others")->Arg(0)->Arg(100'000);

void idle_memory(benchmark::State& state) {
    const auto count = static_cast<std::size_t>(state.range(0));
    double bytes = 0;
    for (auto _ : state) {
        pair_of_hosts hosts;
        hosts.open_idle(64);
        const std::size_t ends = 2 * count * sizeof(end);
        const std::size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
        hosts.open_idle(count);
        const std::size_t after = mallinfo2().uordblks + mallinfo2().hblkhd;
        bytes = static_cast<double>(after - before - ends) / static_cast<double>(2 * count);
        if (hosts.a.tcp.connections() != count + 64 || hosts.b.tcp.connections() != count + 64) {
            state.SkipWithError("not all are open");
        }
    }
    state.counters["bytes/connection"] = bytes;
}
BENCHMARK(idle_memory)->Arg(100'000)->Iterations(1)->Unit(benchmark::kMillisecond);

} // namespace
