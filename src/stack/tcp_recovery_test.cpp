// SPDX-License-Identifier: Apache-2.0
// The rules about what is lost, late, or seems so, one script each; tcp_script.hpp has the
// language.
#include "tcp_scripts.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace {

using namespace runnel::stack;

// ---- RFC 6298

TEST(TcpTimeouts, DoubleAndStartAgain) {
    EXPECT_EQ(play(opened + warm + R"(
        write 1000
        > P. seq=1001 len=1000
        timer 300ms
        wait 300ms
        > . seq=1001 len=1000
        timer 600ms
        wait 600ms
        > . seq=1001 len=1000
        wait 1200ms
        > . seq=1001 len=1000
        counter timeouts 3
        counter cwnd 1000
        wait 100ms
        < . seq=1 ack=2001
        timer none
    )"),
              "");
}

TEST(TcpTimeouts, GiveUpAfterTheUserTimeout) {
    EXPECT_EQ(play("config user_timeout 10s\n" + opened + R"(
        write 10
        > P.
        wait 9s
        > .
        > .
        > .
        wait 1s
        failure timed_out
        events sent ended
        > -
    )"),
              "");
}

TEST(TcpTimeouts, SendEverythingLostAgainInSlowStart) {
    EXPECT_EQ(play(opened + warm + R"(
        write 4000
        > . seq=1001
        > . seq=2001
        > . seq=3001
        > P. seq=4001
        wait 300ms
        > . seq=1001
        > -
        < . seq=1 ack=2001
        > . seq=2001
        > . seq=3001
        < . seq=1 ack=4001
        > . seq=4001
    )"),
              "");
}

// ---- RFC 5681, 6582: recovery without SACK

TEST(TcpNewReno, RecoversOneHoleAnAcknowledgment) {
    EXPECT_EQ(play(opened + warm + R"(
        write 8000
        > . seq=1001
        > . seq=2001
        > . seq=3001
        > . seq=4001
        > . seq=5001
        > . seq=6001
        > . seq=7001
        > P. seq=8001
        < . seq=1 ack=2001
        < . seq=1 ack=2001
        < . seq=1 ack=2001
        > -
        < . seq=1 ack=2001
        > . seq=2001 len=1000
        < . seq=1 ack=2001
        < . seq=1 ack=5001
        > . seq=5001 len=1000
        < . seq=1 ack=9001
        counter recoveries 1
        counter timeouts 0
        timer none
    )"),
              "");
}

// RFC 3042
TEST(TcpNewReno, SendsNewDataOnTheFirstTwoDuplicates) {
    EXPECT_EQ(play("config window 4\n" + opened + R"(
        write 8000
        > . seq=1
        > . seq=1001
        > . seq=2001
        > . seq=3001
        < . seq=1 ack=1
        > . seq=4001
        < . seq=1 ack=1
        > . seq=5001
        < . seq=1 ack=1
        > . seq=1 len=1000
    )"),
              "");
}

// ---- RFC 8985, 6675, 6937

TEST(TcpRack, RepairsWhatThreeSegmentsPassed) {
    EXPECT_EQ(play(with_sack + warm + R"(
        write 6000
        > . seq=1001
        > . seq=2001
        > . seq=3001
        > . seq=4001
        > . seq=5001
        > P. seq=6001
        wait 100ms
        < . seq=1 ack=1001 sack=2001-3001
        > -
        < . seq=1 ack=1001 sack=2001-4001
        > -
        < . seq=1 ack=1001 sack=2001-5001
        > . seq=1001 len=1000
        counter recoveries 1
        < . seq=1 ack=7001
        counter timeouts 0
    )"),
              "");
}

TEST(TcpRack, WaitsForTheReorderingWindowAndThenRepairs) {
    EXPECT_EQ(play(with_sack + warm + R"(
        write 3000
        > . seq=1001
        > . seq=2001
        > P. seq=3001
        wait 100ms
        < . seq=1 ack=1001 sack=2001-3001
        > -
        timer 25ms
        wait 25ms
        > . seq=1001 len=1000
    )"),
              "");
}

