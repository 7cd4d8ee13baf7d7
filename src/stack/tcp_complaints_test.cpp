// SPDX-License-Identifier: Apache-2.0
// What people complain about in the TCPs of other user-space stacks, one test each, so that it does
// not come to be true of this one.
#include "tcp_pair.hpp"
#include "tcp_scripts.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace {

using namespace runnel;
using namespace runnel::stack;
using namespace std::chrono_literals;

/// A sender that never ends, over a path with these round trip and loss, for `span`.
struct path {
    duration round_trip = 20ms;
    double loss = 0;
    double rate = 200e6; // bytes a second
    duration span = 8s;
    congestion_kind control = congestion_kind::cubic;
    std::uint64_t seed = 1;
    duration jitter{};
    double reorder = 0;
};

tcp_pair::plan plan_of(const path& over) {
    tcp_pair::plan plan;
    plan.seed = over.seed;
    plan.client.size = std::uint64_t{1} << 40U;
    plan.client.write_size = 65'536;
    for (wire_faults* faults : {&plan.to_server, &plan.to_client}) {
        faults->delay = over.round_trip / 2;
        faults->loss = over.loss;
        faults->jitter = over.jitter;
        faults->reorder = over.reorder;
        faults->reorder_by = over.round_trip / 10;
    }
    plan.to_server.rate = over.rate;
    plan.to_server.queue = 2'000'000;
    plan.client_config.congestion = over.control;
    plan.limit = 24h;
    return plan;
}

/// Megabits a second that arrive; and what the sender's counters say.
double goodput(const path& over, tcp_counters* counters = nullptr) {
    tcp_pair pair(plan_of(over));
    const time_point end = pair.now() + over.span;
    EXPECT_EQ(pair.run_until([&] { return pair.now() >= end; }), "");
    if (counters != nullptr) {
        *counters = pair.client().environment.counters;
    }
    const double seconds = std::chrono::duration<double>(over.span).count();
    return static_cast<double>(pair.server().read) * 8e-6 / seconds;
}

double mean_goodput(path over) {
    double sum = 0;
    for (over.seed = 1; over.seed <= 5; ++over.seed) {
        sum += goodput(over);
    }
    return sum / 5;
}

// gVisor: buffers that cannot grow bound a path of 100 ms at their size a round trip.
TEST(TcpComplaints, BuffersGrowWithThePath) {
    EXPECT_GT(goodput({.round_trip = 100ms, .rate = 12.5e6, .span = 6s}), 60.0);
}

// smoltcp without SACK gives 1.0 Mb/s here, gVisor 6.2, Linux with CUBIC 6.8.
TEST(TcpComplaints, ALossIsNotTheEndOfThroughput) {
    EXPECT_GT(mean_goodput({.loss = 0.01}), 6.8);
    EXPECT_GT(mean_goodput({.loss = 0.02}), 4.7);
    EXPECT_GT(mean_goodput({.loss = 0.05}), 2.2);
    EXPECT_GT(mean_goodput({.round_trip = 100ms, .loss = 0.05}), 0.54);
}

// gVisor: RACK took reordering for loss, shrank the window and never gave it back.
TEST(TcpComplaints, ReorderingDoesNotShrinkTheWindowForEver) {
    tcp_counters counters;
    const double rate =
        goodput({.round_trip = 40ms, .rate = 2.5e6, .span = 20s, .reorder = 0.02}, &counters);
    EXPECT_GT(rate, 15.0);
    EXPECT_EQ(counters.retransmission_timeouts, 0U);
}

// gVisor and others: a window that closes and reopens leaves the sender waiting.
TEST(TcpComplaints, ASlowReaderNeverStopsTheStream) {
    tcp_pair::plan plan;
    plan.client.size = 2'000'000;
    plan.server.read_rate = 200'000;
    plan.server_config.receive_buffer = plan.server_config.max_receive_buffer = 10'000;
    plan.limit = 15s;
    tcp_pair pair(plan);
    EXPECT_EQ(pair.run(), "");
}

