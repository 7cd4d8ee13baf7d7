// SPDX-License-Identifier: Apache-2.0
// The rules about opening and closing a connection, and about who tries to do it for others, one
// script each; tcp_script.hpp has the language.
#include "tcp_scripts.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace {

using namespace runnel::stack;

// ---- RFC 9293 3.5: opening

TEST(TcpOpening, ShakesHandsActively) {
    EXPECT_EQ(play(opened + "state ESTABLISHED\ntimer none"), "");
}

TEST(TcpOpening, ShakesHandsPassively) {
    EXPECT_EQ(play(R"(
        accept
        < S seq=0 mss=700 ws=7
        > S. seq=0 ack=1 mss=1000 ws=none
        state SYN-RECEIVED
        < . seq=1 ack=1
        state ESTABLISHED
        events connected
        write 1400
        > . seq=1 len=700
        > P. seq=701 len=700
    )"),
              "");
}

TEST(TcpOpening, CrossesWithThePeers) {
    EXPECT_EQ(play(R"(
        open
        > S seq=0
        < S seq=0 mss=1000
        > S. seq=0 ack=1
        state SYN-RECEIVED
        < SA seq=0 ack=1 mss=1000
        state ESTABLISHED
        events connected
    )"),
              "");
}

TEST(TcpOpening, RepeatsTheSynWithAllOptionsAndGivesUp) {
    EXPECT_EQ(play(R"(
        config sack on
        config scaling on
        config receive_buffer 100000
        config max_receive_buffer 1000000
        open
        > S seq=0 mss=1000 sackok ws=4
        wait 1s
        > S seq=0 mss=1000 sackok ws=4
        wait 2s
        > S seq=0 mss=1000 sackok ws=4 win=65535
        timer 4s
        wait 60s
        > S
        > S
        > S
        wait 100s
        > S
        events ended
        failure timed_out
        state CLOSED
    )"),
              "");
}

TEST(TcpOpening, RepeatsTheSynAckWithAllOptions) {
    EXPECT_EQ(play(R"(
        config sack on
        accept
        < S seq=0 mss=700 sackok
        > S. seq=0 ack=1 mss=1000 sackok
        wait 1s
        > S. seq=0 ack=1 mss=1000 sackok
        < S seq=0 mss=700 sackok
        > S. seq=0 ack=1 mss=1000 sackok
        < . seq=1 ack=1
        state ESTABLISHED
    )"),
              "");
}

TEST(TcpOpening, IsRefusedByAResetThatAcknowledgesTheSyn) {
    EXPECT_EQ(play(R"(
        open
        > S seq=0
        < R seq=0
        state SYN-SENT
        < RA seq=0 ack=77
        state SYN-SENT
        < RA seq=0 ack=1
        events ended
        failure refused
    )"),
              "");
}

TEST(TcpOpening, ResetsAStrangersAcknowledgment) {
    EXPECT_EQ(play(R"(
        open
        > S seq=0
        < SA seq=0 ack=500
        > R seq=500
        state SYN-SENT
        < . seq=0 ack=9
        > R seq=9
        < SA seq=0 ack=1
        > . seq=1 ack=1
    )"),
              "");
}

TEST(TcpOpening, ResetsAWrongAcknowledgmentOfItsSynAck) {
    EXPECT_EQ(play(R"(
        accept
        < S seq=0
        > S. seq=0 ack=1
        < . seq=1 ack=5
        > R seq=5
        state SYN-RECEIVED
    )"),
              "");
}

TEST(TcpOpening, KeepsWhatTheProgramDidBefore) {
    EXPECT_EQ(play(R"(
        open
        > S seq=0
        write 10
        close
        < SA seq=0 ack=1
        > F. seq=1 len=10
        state FIN-WAIT-1
    )"),
              "");
}

TEST(TcpOpening, TakesDataOfTheSynAckAndOfTheThirdSegment) {
    EXPECT_EQ(play("accept\n< S seq=0\n> S.\n< PA seq=1 ack=1 len=10\n> . ack=11\nread 10"), "");
}

TEST(TcpOpening, EndsOnAHardIcmpErrorOnlyForItsOwnSyn) {
    EXPECT_EQ(play(R"(
        open
        > S
        icmp unreachable 5
        state SYN-SENT
        icmp unreachable 0
        failure unreachable
    )"),
              "");
    EXPECT_EQ(play(opened + "write 10\n> P.\nicmp unreachable 1\nstate ESTABLISHED"), "");
}

// RFC 7323 2.2
TEST(TcpOpening, DoesNotScaleTheWindowOfASyn) {
    EXPECT_EQ(play(R"(
        config scaling on
        config receive_buffer 300000
        config max_receive_buffer 300000
        open
        > S win=65535 ws=3
        < SA seq=0 ack=1 mss=1000 win=500 ws=2
        > . ack=1 win=37500
        write 1000
        > . seq=1 len=500
        < . seq=1 ack=501 win=500
        > P. seq=501 len=500
    )"),
              "");
}

// ---- RFC 9293 3.6: closing