TEST(TcpRack, WorksWithAClockThatHardlyMoves) {
    EXPECT_EQ(play(with_sack + R"(
        write 6000
        > . seq=1
        > . seq=1001
        > . seq=2001
        > . seq=3001
        > . seq=4001
        > P. seq=5001
        < . seq=1 ack=1 sack=1001-4001
        > . seq=1 len=1000
        counter recoveries 1
        < . seq=1 ack=6001
        timer none
    )"),
              "");
}

TEST(TcpRack, ProbesTheTail) {
    EXPECT_EQ(play(with_sack + warm + R"(
        write 3000
        > . seq=1001
        > . seq=2001
        > P. seq=3001
        timer 200ms
        wait 200ms
        > . seq=3001 len=1000
        counter probes 1
        wait 100ms
        < . seq=1 ack=1001 sack=3001-4001
        > . seq=1001
        < . seq=1 ack=2001 sack=3001-4001
        > . seq=2001
        < . seq=1 ack=4001
        counter timeouts 0
    )"),
              "");
}

TEST(TcpRack, RetransmitsOnlyWhatIsMissing) {
    EXPECT_EQ(play("config gso 60000\n" + with_sack + warm + R"(
        write 8000
        > . seq=1001 len=2000
        > . seq=3001 len=2000
        > . seq=5001 len=2000
        > P. seq=7001 len=2000
        wait 100ms
        < . seq=1 ack=1001 sack=2001-4001,5001-9001
        > . seq=1001 len=1000
        < . seq=1 ack=4001 sack=5001-9001
        > . seq=4001 len=1000
        < . seq=1 ack=9001
        timer none
    )"),
              "");
}

TEST(TcpRack, SurvivesAPeerThatForgets) {
    EXPECT_EQ(play(with_sack + warm + R"(
        write 4000
        > . seq=1001
        > . seq=2001
        > . seq=3001
        > P. seq=4001
        wait 100ms
        < . seq=1 ack=1001 sack=2001-5001
        > . seq=1001
        < . seq=1 ack=2001
        wait 300ms
        > . seq=2001
        counter reneged 1
        < . seq=1 ack=3001
        > . seq=3001
        > . seq=4001
        < . seq=1 ack=5001
        timer none
    )"),
              "");
}

// ---- RFC 4015, 3522, 3708, 5682: what was needless is undone

TEST(TcpUndo, NoticesALateOriginalByItsTimestamp) {
    EXPECT_EQ(play(R"(
        config timestamps on
        config sack on
        open
        > S ts=1000
        < SA seq=0 ack=1 mss=1012 sackok ts=1:1000
        > . ts=1000 tsecr=1
        write 1000
        > P. seq=1 len=988
    )")
                  .empty(),
              false);
    EXPECT_EQ(play(R"(
        config timestamps on
        config mss 1012
        config gso 1000
        open
        > S ts=1000
        < SA seq=0 ack=1 mss=1012 ts=1:1000
        > . ts=1000 tsecr=1
        write 4000
        > . seq=1 len=1000 ts=1000
        > . seq=1001
        > . seq=2001
        > P. seq=3001
        wait 1s
        > . seq=1 len=1000 ts=2000
        counter cwnd 1000
        < . seq=1 ack=1001 ts=900:1000
        counter undone 1
        counter cwnd 11000
        > -
        < . seq=1 ack=4001 ts=901:1000
        timer none
    )"),
              "");
}

TEST(TcpUndo, NoticesThatAllRetransmissionsWereDuplicates) {
    EXPECT_EQ(play(with_sack + warm + R"(
        write 6000
        > . seq=1001
        > . seq=2001
        > . seq=3001
        > . seq=4001
        > . seq=5001
        > P. seq=6001
        wait 100ms
        < . seq=1 ack=1001 sack=2001-5001
        > . seq=1001
        < . seq=1 ack=7001
        counter undone 0
        < . seq=1 ack=7001 sack=1001-2001
        counter undone 1
    )"),
              "");
}

TEST(TcpUndo, NoticesANeedlessTimeoutByNewData) {
    EXPECT_EQ(play(with_sack + warm + R"(
        write 3000
        > . seq=1001
        > . seq=2001
        > P. seq=3001
        wait 200ms
        > . seq=3001
        wait 300ms
        > . seq=1001
        write 4000
        < . seq=1 ack=2001
        > . seq=4001
        > . seq=5001
        < . seq=1 ack=3001
        counter undone 1
        > . seq=6001
        > P. seq=7001
    )"),
              "");
}

} // namespace
