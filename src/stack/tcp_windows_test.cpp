// SPDX-License-Identifier: Apache-2.0
// The rules about windows, small segments and acknowledgments, one script each; tcp_script.hpp has
// the language.
#include "tcp_scripts.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace {

using namespace runnel::stack;

// ---- RFC 9293 3.8.6: windows

TEST(TcpWindows, AreProbedWhenClosed) {
    EXPECT_EQ(play(opened + R"(
        write 100
        > P. seq=1 len=100
        wait 100ms
        < . seq=1 ack=101 win=0
        events sent acknowledged
        write 100
        > -
        timer 300ms
        wait 300ms
        > . seq=100 len=0
        < . seq=1 ack=101 win=0
        wait 600ms
        > . seq=100 len=0
        < . seq=1 ack=101 win=0
        wait 1200ms
        > . seq=100
        < . seq=1 ack=101 win=1000
        > P. seq=101 len=100
    )"),
              "");
}

TEST(TcpWindows, KeepAConnectionOpenWhileProbesAreAnswered) {
    std::string script = "config user_timeout 3min\n" + opened +
                         "write 100\n> P.\nwait 100ms\n< . seq=1 ack=101 win=0\nwrite 100\n";
    int wait = 300;
    for (int i = 0; i < 100; ++i, wait = std::min(2 * wait, 60'000)) {
        script += "wait " + std::to_string(wait) + "ms\n> .\n< . seq=1 ack=101 win=0\n";
    }
    script += "state ESTABLISHED\nwait 1h\nfailure timed_out\n> .\n> .";
    EXPECT_EQ(play(script), "");
}

TEST(TcpWindows, AnswerAProbeOfTheirOwn) {
    EXPECT_EQ(play("config receive_buffer 1000\nconfig max_receive_buffer 1000\n" + opened + R"(
        < PA seq=1 ack=1 len=1000
        > . ack=1001 win=0
        < . seq=1000 ack=1
        > . ack=1001 win=0
        < PA seq=1001 ack=1 len=1
        > . ack=1001 win=0
        drops outside_window 2
        read 1000
        > . ack=1001 win=1000
    )"),
              "");
}

TEST(TcpWindows, AcceptABareFinWhenClosed) {
    EXPECT_EQ(play("config receive_buffer 1000\nconfig max_receive_buffer 1000\n" + opened + R"(
        < PA seq=1 ack=1 len=1000
        > . ack=1001 win=0
        < FA seq=1001 ack=1
        > . ack=1002
        state CLOSE-WAIT
        read 1000
    )"),
              "");
}

TEST(TcpWindows, OpenByASegmentAtLeast) {
    EXPECT_EQ(play("config receive_buffer 4000\nconfig max_receive_buffer 4000\n" + opened + R"(
        < . seq=1 ack=1 len=1000
        > . ack=1001 win=3000
        < . seq=1001 ack=1 len=1000
        > . ack=2001 win=2000
        < . seq=2001 ack=1 len=1000
        > . ack=3001 win=1000
        < . seq=3001 ack=1 len=1000
        > . ack=4001 win=0
        read 4000
        > . ack=4001 win=4000
    )"),
              "");
}

TEST(TcpWindows, AreNeverTakenFromAnOlderSegment) {
    EXPECT_EQ(play(opened + R"(
        < . seq=101 ack=1 win=100
        < . seq=1 ack=1 win=50
        write 100
        > P. seq=1 len=100
    )"),
              "");
}

TEST(TcpWindows, ThatShrinkAreRespected) {
    EXPECT_EQ(play(opened + R"(
        write 3000
        > . seq=1 len=1000
        > . seq=1001 len=1000
        > P. seq=2001 len=1000
        < . seq=1 ack=1001 win=0
        wait 200ms
        > . seq=1001 len=1000
        wait 400ms
        > . seq=1001 len=1000
        < . seq=1 ack=2001 win=1000
        > . seq=2001 len=1000
    )"),
              "");
}

TEST(TcpWindows, SmallerThanASegmentAreUsedInHalvesOrAfterATime) {
    EXPECT_EQ(play(R"(
        open
        > S
        < SA seq=0 ack=1 mss=1000 win=600
        > .
        write 2000
        > . seq=1 len=600
        < . seq=1 ack=601 win=100
        > -
        timer 200ms
        wait 200ms
        > . seq=601 len=100
    )"),
              "");
}

// ---- RFC 9293 3.7.4, 3.8.6.3: Nagle, cork, delayed acknowledgments

TEST(TcpSmallSegments, WaitForAnAcknowledgment) {
    EXPECT_EQ(play(opened + R"(
        write 10
        > P. seq=1 len=10
        write 10
        write 10
        > -
        < . seq=1 ack=11
        > P. seq=11 len=20
        write 1500
        > . seq=31 len=1000
        < . seq=1 ack=1031
        > P. seq=1031 len=500
    )"),
              "");
}

TEST(TcpSmallSegments, DoNotWaitWithoutDelayOrWhenPushed) {
    EXPECT_EQ(play(opened + R"(
        write 10
        > P. seq=1 len=10
        write 10
        > -
        push
        > P. seq=11 len=10
        nodelay
        write 10
        > P. seq=21 len=10
    )"),
              "");
}

TEST(TcpSmallSegments, AreHeldBackByACork) {
    EXPECT_EQ(play(opened + R"(
        cork
        write 10
        > -
        write 1000
        > . seq=1 len=1000
        uncork
        < . seq=1 ack=1001
        > P. seq=1001 len=10
    )"),
              "");
}

TEST(TcpSmallSegments, LeaveWithTheFin) {
    EXPECT_EQ(play(opened + "write 10\n> P.\nwrite 10\nclose\n> F. seq=11 len=10"), "");
}

TEST(TcpAcks, AreQuickAtFirstAndThenDelayed) {
    std::string script = opened;
    int place = 1;
    for (int i = 0; i < 16; ++i, place += 1000) {
        script += "< . seq=" + std::to_string(place) +
                  " ack=1 len=1000\n> . ack=" + std::to_string(place + 1000) + "\nread 1000\n";
    }
    const auto segment = [&] {
        const std::string text =
            "< . seq=" + std::to_string(place) + " ack=1 len=1000\nread 1000\n";
        place += 1000;
        return text;
    };
    script += segment();
    script += "> -\ntimer 40ms\n";
    script += segment();
    script += "> . ack=18001\n";
    script += segment();
    script += "> -\nwait 40ms\n> . ack=19001\n";
    script += segment();
    script += "write 10\n> P. ack=20001 len=10\ntimer 1s";
    EXPECT_EQ(play(script), "");
}

TEST(TcpAcks, AreSentAtOnceForWhatIsOutOfOrder) {
    EXPECT_EQ(play(with_sack + R"(
        < . seq=1001 ack=1 len=1000
        > . ack=1 sack=1001-2001
        < . seq=3001 ack=1 len=1000
        > . ack=1 sack=3001-4001,1001-2001
        < . seq=1 ack=1 len=1000
        > . ack=2001 sack=3001-4001
        < . seq=2001 ack=1 len=1000
        > . ack=4001 nosack
        read 4000
    )"),
              "");
}

// RFC 2883
TEST(TcpAcks, ReportDuplicates) {
    EXPECT_EQ(play(with_sack + R"(
        < . seq=1 ack=1 len=1000
        > . ack=1001
        < . seq=1 ack=1 len=1000
        > . ack=1001 sack=1-1001
        < . seq=2001 ack=1 len=1000
        > . ack=1001 sack=2001-3001
        < . seq=2501 ack=1 len=100
        > . ack=1001 sack=2501-2601,2001-3001
    )"),
              "");
}

// ---- keepalive (RFC 9293 3.8.4)

TEST(TcpKeepalive, ProbesAndGivesUp) {
    EXPECT_EQ(play(R"(
        config keepalive 10s
        config keepalive_interval 2s
        config keepalive_count 3
        open
        > S
        < SA seq=0 ack=1
        > .
        timer 10s
        wait 10s
        > . seq=0 len=0
        < . seq=1 ack=1
        timer 10s
        wait 10s
        > . seq=0
        wait 2s
        > . seq=0
        wait 2s
        > . seq=0
        wait 2s
        > R.
        failure timed_out
    )"),
              "");
}

TEST(TcpKeepalive, IsOffUnlessAsked) {
    EXPECT_EQ(play(opened + "wait 1000h\n> -\nstate ESTABLISHED"), "");
}

// ---- path MTU

TEST(TcpPathMtu, IsBelievedForWhatIsInFlightAndIsNoCongestion) {
    EXPECT_EQ(play(opened + R"(
        write 2000
        > . seq=1 len=1000
        > P. seq=1001 len=1000
        icmp too_big 5000 500
        > -
        icmp too_big 1 500
        > . seq=1 len=1000 gso=500
        > . seq=1001 len=1000 gso=500
        counter cwnd 10000
        < . seq=1 ack=2001
    )"),
              "");
}

} // namespace
