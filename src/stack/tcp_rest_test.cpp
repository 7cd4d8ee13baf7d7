// SPDX-License-Identifier: Apache-2.0
// Connections that have nothing to do: what they cost, and that nobody can tell.
#include "runnel/stack/tcp_layer.hpp"

#include "test_network.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <optional>
#include <utility>

namespace {

using namespace runnel;
using namespace runnel::stack;
using namespace std::chrono_literals;

/// A program that does only what it is told to.
struct passive final : tcp_user {
    explicit passive(tcp_layer& where) : layer(&where) {}
    passive(const passive&) = delete;
    passive& operator=(const passive&) = delete;
    ~passive() {
        if (entry != nullptr) {
            layer->release(*entry, time_point(1h));
        }
    }
    void on_events(tcp_events what) noexcept override {
        if (what.ended) {
            ended = true;
            failure = entry->engine().failure();
        }
    }
    void on_disconnect() noexcept override { entry = nullptr; }

    tcp_layer* layer;
    tcp_entry* entry = nullptr;
    std::optional<errc> failure;
    bool ended = false;
};

class TcpRest : public testing::Test, private tcp_acceptor {
protected:
    void start(const tcp_config& config = {}) {
        tcp_layer::options how;
        how.config = config;
        a_ = &wire_.add({ipv4_address(10, 0, 0, 1)}, how);
        b_ = &wire_.add({at_.address()}, how);
        ASSERT_TRUE(b_->tcp().listen(at_, {}, *this, wire_.now()));
    }
    void connect(std::size_t count = 1) {
        for (std::size_t i = 0; i < count; ++i) {
            passive& one = clients_.emplace_back(a_->tcp());
            const auto entry = a_->tcp().connect(at_, std::nullopt, one, wire_.now());
            ASSERT_TRUE(entry);
            one.entry = *entry;
        }
        wire_.run_for(500ms);
        ASSERT_EQ(served_.size(), clients_.size());
    }
    void open(const tcp_config& config = {}) {
        start(config);
        connect();
    }
    void send(passive& from, std::size_t size) {
        while (size > 0) {
            buffer data = buffer::allocate(std::min<std::size_t>(size, 10'000));
            const std::size_t taken = from.entry->engine().write(data, wire_.now());
            ASSERT_GT(taken, 0U);
            size -= taken;
            from.layer->update(*from.entry, wire_.now());
            wire_.run_for(200ms);
        }
    }
    std::size_t read(passive& at) {
        std::size_t size = 0;
        while (at.entry->engine().readable() > 0) {
            size += at.entry->engine().read(wire_.now()).size();
        }
        at.layer->update(*at.entry, wire_.now());
        return size;
    }
    passive& client() { return clients_.front(); }
    passive& served() { return served_.front(); }
    [[nodiscard]] std::size_t resting() const { return a_->tcp().resting() + b_->tcp().resting(); }

    test_network wire_;
    test_network::host* a_ = nullptr;
    test_network::host* b_ = nullptr;
    std::deque<passive> clients_;
    std::deque<passive> served_;

private:
    [[nodiscard]] std::size_t room() const noexcept override { return SIZE_MAX; }
    void on_connection(tcp_entry& connection) noexcept override {
        passive& one = served_.emplace_back(b_->tcp());
        one.entry = &connection;
        connection.attach(one);
    }
    void on_disconnect() noexcept override {}

    const ip_endpoint at_{ipv4_address(10, 0, 0, 2), 80};
};

TEST_F(TcpRest, ComesAfterAPauseAndLeavesNoTimer) {
    open();
    EXPECT_EQ(resting(), 0U);
    wire_.run_for(3s);
    EXPECT_EQ(resting(), 2U);
    EXPECT_EQ(a_->tcp().deadline(), never);
    EXPECT_EQ(b_->tcp().deadline(), never);
}

class TcpRestOver : public TcpRest, public testing::WithParamInterface<congestion_kind> {};

TEST_P(TcpRestOver, KeepsWhatIsKnownOfThePath) {
    tcp_config config;
    config.congestion = GetParam();
    open(config);
    send(client(), 100'000);
    EXPECT_EQ(read(served()), 100'000U);
    wire_.run_for(900ms);
    ASSERT_EQ(resting(), 0U);
    const tcp_info before = client().entry->info(wire_.now());
    wire_.run_for(5s);
    ASSERT_EQ(resting(), 2U);
    const tcp_info resting = client().entry->info(wire_.now());
    EXPECT_EQ(a_->tcp().resting(), 1U) << "to look does not wake";
    (void)client().entry->engine();
    EXPECT_EQ(a_->tcp().resting(), 0U);
    const tcp_info awake = client().entry->info(wire_.now());
    for (const tcp_info& after : {resting, awake}) {
        EXPECT_EQ(after.state, tcp_state::established);
        EXPECT_EQ(after.congestion, before.congestion);
        EXPECT_EQ(after.congestion_window, before.congestion_window);
        EXPECT_EQ(after.slow_start_threshold, before.slow_start_threshold);
        EXPECT_EQ(after.send_window, before.send_window);
        EXPECT_EQ(after.receive_window, before.receive_window);
        EXPECT_EQ(after.receive_limit, before.receive_limit);
        EXPECT_EQ(after.segment_size, before.segment_size);
        EXPECT_EQ(after.delivered, before.delivered);
        EXPECT_EQ(after.received, before.received);
        EXPECT_EQ(after.timestamps, before.timestamps);
        EXPECT_EQ(after.selective_ack, before.selective_ack);
        EXPECT_EQ(after.window_scaling, before.window_scaling);
        EXPECT_EQ(after.ecn, before.ecn);
        EXPECT_NEAR(static_cast<double>(after.round_trip.count()),
                    static_cast<double>(before.round_trip.count()), 10.0);
        EXPECT_EQ(after.retransmission_timeout / 1us, before.retransmission_timeout / 1us);
    }
}
INSTANTIATE_TEST_SUITE_P(Each, TcpRestOver,
                         testing::Values(congestion_kind::new_reno, congestion_kind::cubic,
                                         congestion_kind::bbr));

TEST_F(TcpRest, EndsWhenAnythingComesOrIsSaid) {
    open();
    for (int round = 0; round < 3; ++round) {
        wire_.run_for(5s);
        ASSERT_EQ(resting(), 2U);
        send(client(), 50'000);
        EXPECT_EQ(read(served()), 50'000U);
        wire_.run_for(5s);
        ASSERT_EQ(resting(), 2U);
        send(served(), 50'000);
        EXPECT_EQ(read(client()), 50'000U);
    }
    EXPECT_EQ(a_->tcp().counters().retransmission_timeouts, 0U);
    EXPECT_EQ(a_->tcp().counters().bytes_retransmitted, 0U);
    wire_.run_for(5s);
    client().entry->engine().shutdown_write(wire_.now());
    a_->tcp().update(*client().entry, wire_.now());
    wire_.run_for(5s);
    EXPECT_EQ(resting(), 0U) << "half closed, both are in use";
    EXPECT_TRUE(served().entry->engine().finished());
}

TEST_F(TcpRest, IsNotForThoseWhoHoldSomething) {
    open();
    send(client(), 10);
    wire_.run_for(10s);
    EXPECT_EQ(a_->tcp().resting(), 1U);
    EXPECT_EQ(b_->tcp().resting(), 0U) << "there is something to be read";
    EXPECT_EQ(b_->tcp().deadline(), never) << "and nothing to wait for";
    EXPECT_EQ(read(served()), 10U);
    wire_.run_for(10s);
    EXPECT_EQ(b_->tcp().resting(), 1U);
}

TEST_F(TcpRest, KeepsSettingsAndAsksASilentPeer) {
    open();
    client().entry->engine().set_keepalive({.after = 60s, .interval = 10s, .count = 3},
                                           wire_.now());
    a_->tcp().update(*client().entry, wire_.now());
    const time_point begin = wire_.now();
    wire_.run_for(200s);
    EXPECT_EQ(resting(), 2U);
    EXPECT_GE(a_->tcp().counters().keepalive_probes, 2U);
    EXPECT_FALSE(client().ended);
    wire_.how().faults.loss = 1;
    const std::uint64_t probes = a_->tcp().counters().keepalive_probes;
    ASSERT_TRUE(wire_.run_until([&] { return client().ended; }));
    EXPECT_EQ(client().failure, errc::timed_out);
    EXPECT_EQ(a_->tcp().counters().keepalive_probes - probes, 3U);
    EXPECT_LE(wire_.now() - begin, 200s + 61s + 30s);
}

TEST_F(TcpRest, IsInterruptedByAResetAndByTheEndOfTheStack) {
    start();
    connect(3);
    wire_.run_for(5s);
    ASSERT_EQ(resting(), 6U);
    client().entry->engine().abort(wire_.now());
    a_->tcp().update(*client().entry, wire_.now());
    wire_.run_for(1s);
    std::size_t reset = 0;
    for (const passive& one : served_) {
        reset += one.failure == errc::reset ? 1U : 0U;
    }
    EXPECT_EQ(reset, 1U);
    b_->tcp().disconnect(wire_.now());
    wire_.run_for(1s);
    EXPECT_EQ(b_->tcp().connections(), 0U);
    EXPECT_EQ(b_->tcp().resting(), 0U);
    EXPECT_EQ(clients_[1].failure, errc::reset);
    EXPECT_EQ(clients_[2].failure, errc::reset);
}

TEST_F(TcpRest, CostsAtMost256BytesEverythingCounted) {
    start();
    const std::size_t before = a_->tcp().footprint();
    constexpr std::size_t count = 5000;
    connect(count);
    wire_.run_for(5s);
    ASSERT_EQ(a_->tcp().resting(), count);
    EXPECT_LE(a_->tcp().footprint() - before, count * 256);
}

} // namespace
