// SPDX-License-Identifier: Apache-2.0
//
// TLS over a pipe beside libssl driven bare, with memory BIOs, in the same run: what the engine and
// the flow cost beyond libssl. The limit is libssl's own rate.

#include "context.hpp"
#include "test_pair.hpp"

#include <benchmark/benchmark.h>

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

#include <malloc.h>

namespace runnel::tls {
namespace {

/// Made once, without resumption, so that every handshake is a full one.
struct setup {
    explicit setup(key_kind key, bool fast_aead = false) {
        certificate_request request;
        request.names = {"server.test"};
        request.key = key;
        server_options accepting;
        accepting.identities = {make_certificate(all.authority, request).value()};
        accepting.resumption = false;
        accepting.fast_aead = fast_aead;
        client_options connecting = all.client();
        connecting.resumption = false;
        connecting.fast_aead = fast_aead;
        server.emplace(server_config::make(accepting).value());
        client.emplace(client_config::make(connecting).value());
    }
    test_authority all;
    std::optional<server_config> server;
    std::optional<client_config> client;
};

const setup& configs(key_kind key = key_kind::ecdsa_p256) {
    static const setup ecdsa(key_kind::ecdsa_p256);
    static const setup rsa(key_kind::rsa_2048);
    return key == key_kind::rsa_2048 ? rsa : ecdsa;
}

/// Two sessions of libssl and nothing else.
class bare_pair {
public:
    explicit bare_pair(const setup& from)
        : a_(prepare_client(*from.client, "server.test").value()),
          b_(prepare_server(*from.server).value()) {
        BIO* there = BIO_new(BIO_s_mem());
        BIO* back = BIO_new(BIO_s_mem());
        for (BIO* each : {there, back}) {
            BIO_set_mem_eof_return(each, -1);
            BIO_up_ref(each);
        }
        SSL_set_bio(a_.ssl.get(), back, there);
        SSL_set_bio(b_.ssl.get(), there, back);
    }

    void shake_hands() {
        while (SSL_do_handshake(a_.ssl.get()) != 1 || SSL_do_handshake(b_.ssl.get()) != 1) {
            SSL_do_handshake(b_.ssl.get());
        }
    }

    static std::size_t pass(const prepared_session& from, const prepared_session& to,
                            std::span<const std::byte> data, std::span<std::byte> target) {
        std::size_t count = 0;
        SSL_write_ex(from.ssl.get(), data.data(), data.size(), &count);
        SSL_read_ex(to.ssl.get(), target.data(), target.size(), &count);
        return count;
    }
    [[nodiscard]] const prepared_session& a() const { return a_; }
    [[nodiscard]] const prepared_session& b() const { return b_; }

private:
    prepared_session a_;
    prepared_session b_;
};

void bare_bulk(benchmark::State& state) {
    bare_pair pair(configs());
    pair.shake_hands();
    const std::vector<std::byte> data(static_cast<std::size_t>(state.range(0)));
    std::vector<std::byte> target(16384);
    for (auto _ : state) {
        benchmark::DoNotOptimize(bare_pair::pass(pair.a(), pair.b(), data, target));
    }
    state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(bare_bulk)->Arg(16384)->Arg(1400);

void bare_ping_pong(benchmark::State& state) {
    bare_pair pair(configs());
    pair.shake_hands();
    std::array<std::byte, 1> byte{};
    for (auto _ : state) {
        benchmark::DoNotOptimize(bare_pair::pass(pair.a(), pair.b(), byte, byte));
        benchmark::DoNotOptimize(bare_pair::pass(pair.b(), pair.a(), byte, byte));
    }
}
BENCHMARK(bare_ping_pong);

void bare_handshake(benchmark::State& state) {
    const setup& from = configs(static_cast<key_kind>(state.range(0)));
    for (auto _ : state) {
        bare_pair pair(from);
        pair.shake_hands();
    }
}
BENCHMARK(bare_handshake)
    ->Arg(static_cast<int>(key_kind::ecdsa_p256))
    ->Arg(static_cast<int>(key_kind::rsa_2048));

const setup& with_fast_aead() {
    static const setup only(key_kind::ecdsa_p256, true);
    return only;
}

using flows = std::pair<session_ptr, session_ptr>;

task<flows> connect(const setup& from) {
    auto pipe = make_pipe();
    auto both = co_await when_all(client(std::move(pipe.first), *from.client, "server.test"),
                                  server(std::move(pipe.second), *from.server));
    co_return flows(std::move(std::get<0>(both).value()), std::move(std::get<1>(both).value()));
}

void in_loop(benchmark::State& state, task<void> (*run)(benchmark::State&)) {
    auto made = loop::create({.backend = backend_kind::virtual_time});
    (*made)->run(run(state));
}

task<void> carry_bulk(benchmark::State& state, const setup& from) {
    flows ends = co_await connect(from);
    const buffer data = buffer::allocate(static_cast<std::size_t>(state.range(0)));
    for (auto _ : state) {
        (void)co_await ends.first->write(data.share());
        const auto got = co_await ends.second->read();
        benchmark::DoNotOptimize(got->data());
    }
    state.SetBytesProcessed(state.iterations() * state.range(0));
}
task<void> bulk(benchmark::State& state) {
    return carry_bulk(state, configs());
}
BENCHMARK_CAPTURE(in_loop, flow_bulk, bulk)->Arg(16384)->Arg(1400);

/// With the provider on libipsec-mb, where it is there: else the same as before.
task<void> fast_bulk(benchmark::State& state) {
    return carry_bulk(state, with_fast_aead());
}
BENCHMARK_CAPTURE(in_loop, flow_bulk_fast, fast_bulk)->Arg(16384)->Arg(1400);

task<void> ping_pong(benchmark::State& state) {
    flows ends = co_await connect(configs());
    const buffer byte = buffer::of_static("x");
    for (auto _ : state) {
        (void)co_await ends.first->write(byte.share());
        (void)co_await ends.second->read();
        (void)co_await ends.second->write(byte.share());
        (void)co_await ends.first->read();
    }
}
BENCHMARK_CAPTURE(in_loop, flow_ping_pong, ping_pong);

task<void> handshake(benchmark::State& state) {
    const setup& from = configs(static_cast<key_kind>(state.range(0)));
    for (auto _ : state) {
        const flows ends = co_await connect(from);
        benchmark::DoNotOptimize(ends.first.get());
    }
}
BENCHMARK_CAPTURE(in_loop, flow_handshake, handshake)
    ->Arg(static_cast<int>(key_kind::ecdsa_p256))
    ->Arg(static_cast<int>(key_kind::rsa_2048));

/// What a server keeps for a session on which nothing happens, everything counted but the flow
/// below.
task<void> idle_memory(benchmark::State& state) {
    constexpr std::size_t count = 1000;
    std::size_t bytes = 0;
    for (auto _ : state) {
        const std::size_t before = mallinfo2().uordblks;
        std::vector<session_ptr> idle;
        for (std::size_t i = 0; i < count; ++i) {
            flows ends = co_await connect(configs());
            (void)co_await ends.first->write(buffer::of_static("x"));
            (void)co_await ends.second->read();
            idle.push_back(std::move(ends.second));
        }
        bytes = (mallinfo2().uordblks - before) / count;
    }
    state.counters["bytes"] = static_cast<double>(bytes);
}
BENCHMARK_CAPTURE(in_loop, server_memory, idle_memory)->Iterations(1);

} // namespace
} // namespace runnel::tls