// mirage-tcpip: a window update that gets lost is the end, for there is no persist timer.
TEST(TcpComplaints, ALostWindowUpdateIsNoDeadlock) {
    tcp_pair::plan plan;
    plan.client.size = 300'000;
    plan.server.read_rate = 100'000;
    plan.server_config.receive_buffer = plan.server_config.max_receive_buffer = 4'000;
    plan.to_client.loss = 0.4;
    plan.limit = 2h;
    tcp_pair pair(plan);
    EXPECT_EQ(pair.run(), "");
}

// smoltcp: a bigger buffer made it slower, because fast retransmit sent all of it again.
TEST(TcpComplaints, OnlyWhatIsLostIsSentAgain) {
    tcp_counters counters;
    goodput({.loss = 0.01}, &counters);
    EXPECT_LT(static_cast<double>(counters.bytes_retransmitted),
              0.02 * static_cast<double>(counters.bytes_sent));
}

// gVisor: a clock of 15 ms, or one that stands still, made RACK declare everything lost.
TEST(TcpComplaints, RetransmissionsDoNotDependOnTheGrainOfTheClock) {
    tcp_counters counters;
    goodput({.round_trip = 1us, .rate = 1e9, .span = 2ms}, &counters);
    EXPECT_EQ(counters.bytes_retransmitted, 0U);
}

// Seen here: the repair of an earlier recovery passed for a needless one of the next.
TEST(TcpComplaints, RealLossesAreNotUndone) {
    tcp_counters counters;
    goodput({.loss = 0.02, .rate = 10e6, .span = 4s, .control = congestion_kind::bbr}, &counters);
    EXPECT_GT(counters.fast_recoveries, 20U);
    EXPECT_LE(counters.undone, counters.fast_recoveries / 20);
}

// mirage-tcpip: the answer to a SYN that is repeated has no options any more, while the side that
// sent it goes on as if it had.
TEST(TcpComplaints, LostHandshakesKeepTheirOptions) {
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
        tcp_pair::plan plan;
        plan.seed = seed;
        plan.client.size = plan.server.size = 100'000;
        plan.to_client.loss = plan.to_server.loss = 0.4;
        plan.limit = 2h;
        tcp_pair pair(plan);
        EXPECT_EQ(pair.run_until([&] { return pair.client().read > 0; }), "");
        if (pair.client().read > 0) {
            EXPECT_TRUE(pair.client().connection->info(pair.now()).selective_ack);
            EXPECT_TRUE(pair.server().connection->info(pair.now()).window_scaling);
        }
    }
}

// mirage-tcpip: a write waits for ever for a peer that is gone.
TEST(TcpComplaints, APeerThatVanishesEndsTheConnection) {
    auto plan = plan_of({.rate = 1e6});
    tcp_pair pair(plan);
    const time_point cut = pair.now() + 1s;
    pair.run_until([&] { return pair.now() >= cut; });
    pair.client().faults.loss = 1;
    pair.run_until([&] { return pair.client().connection->failure().has_value(); });
    EXPECT_EQ(pair.client().connection->failure(), errc::timed_out);
    EXPECT_LE(pair.now() - cut, 6min);
}

// mirage-tcpip: FIN-WAIT-2 ends after ten seconds, although the peer still sends.
TEST(TcpComplaints, AHalfClosedConnectionLivesAsLongAsThePeerSends) {
    EXPECT_EQ(play(opened + R"(
        close
        > F.
        < . seq=1 ack=2
        wait 10h
        < PA seq=1 ack=2 len=10
        > . ack=11
        read 10
    )"),
              "");
}

// mirage-tcpip: of a segment that begins before the next place and ends behind it nothing is taken.
TEST(TcpComplaints, SegmentsThatOverlapAreTrimmed) {
    EXPECT_EQ(play(opened + R"(
        < PA seq=1 ack=1 len=100
        > . ack=101
        < PA seq=51 ack=1 len=100
        > . ack=151
        < PA seq=201 ack=1 len=100
        > . ack=151
        < PA seq=101 ack=1 len=300
        > . ack=401
        read 400
    )"),
              "");
}

// Acknowledgments that are answered with acknowledgments never end.
TEST(TcpComplaints, BothEndsInTimeWaitDoNotAnswerEachOtherForEver) {
    EXPECT_EQ(play(opened + R"(
        close
        > F.
        < FA seq=1 ack=2
        > .
        < . seq=2 ack=2
        > -
        < . seq=1 ack=2
        > -
    )"),
              "");
}

} // namespace