TEST(TcpClosing, GoesThroughFinWaitToTimeWait) {
    EXPECT_EQ(play(opened + R"(
        close
        > F. seq=1
        state FIN-WAIT-1
        < . seq=1 ack=2
        state FIN-WAIT-2
        events acknowledged
        < PA seq=1 ack=2 len=100
        events readable
        read 100
        > . ack=101
        < FA seq=101 ack=2
        > . seq=2 ack=102
        state TIME-WAIT
        events finished ended
        < FA seq=101 ack=2
        > . seq=2 ack=102
        timer 60s
        wait 60s
        state CLOSED
        failure none
    )"),
              "");
}

TEST(TcpClosing, GoesThroughCloseWaitToLastAck) {
    EXPECT_EQ(play(opened + R"(
        < FA seq=1 ack=1
        > . seq=1 ack=2
        state CLOSE-WAIT
        events finished
        write 10
        > P. seq=1 len=10
        close
        > F. seq=11
        state LAST-ACK
        < . seq=2 ack=12
        state CLOSED
        failure none
        timer none
    )"),
              "");
}

TEST(TcpClosing, CrossesWithThePeers) {
    EXPECT_EQ(play(opened + R"(
        close
        > F. seq=1
        < FA seq=1 ack=1
        > . seq=2 ack=2
        state CLOSING
        < . seq=2 ack=2
        state TIME-WAIT
        failure none
    )"),
              "");
}

TEST(TcpClosing, TakesAFinThatAcknowledgesOurs) {
    EXPECT_EQ(play(opened + "close\n> F. seq=1\n< FA seq=1 ack=2\n> . ack=2\nstate TIME-WAIT"), "");
}

TEST(TcpClosing, SendsTheFinAgain) {
    EXPECT_EQ(play(opened + R"(
        close
        > F. seq=1
        wait 1s
        > F. seq=1
        wait 2s
        > F. seq=1
    )"),
              "");
}

TEST(TcpClosing, HoldsAnEarlyFinUntilTheHoleIsFilled) {
    EXPECT_EQ(play(opened + R"(
        < FA seq=101 ack=1 len=50
        > . ack=1
        state ESTABLISHED
        < . seq=1 ack=1 len=100
        > . ack=152
        state CLOSE-WAIT
        read 150
    )"),
              "");
}

TEST(TcpClosing, RefusesDataBehindTheEnd) {
    EXPECT_EQ(play(opened + R"(
        < FA seq=1 ack=1 len=10
        > . ack=12
        < PA seq=12 ack=1 len=10
        > . ack=12
        drops after_end 1
        read 10
    )"),
              "");
}

TEST(TcpClosing, WaitsForAPeerThatStaysHalfOpenUnlessNobodyReads) {
    EXPECT_EQ(play(opened + R"(
        close
        > F.
        < . seq=1 ack=2
        timer none
        wait 10h
        state FIN-WAIT-2
        orphan
        wait 60s
        failure timed_out
    )"),
              "");
}

TEST(TcpClosing, AbortsWithAReset) {
    EXPECT_EQ(play(opened + "abort\n> R. seq=1 ack=1\nfailure aborted\nevents ended"), "");
    EXPECT_EQ(play("open\n> S\nabort\n> -\nfailure aborted"), "");
}

// RFC 1337
TEST(TcpClosing, SurvivesAResetInTimeWait) {
    EXPECT_EQ(play(opened + R"(
        close
        > F.
        < FA seq=1 ack=2
        > .
        < R seq=2
        > -
        state TIME-WAIT
    )"),
              "");
}

// ---- RFC 5961

TEST(TcpAttacks, TakesOnlyAnExactReset) {
    EXPECT_EQ(play(opened + R"(
        < R seq=500
        > . seq=1 ack=1
        state ESTABLISHED
        < R seq=50000
        > -
        < R seq=0
        > -
        < R seq=1
        failure reset
        events ended
    )"),
              "");
}

TEST(TcpAttacks, ChallengesASynInsteadOfObeyingIt) {
    EXPECT_EQ(play(opened + R"(
        < S seq=1
        > . seq=1 ack=1
        < SA seq=500 ack=1
        > . seq=1 ack=1
        < S seq=90000
        > . seq=1 ack=1
        state ESTABLISHED
        counter challenges 3
    )"),
              "");
}

TEST(TcpAttacks, ChallengesImpossibleAcknowledgments) {
    EXPECT_EQ(play(opened + R"(
        < PA seq=1 ack=2 len=10
        > . ack=1
        < PA seq=1 ack=-70000 len=10
        > . ack=1
        drops bad_ack 2
        read 0
    )"),
              "");
}

TEST(TcpAttacks, TakesDataWithAnOldButPossibleAcknowledgment) {
    EXPECT_EQ(play(opened + R"(
        write 100
        > P. seq=1 len=100
        < . seq=1 ack=101
        < PA seq=1 ack=51 len=10
        > . ack=11
        read 10
    )"),
              "");
}

TEST(TcpAttacks, LimitsChallenges) {
    std::string script = opened;
    for (int i = 0; i < 30; ++i) {
        script += "< S seq=9\n";
    }
    for (int i = 0; i < 10; ++i) {
        script += "> .\n";
    }
    EXPECT_EQ(play(script + "> -\ncounter withheld 20\nwait 1s\n< S seq=9\n> ."), "");
}

} // namespace
