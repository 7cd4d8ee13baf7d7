// SPDX-License-Identifier: Apache-2.0
// The rules about timestamps and congestion marks, one script each; tcp_script.hpp has the
// language.
#include "tcp_scripts.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace {

using namespace runnel::stack;

// ---- RFC 7323: timestamps

const std::string timed = R"(
    config timestamps on
    config mss 1012
    open
    > S ts=1000
    < SA seq=0 ack=1 mss=1012 ts=100:1000
    > . ts=1000 tsecr=100
)";

TEST(TcpTimestamps, AreEchoedFromTheSegmentThatFillsTheEdge) {
    EXPECT_EQ(play(timed + R"(
        < . seq=1 ack=1 len=1000 ts=110:1000
        > . ack=1001 tsecr=110
        < . seq=2001 ack=1 len=1000 ts=120:1000
        > . ack=1001 tsecr=110
        < . seq=1001 ack=1 len=1000 ts=130:1000
        > . ack=3001 tsecr=130
    )"),
              "");
}

TEST(TcpTimestamps, ProtectAgainstOldSegments) {
    EXPECT_EQ(play(timed + R"(
        < . seq=1 ack=1 len=1000 ts=110:1000
        > . ack=1001
        < . seq=1001 ack=1 len=1000 ts=109:1000
        > . ack=1001
        drops old_timestamp 1
        < . seq=1001 ack=1 ts=90:1000
        > -
        wait 600h
        < . seq=1001 ack=1 len=1000 ts=5:1000
        > . ack=2001
    )"),
              "");
}

TEST(TcpTimestamps, AreNotMissedWhereAPeerLeavesThemOut) {
    EXPECT_EQ(play(timed + R"(
        < . seq=1 ack=1 len=1000
        > . ack=1001
        write 10
        > P.
        < . seq=1001 ack=11
        timer none
    )"),
              "");
}

TEST(TcpTimestamps, AreNotUsedUnlessBothOffer) {
    EXPECT_EQ(play("config timestamps on\nopen\n> S ts=1000\n< SA seq=0 ack=1\n> . ts=none"), "");
    EXPECT_EQ(play("accept\n< S seq=0 ts=5:0\n> S. ts=none"), "");
}

// ---- RFC 3168, 8511: ECN

const std::string marked = R"(
    config ecn on
    open
    > SEW seq=0
    < SAE seq=0 ack=1 mss=1000
    > . seq=1
)";

TEST(TcpEcn, IsOfferedOnceAndEchoed) {
    EXPECT_EQ(play(marked + R"(
        write 1000
        > P. len=1000 ect
        < . seq=1 ack=1001
        < . seq=1 ack=1001 len=100 ce
        > .E ack=101
        < . seq=101 ack=1001 len=100
        > .E ack=201
        < .W seq=201 ack=1001 len=100
        > . ack=301
    )"),
              "");
    EXPECT_EQ(play("config ecn on\nopen\n> SEW\nwait 1s\n> S\n< SAE seq=0 ack=1\n> ."), "");
    EXPECT_EQ(play("config ecn on\naccept\n< SEW seq=0\n> S.E"), "");
}

TEST(TcpEcn, ReducesTheWindowOnceAFlight) {
    EXPECT_EQ(play(marked + R"(
        write 8000
        > . seq=1
        > . seq=1001
        > . seq=2001
        > . seq=3001
        > . seq=4001
        > . seq=5001
        > . seq=6001
        > P. seq=7001
        < .E seq=1 ack=1001
        counter cwnd 5600
        < .E seq=1 ack=2001
        counter cwnd 5600
        < . seq=1 ack=8001
        write 1000
        > P.W seq=8001 ect
    )"),
              "");
}

} // namespace
