// SPDX-License-Identifier: Apache-2.0
#include "runnel/stack/listen_queue.hpp"
#include "runnel/stack/time_wait_table.hpp"

#include <gtest/gtest.h>

#include <set>
#include <vector>

namespace {

using namespace runnel;
using namespace runnel::stack;
using namespace std::chrono_literals;
using verdict = listen_queue::verdict;

constexpr siphash_key secret{1, 2};
constexpr time_point start{1000s};

tcp_key key_of(std::uint32_t peer, std::uint16_t port = 5000) {
    return {ip_endpoint(ipv4_address(10, 0, 0, 1), 80), ip_endpoint(ipv4_address(peer), port)};
}

struct listening {
    explicit listening(listen_queue::options how) : queue(environment, numbers, secret, how) {}

    listen_queue::outcome receive(const tcp_key& key, const tcp_header& header,
                                  time_point now = start) {
        return queue.receive(key, header, header.length(0), std::nullopt, out, now);
    }

    tcp_environment environment;
    isn_source numbers{secret};
    listen_queue queue;
    tcp_header out;
};

tcp_header syn(std::uint32_t number = 7000) {
    tcp_header header;
    header.control = tcp_control::syn;
    header.acknowledges = false;
    header.number = sequence(number);
    header.window = 4000;
    header.syn.max_segment_size = 1450;
    header.syn.window_scale = std::uint8_t{9};
    header.syn.sack_permitted = true;
    header.timestamps = tcp_timestamps{555, 0};
    header.ece = header.cwr = true;
    return header;
}

tcp_header third(const tcp_header& syn_ack, std::uint32_t number = 7001) {
    tcp_header header;
    header.number = sequence(number);
    header.ack = syn_ack.number + 1;
    header.window = 10;
    if (syn_ack.timestamps) {
        header.timestamps = tcp_timestamps{600, syn_ack.timestamps->value};
    }
    return header;
}

TEST(ListenQueue, AgreesOnWhatBothOffer) {
    listening one({});
    EXPECT_EQ(one.receive(key_of(1), syn()).what, verdict::reply);
    EXPECT_TRUE(one.out.is_syn() && one.out.acknowledges && one.out.ece && !one.out.cwr);
    EXPECT_EQ(one.out.ack, sequence(7001));
    EXPECT_EQ(one.out.timestamps->echo, 555U);
    const auto opened = one.receive(key_of(1), third(one.out));
    ASSERT_EQ(opened.what, verdict::opened);
    EXPECT_EQ(opened.handshake.peer_window, 10U << 9U);
    EXPECT_EQ(opened.handshake.peer_segment_size, 1450);
    EXPECT_TRUE(opened.handshake.selective_ack && opened.handshake.timestamps &&
                opened.handshake.ecn);
    EXPECT_EQ(one.queue.size(), 0U);
}

TEST(ListenQueue, RepeatsItsAnswerAndForgets) {
    listening one({.retries = 2});
    one.receive(key_of(1), syn());
    const tcp_header first = one.out;
    tcp_key key;
    EXPECT_EQ(one.queue.deadline(), start + 1s);
    EXPECT_FALSE(one.queue.on_timer(key, one.out, start + 999ms));
    EXPECT_TRUE(one.queue.on_timer(key, one.out, start + 1s));
    EXPECT_EQ(one.out.syn, first.syn);
    EXPECT_EQ(key, key_of(1));
    EXPECT_TRUE(one.queue.on_timer(key, one.out, start + 3s));
    EXPECT_FALSE(one.queue.on_timer(key, one.out, start + 7s));
    EXPECT_EQ(one.queue.size(), 0U);
    EXPECT_EQ(one.queue.deadline(), never);
}

TEST(ListenQueue, TakesOnlyAnExactResetAndTheRightAcknowledgment) {
    listening one({});
    one.receive(key_of(1), syn());
    tcp_header wrong = third(one.out);
    wrong.ack += 5;
    EXPECT_EQ(one.receive(key_of(1), wrong).what, verdict::reply);
    EXPECT_TRUE(one.out.is_reset());
    EXPECT_EQ(one.out.number, wrong.ack);
    tcp_header reset;
    reset.control = tcp_control::reset;
    reset.number = sequence(7500);
    one.receive(key_of(1), reset);
    EXPECT_EQ(one.queue.size(), 1U);
    reset.number = sequence(7001);
    one.receive(key_of(1), reset);
    EXPECT_EQ(one.queue.size(), 0U);
}

// RFC 4987 3.6
TEST(ListenQueue, AnswersAFloodWithCookiesAndServesWhoComesBack) {
    listening one({.backlog = 100});
    for (std::uint32_t i = 0; i < 100'000; ++i) {
        one.receive(key_of(i), syn(i));
    }
    EXPECT_EQ(one.queue.size(), 100U);
    EXPECT_LE(one.queue.footprint(), 32'768U);
    EXPECT_EQ(one.environment.counters.cookies_sent, 99'900U);
    EXPECT_EQ(one.receive(key_of(0x0a00'0005), syn()).what, verdict::reply);
    const auto opened = one.receive(key_of(0x0a00'0005), third(one.out), start + 60s);
    ASSERT_EQ(opened.what, verdict::opened);
    EXPECT_EQ(opened.handshake.peer_segment_size, 1440);
    EXPECT_EQ(opened.handshake.peer_scale, 9);
    EXPECT_TRUE(opened.handshake.selective_ack && opened.handshake.ecn);
    EXPECT_EQ(opened.handshake.remote_first, sequence(7000));
}

TEST(ListenQueue, RefusesCookiesThatAreOldForgedOrSomebodyElses) {
    listening one({.backlog = 0});
    one.receive(key_of(1), syn());
    const tcp_header answer = third(one.out);
    EXPECT_EQ(one.receive(key_of(2), answer).what, verdict::reply);
    EXPECT_TRUE(one.out.is_reset());
    EXPECT_EQ(one.receive(key_of(1), answer, start + 200s).what, verdict::reply);
    tcp_header forged = answer;
    forged.ack += 16;
    EXPECT_EQ(one.receive(key_of(1), forged).what, verdict::reply);
    forged = answer;
    forged.number += 1;
    EXPECT_EQ(one.receive(key_of(1), forged).what, verdict::reply);
    EXPECT_EQ(one.environment.counters.drops(tcp_drop::bad_cookie), 4U);
    EXPECT_EQ(one.receive(key_of(1), answer).what, verdict::opened);
}

TEST(ListenQueue, LeavesTheTimestampOfACookieBehindTheClock) {
    listening one({.backlog = 0});
    for (auto now = start; now < start + 100ms; now += 1ms) {
        one.receive(key_of(1), syn(), now);
        const std::uint32_t clock = timestamp_clock(now) + one.numbers.timestamp_offset(key_of(1));
        EXPECT_LT(clock - one.out.timestamps->value, 64U);
    }
}

TEST(ListenQueue, WaitsForTheProgramWhereThatDecides) {
    listening one({.deferred = true});
    EXPECT_EQ(one.receive(key_of(1), syn()).what, verdict::held);
    EXPECT_EQ(one.receive(key_of(1), syn()).what, verdict::drop);
    EXPECT_EQ(one.receive(key_of(2), syn()).what, verdict::held);
    EXPECT_TRUE(one.queue.accept(key_of(1), one.out, start));
    EXPECT_TRUE(one.out.is_syn());
    EXPECT_EQ(one.receive(key_of(1), third(one.out)).what, verdict::opened);
    EXPECT_TRUE(one.queue.refuse(key_of(2), one.out));
    EXPECT_TRUE(one.out.is_reset());
    EXPECT_EQ(one.out.ack, sequence(7001));
    EXPECT_FALSE(one.queue.refuse(key_of(2), one.out));
    EXPECT_EQ(one.queue.size(), 0U);
}

TEST(ListenQueue, OpensAConnectionThatTakesTheThirdSegmentWithItsData) {
    listening one({.backlog = 0});
    one.receive(key_of(1), syn());
    const tcp_header answer = third(one.out);
    const auto opened = one.receive(key_of(1), answer);
    tcp_connection connection(one.environment, 80, 5000, sequence(0), 0);
    connection.resume(opened.handshake, start);
    connection.receive(answer, buffer::copy_of(std::string_view("hello")), {}, start);
    EXPECT_EQ(connection.state(), tcp_state::established);
    EXPECT_EQ(connection.read(start).view(), "hello");
}

// ---- TIME-WAIT

time_wait_entry waiting() {
    time_wait_entry entry;
    entry.next = sequence(100);
    entry.expected = sequence(200);
    entry.peer_timestamp = 50;
    entry.timestamps = true;
    return entry;
}

TEST(TimeWaitTable, AnswersForTheConnectionUntilItsTimeIsOver) {
    time_wait_table table(secret, 60s, 1000);
    table.add(key_of(1), waiting(), start);
    table.add(key_of(2), waiting(), start + 10s);
    EXPECT_EQ(table.deadline(), start + 60s);
    tcp_header fin;
    fin.control = tcp_control::fin;
    fin.number = sequence(199);
    tcp_header answer;
    const auto got = table.receive(key_of(1), fin, 1, answer, start + 50s);
    EXPECT_EQ(got->verdict, time_wait_entry::verdict::acknowledge);
    EXPECT_EQ(answer.ack, sequence(200));
    EXPECT_EQ(answer.timestamps->echo, 50U);
    EXPECT_FALSE(table.receive(key_of(3), fin, 1, answer, start));
    table.expire(start + 70s);
    EXPECT_TRUE(table.contains(key_of(1))); // its peer's FIN came again
    EXPECT_FALSE(table.contains(key_of(2)));
    table.expire(start + 110s);
    EXPECT_EQ(table.size(), 0U);
    EXPECT_EQ(table.deadline(), never);
}

// RFC 6191
TEST(TimeWaitTable, LetsANewConnectionInWhenItsClockOrPlaceIsLater) {
    time_wait_table table(secret, 60s, 1000);
    tcp_header answer;
    tcp_header again = syn(10);
    again.timestamps->value = 49;
    table.add(key_of(1), waiting(), start);
    EXPECT_EQ(table.receive(key_of(1), again, 1, answer, start)->verdict,
              time_wait_entry::verdict::acknowledge);
    again.timestamps->value = 51;
    const auto got = table.receive(key_of(1), again, 1, answer, start);
    EXPECT_EQ(got->verdict, time_wait_entry::verdict::reopen);
    EXPECT_GT(got->next, sequence(100 + 65'535));
    EXPECT_FALSE(table.contains(key_of(1)));
    again.timestamps.reset();
    time_wait_entry plain = waiting();
    plain.timestamps = false;
    table.add(key_of(1), plain, start);
    EXPECT_EQ(table.receive(key_of(1), again, 1, answer, start)->verdict,
              time_wait_entry::verdict::acknowledge);
    again.number = sequence(201);
    EXPECT_EQ(table.receive(key_of(1), again, 1, answer, start)->verdict,
              time_wait_entry::verdict::reopen);
}

TEST(TimeWaitTable, IsBoundedAndSmall) {
    time_wait_table table(secret, 60s, 10'000);
    for (std::uint32_t i = 0; i < 50'000; ++i) {
        table.add(key_of(i), waiting(), start + std::chrono::milliseconds(i));
    }
    EXPECT_EQ(table.size(), 10'000U);
    EXPECT_FALSE(table.contains(key_of(1)));
    EXPECT_TRUE(table.contains(key_of(49'999)));
    EXPECT_FALSE(table.reuse(key_of(49'999), start + 50s));
    EXPECT_TRUE(table.reuse(key_of(49'999), start + 60s));
    EXPECT_LE(table.footprint() / 10'000, 64U + 64U);
}

// ---- numbers and ports

TEST(IsnSource, GivesEachConnectionItsOwnRisingNumbers) {
    const isn_source numbers(secret);
    const isn_source others(siphash_key{3, 4});
    const sequence first = numbers.first(key_of(1), start);
    EXPECT_EQ(numbers.first(key_of(1), start + 640ns) - first, 10U);
    EXPECT_NE(numbers.first(key_of(2), start), first);
    EXPECT_NE(others.first(key_of(1), start), first);
    EXPECT_NE(numbers.timestamp_offset(key_of(1)), numbers.timestamp_offset(key_of(2)));
}

// RFC 6056, and the end of the ports is an answer and no endless search.
TEST(IsnSource, TriesEveryPortOnceAndSaysWhenAllAreTaken) {
    isn_source numbers(secret);
    std::set<std::uint16_t> taken;
    const auto is_free = [&](std::uint16_t port) { return !taken.contains(port); };
    std::uint16_t before = 0;
    for (int i = 0; i < 28'232; ++i) {
        const auto port = numbers.pick_port(key_of(1), is_free);
        ASSERT_TRUE(port);
        ASSERT_GE(*port, isn_source::lowest_port);
        ASSERT_LE(*port, isn_source::highest_port);
        taken.insert(*port);
        before = *port;
    }
    EXPECT_NE(before, 0);
    EXPECT_FALSE(numbers.pick_port(key_of(1), is_free));
}

TEST(HandleTable, FindsWhatIsInItThroughAnyOrderOfChanges) {
    handle_table table;
    std::vector<std::uint64_t> hashes;
    prng dice(5);
    std::set<std::uint32_t> inside;
    for (std::uint32_t i = 0; i < 5000; ++i) {
        hashes.push_back(dice.below(600)); // many collide
    }
    for (int round = 0; round < 40'000; ++round) {
        const auto which = static_cast<std::uint32_t>(dice.below(hashes.size()));
        const auto found = table.find(hashes[which], [&](std::uint32_t at) { return at == which; });
        ASSERT_EQ(found == which, inside.contains(which));
        if (inside.contains(which)) {
            table.erase(hashes[which], which);
            inside.erase(which);
        } else {
            table.insert(hashes[which], which);
            inside.insert(which);
        }
        ASSERT_EQ(table.size(), inside.size());
    }
}

} // namespace
