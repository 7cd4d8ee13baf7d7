// SPDX-License-Identifier: Apache-2.0
// Two hosts whose frames, neighbours and queues are there allocate nothing for a packet: not for
// its headers, not to cut or merge it, and not to queue it on a link.
#include "allocation_count.hpp"
#include "runnel/stack/ip/network.hpp"
#include "runnel/stack/link/memory_link.hpp"
#include "runnel/stack/tcp_layer.hpp"

#include <gtest/gtest.h>

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

class transfer {
public:
    transfer(const memory_link_options& options, const ip_prefix& here, const ip_prefix& there) {
        auto [one, two] =
            make_memory_pair(options, mac_address(2, 0, 0, 0, 0, 1), mac_address(2, 0, 0, 0, 0, 2));
        a_.net.add_interface(std::move(one), {}, now_);
        b_.net.add_interface(std::move(two), {}, now_);
        EXPECT_TRUE(a_.net.add_address(1, here, now_));
        EXPECT_TRUE(b_.net.add_address(1, there, now_));
        for (int i = 0; i < 300; ++i) { // until IPv6 is sure of its addresses
            turn(10ms);
        }
        EXPECT_TRUE(b_.tcp.listen({there.address(), 80}, {}, b_, now_));
        a_.entry = a_.tcp.connect({there.address(), 80}, std::nullopt, a_, now_).value();
        for (int i = 0; i < 10; ++i) {
            turn(1ms);
        }
        EXPECT_NE(b_.entry, nullptr);
    }

    void round() {
        tcp_connection& from = a_.entry->engine();
        while (from.write_room() >= data_.size()) {
            buffer part = data_.share();
            ASSERT_NE(from.write(part, now_), 0U);
        }
        a_.tcp.update(*a_.entry, now_);
        turn(20us);
        tcp_connection& to = b_.entry->engine();
        while (to.readable() > 0) {
            received_ += to.read(now_).size();
        }
        b_.tcp.update(*b_.entry, now_);
    }
    [[nodiscard]] std::uint64_t received() const { return received_; }

private:
    void turn(duration span) {
        now_ += span;
        for (host* const one : {&a_, &b_}) {
            if (one->net.deadline() <= now_) {
                one->net.on_timer(now_);
            }
            one->tcp.on_timer(now_);
            one->net.flush(now_);
        }
        a_.net.pump(now_);
        b_.net.pump(now_);
    }

    time_point now_{1000s};
    host a_{now_};
    host b_{now_};
    buffer data_ = buffer::allocate(16'384);
    std::uint64_t received_ = 0;
};

void expect_no_allocation(bool offloads, bool v6) {
    memory_link_options options;
    if (offloads) {
        options.capabilities = link_capabilities::all();
    }
    const auto prefix = [&](const char* v4_text, const char* v6_text) {
        return *ip_prefix::parse(v6 ? v6_text : v4_text);
    };
    transfer one(options, prefix("10.0.0.1/24", "fd00::1/64"), prefix("10.0.0.2/24", "fd00::2/64"));
    for (int i = 0; i < 3000; ++i) {
        one.round();
    }
    const std::uint64_t received = one.received();
    const std::uint64_t before = allocation_count();
    for (int i = 0; i < 1000; ++i) {
        one.round();
    }
    EXPECT_EQ(allocation_count() - before, 0U);
    EXPECT_GT(one.received() - received, 10'000'000U);
}

TEST(NetworkAllocation, IsNotNeededForAPacketInTheSteadyState) {
    for (const bool v6 : {false, true}) {
        expect_no_allocation(false, v6);
        expect_no_allocation(true, v6);
    }
}

} // namespace
