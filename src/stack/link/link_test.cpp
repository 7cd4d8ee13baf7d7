// SPDX-License-Identifier: Apache-2.0
#include "runnel/core/checksum.hpp"
#include "runnel/stack/link/fault_link.hpp"
#include "runnel/stack/link/memory_link.hpp"
#include "runnel/stack/link/pcapng.hpp"
#include "runnel/stack/link/segmentation.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

namespace {

using namespace runnel;
using namespace runnel::stack;
using namespace std::chrono_literals;

constexpr mac_address mac_a(2, 0, 0, 0, 0, 1);
constexpr mac_address mac_b(2, 0, 0, 0, 0, 2);
constexpr mac_address mac_c(2, 0, 0, 0, 0, 3);

std::string text_of(const frame& one) {
    std::string text(one.size(), ' ');
    one.copy_out(0, std::as_writable_bytes(std::span(text)));
    return text;
}

frame_ptr frame_of(std::string_view text) {
    frame_ptr one = frame::make();
    one->add(buffer::copy_of(text));
    return one;
}

frame_ptr ethernet(mac_address to, mac_address from, std::string_view payload) {
    frame_ptr one = frame::make();
    std::byte* const head = one->append(14);
    std::memcpy(head, to.bytes().data(), 6);
    std::memcpy(head + 6, from.bytes().data(), 6);
    store_be16(head + 12, 0x88b5); // for experiments
    one->add(buffer::copy_of(payload));
    return one;
}

/// A super-segment of TCP with all that is needed to cut it.
frame_ptr tcp_to_cut(bool v6, std::size_t payload, std::uint16_t segment_size) {
    frame_ptr one = frame::make();
    const std::size_t ip_size = v6 ? 40 : 20;
    const std::size_t tcp_size = 32;
    std::byte* const head = one->append(14 + ip_size + tcp_size);
    std::memset(head, 0, 14 + ip_size + tcp_size);
    store_be16(head + 12, v6 ? 0x86dd : 0x0800);
    std::byte* const ip = head + 14;
    std::byte* const tcp = ip + ip_size;
    if (v6) {
        ip[0] = std::byte{0x60};
        store_be16(ip + 4, static_cast<std::uint16_t>(tcp_size + payload));
        ip[6] = std::byte{6};
        ip[23] = ip[39] = std::byte{9};
    } else {
        ip[0] = std::byte{0x45};
        store_be16(ip + 2, static_cast<std::uint16_t>(ip_size + tcp_size + payload));
        store_be16(ip + 4, 0xffff);
        ip[9] = std::byte{6};
        ip[12] = ip[16] = std::byte{10};
    }
    store_be32(tcp + 4, 0xffff'ff00);
    tcp[12] = std::byte{0x80};
    tcp[13] = std::byte{0x99}; // CWR, ACK, PSH, FIN
    std::string text;
    for (std::size_t i = 0; i < payload; ++i) {
        text.push_back(static_cast<char>(i * 7 % 251));
    }
    one->add(buffer::copy_of(std::string_view(text).substr(0, payload / 3)));
    one->add(buffer::copy_of(std::string_view(text).substr(payload / 3)));
    one->offload.needs_checksum = true;
    one->offload.cut = v6 ? segmentation::tcp_v6 : segmentation::tcp_v4;
    one->offload.segment_size = segment_size;
    one->offload.header_size = static_cast<std::uint16_t>(14 + ip_size + tcp_size);
    one->offload.network_start = 14;
    one->offload.checksum_start = static_cast<std::uint16_t>(14 + ip_size);
    one->offload.checksum_offset = 16;
    return one;
}

bool transport_valid(std::string_view packet, bool v6) {
    const std::span<const std::byte> bytes = as_bytes(packet).subspan(14);
    const auto all = bytes.subspan(v6 ? 40 : 20);
    checksum sum;
    sum.add(v6 ? bytes.subspan(8, 32) : bytes.subspan(12, 8));
    sum.add_be16(6);
    sum.add_be16(static_cast<std::uint16_t>(all.size()));
    sum.add(all);
    return sum.valid();
}

TEST(Frame, GathersHeadersThatLieApart) {
    frame_ptr one = frame_of("abc");
    one->add(buffer::copy_of("defgh"));
    EXPECT_EQ(one->front(2).size(), 2U);
    const auto front = one->front(5);
    ASSERT_EQ(front.size(), 5U);
    EXPECT_EQ(std::memcmp(front.data(), "abcde", 5), 0);
    EXPECT_EQ(one->size(), 8U);
    EXPECT_EQ(text_of(*one), "abcdefgh");
    EXPECT_TRUE(one->front(9).empty());
    one->remove_prefix(6);
    EXPECT_EQ(text_of(*one), "gh");
    one->truncate(1);
    EXPECT_EQ(text_of(*one), "g");
}

TEST(Frame, MakesOneSliceOfThoseThatContinueEachOther) {
    const buffer whole = buffer::copy_of("one two three");
    frame_ptr one = frame::make();
    one->add(whole.share(0, 4));
    one->add(whole.share(4, 4));
    one->add(whole.share(9, 4));
    EXPECT_EQ(one->slices().size(), 2U);
    EXPECT_EQ(text_of(*one), "one two hree");
    const frame_ptr copy = one->clone();
    EXPECT_EQ(text_of(*copy), "one two hree");
}

TEST(Frame, AreReusedWithNothingLeftFromBefore) {
    frame* first = nullptr;
    {
        frame_ptr one = frame_of("x");
        one->offload.needs_checksum = true;
        first = one.get();
    }
    const frame_ptr again = frame::make();
    EXPECT_EQ(again.get(), first);
    EXPECT_EQ(again->size(), 0U);
    EXPECT_FALSE(again->offload.needs_checksum);
}

class Segmentation : public testing::TestWithParam<std::tuple<bool, std::size_t, std::uint16_t>> {};

TEST_P(Segmentation, GivesSegmentsThatAreWholeAndRight) {
    const auto [v6, payload, size] = GetParam();
    const std::size_t headers = v6 ? 86 : 66;
    const std::string whole = text_of(*tcp_to_cut(v6, payload, size)).substr(headers);
    frame_list out;
    adapt(tcp_to_cut(v6, payload, size), {}, out);
    EXPECT_EQ(out.size(), (payload + size - 1) / size);
    std::string together;
    std::uint16_t identification = 0xffff;
    while (!out.empty()) {
        const std::string packet = text_of(*out.pop_front());
        const auto bytes = as_bytes(packet);
        const std::byte* const tcp = bytes.data() + headers - 32;
        EXPECT_EQ(load_be32(tcp + 4), static_cast<std::uint32_t>(0xffff'ff00 + together.size()));
        const bool first = together.empty();
        together += packet.substr(headers);
        const bool last = together.size() == payload;
        EXPECT_EQ(tcp[13], std::byte{0x10} | (first ? std::byte{0x80} : std::byte{0}) |
                               (last ? std::byte{0x09} : std::byte{0}));
        EXPECT_TRUE(transport_valid(packet, v6));
        if (v6) {
            EXPECT_EQ(load_be16(bytes, 14 + 4), packet.size() - 54);
        } else {
            EXPECT_EQ(load_be16(bytes, 14 + 2), packet.size() - 14);
            EXPECT_EQ(load_be16(bytes, 14 + 4), identification++);
            EXPECT_EQ(internet_checksum(bytes.subspan(14, 20)), 0);
        }
    }
    EXPECT_EQ(together, whole);
}

INSTANTIATE_TEST_SUITE_P(Sizes, Segmentation,
                         testing::Combine(testing::Bool(), testing::Values(1, 1448, 5000, 60000),
                                          testing::Values(536, 1448, 9000)));

TEST(Offload, LeavesChecksumsToLinksThatMakeThem) {
    frame_list out;
    link_capabilities some;
    some.checksum = true;
    adapt(tcp_to_cut(false, 3000, 1448), some, out);
    ASSERT_EQ(out.size(), 3U);
    frame_ptr one = out.pop_front();
    EXPECT_TRUE(one->offload.needs_checksum);
    complete_checksum(*one);
    EXPECT_TRUE(transport_valid(text_of(*one), false));
    frame_list whole;
    adapt(tcp_to_cut(false, 3000, 1448), link_capabilities::all(), whole);
    EXPECT_EQ(whole.size(), 1U);
}

TEST(Offload, RefusesClaimsThatContradictTheFrame) {
    const auto accepts = [](auto change) {
        frame_ptr one = tcp_to_cut(false, 3000, 1448);
        frame_offload claim = one->offload;
        change(claim, *one);
        return validate_offload(*one, link_medium::ethernet, claim);
    };
    EXPECT_TRUE(accepts([](frame_offload&, frame&) {}));
    EXPECT_FALSE(accepts([](frame_offload& o, frame&) { o.cut = segmentation::tcp_v6; }));
    EXPECT_FALSE(accepts([](frame_offload& o, frame&) { o.cut = segmentation::udp; }));
    EXPECT_FALSE(accepts([](frame_offload& o, frame&) { o.segment_size = 0; }));
    EXPECT_FALSE(accepts([](frame_offload& o, frame&) { o.checksum_start = 33; }));
    EXPECT_FALSE(accepts([](frame_offload& o, frame&) { o.checksum_start = 65535; }));
    EXPECT_FALSE(accepts([](frame_offload& o, frame&) { o.checksum_offset = 6; }));
    EXPECT_FALSE(accepts([](frame_offload& o, frame&) { o.needs_checksum = false; }));
    EXPECT_FALSE(accepts([](frame_offload&, frame& f) { f.truncate(60); }));
    EXPECT_FALSE(accepts([](frame_offload&, frame& f) { f.head()[14] = std::byte{0x4f}; }));
}

TEST(MemoryPair, CarriesFramesInOrderAndTellsWhenSomethingCame) {
    auto [a, b] = make_memory_pair({}, mac_a, mac_b);
    int told = 0;
    b->on_ready([](void* count) noexcept { ++*static_cast<int*>(count); }, &told);
    frame_list burst;
    burst.push_back(ethernet(mac_b, mac_a, "one"));
    burst.push_back(ethernet(mac_b, mac_a, "two"));
    EXPECT_TRUE(a->send(std::move(burst), time_point(1s)));
    EXPECT_EQ(told, 1);
    frame_list come = b->receive(64, time_point(2s));
    ASSERT_EQ(come.size(), 2U);
    EXPECT_EQ(come.front().arrived, time_point(2s));
    EXPECT_EQ(text_of(*come.pop_front()).substr(14), "one");
    EXPECT_EQ(text_of(*come.pop_front()).substr(14), "two");
    EXPECT_EQ(a->statistics().frames_sent, 2U);
    EXPECT_EQ(b->statistics().frames_received, 2U);
}

TEST(MemoryPair, SaysWhenItIsFullAndWhenThereIsRoom) {
    memory_link_options options;
    options.queue_limit = 2;
    auto [a, b] = make_memory_pair(options, mac_a, mac_b);
    int told = 0;
    a->on_ready([](void* count) noexcept { ++*static_cast<int*>(count); }, &told);
    EXPECT_TRUE(a->send(frame_list(frame_of("1")), {}));
    EXPECT_FALSE(a->send(frame_list(frame_of("2")), {}));
    EXPECT_FALSE(a->send(frame_list(frame_of("3")), {}));
    EXPECT_EQ(a->statistics().frames_lost, 1U);
    EXPECT_EQ(b->receive(1, {}).size(), 1U);
    EXPECT_EQ(told, 1);
    EXPECT_FALSE(a->send(frame_list(frame_of("4")), {}));
}

TEST(MemoryPair, DropsWhatIsLargerThanItsMtuAndWhatNobodyGets) {
    auto [a, b] = make_memory_pair({}, mac_a, mac_b);
    a->send(frame_list(ethernet(mac_b, mac_a, std::string(1505, 'x'))), {});
    EXPECT_EQ(a->statistics().frames_lost, 1U);
    b.reset();
    a->send(frame_list(ethernet(mac_b, mac_a, "x")), {});
    EXPECT_EQ(a->statistics().frames_lost, 2U);
}

TEST(Switch, LearnsWhereAddressesAre) {
    memory_switch hub;
    const auto a = hub.add_port({}, mac_a);
    const auto b = hub.add_port({}, mac_b);
    const auto c = hub.add_port({}, mac_c);
    const auto send = [](stack::link& from, mac_address to, time_point now) {
        from.send(frame_list(ethernet(to, from.properties().mac, "hello")), now);
    };
    send(*a, mac_b, {});
    EXPECT_EQ(b->receive(9, {}).size(), 1U); // unknown: to all
    EXPECT_EQ(c->receive(9, {}).size(), 1U);
    send(*b, mac_a, {});
    EXPECT_EQ(a->receive(9, {}).size(), 1U); // known
    EXPECT_EQ(c->receive(9, {}).size(), 0U);
    send(*a, mac_address::broadcast(), {});
    EXPECT_EQ(b->receive(9, {}).size(), 1U);
    EXPECT_EQ(c->receive(9, {}).size(), 1U);
    EXPECT_EQ(a->receive(9, {}).size(), 0U);
    send(*c, mac_a, time_point(301s)); // too long ago
    EXPECT_EQ(b->receive(9, {}).size(), 1U);
}

TEST(Switch, CutsForPortsThatTakeNoSuperSegments) {
    memory_switch hub;
    memory_link_options able;
    able.capabilities = link_capabilities::all();
    auto a = hub.add_port(able, mac_a);
    const auto b = hub.add_port({}, mac_b);
    const auto c = hub.add_port(able, mac_c);
    a->send(frame_list(tcp_to_cut(false, 10'000, 1448)), {});
    EXPECT_EQ(b->receive(99, {}).size(), 7U);
    EXPECT_EQ(c->receive(99, {}).size(), 1U);
    EXPECT_EQ(hub.ports(), 3U);
    a.reset();
    EXPECT_EQ(hub.ports(), 2U);
}

TEST(Pcapng, WritesBlocksWithCommentsAndDirections) {
    std::vector<std::byte> file;
    const auto keep = [&](std::span<const std::byte> block) {
        file.insert(file.end(), block.begin(), block.end());
    };
    pcapng_writer writer(keep, 1000s);
    auto [a, b] = make_memory_pair({}, mac_a, mac_b);
    const auto seen = capture_link(std::move(a), writer, "lan");
    seen->send(frame_list(ethernet(mac_b, mac_a, "question")), time_point(5ns));
    b->send(frame_list(ethernet(mac_a, mac_b, "answer")), {});
    EXPECT_EQ(seen->receive(9, time_point(7ns)).size(), 1U);
    writer.write(0, *frame_of("lost"), {}, capture_direction::unknown, "dropped: why not");
    std::vector<std::uint32_t> types;
    std::string text;
    for (std::size_t at = 0; at < file.size();) {
        const std::span<const std::byte> rest = std::span(file).subspan(at);
        const std::uint32_t size = load_le32(rest, 4);
        ASSERT_EQ(size % 4, 0U);
        ASSERT_EQ(load_le32(rest, size - 4), size);
        types.push_back(load_le32(rest, 0));
        text.append(reinterpret_cast<const char*>(rest.data()), size);
        at += size;
    }
    EXPECT_EQ(types, (std::vector<std::uint32_t>{0x0a0d0d0a, 1, 6, 6, 6}));
    for (const char* part : {"lan", "question", "answer", "dropped: why not"}) {
        EXPECT_NE(text.find(part), std::string::npos) << part;
    }
}

TEST(Pcapng, WaitsForWhatBecameOfFrames) {
    std::string file;
    const auto keep = [&](std::span<const std::byte> block) {
        file.append(reinterpret_cast<const char*>(block.data()), block.size());
    };
    pcapng_writer writer(keep);
    auto [a, b] = make_memory_pair({}, mac_a, mac_b);
    const auto seen = capture_link(std::move(a), writer, "lan", true);
    for (const char* text : {"first", "second", "third"}) {
        b->send(frame_list(ethernet(mac_a, mac_b, text)), {});
    }
    EXPECT_EQ(seen->receive(9, {}).size(), 3U);
    EXPECT_EQ(file.find("first"), std::string::npos);
    seen->explain({});
    seen->explain("dropped: bad_header");
    EXPECT_LT(file.find("first"), file.find("second"));
    EXPECT_LT(file.find("second"), file.find("dropped: bad_header"));
    EXPECT_EQ(file.find("third"), std::string::npos);
    seen->send(frame_list(ethernet(mac_b, mac_a, "answer")), {});
    EXPECT_LT(file.find("third"), file.find("answer")) << "nobody said anything about it";
    seen->explain("about nothing");
    EXPECT_EQ(file.find("about nothing"), std::string::npos);
}

struct fault_run {
    std::vector<std::string> come;
    fault_statistics statistics;
    time_point last{};
};

fault_run run_faults(const link_faults& faults, std::uint64_t seed, int count, duration gap = 1ms,
                     std::size_t size = 8) {
    auto [a, b] = make_memory_pair({}, mac_a, mac_b);
    const auto bad = fault_link::make(std::move(a), faults, {}, seed);
    fault_run out;
    time_point now(1s);
    const auto collect = [&] {
        frame_list got = b->receive(1000, now);
        while (!got.empty()) {
            out.come.push_back(text_of(*got.pop_front()));
            out.last = now;
        }
    };
    for (int i = 0; i < count; ++i) {
        std::string text = std::to_string(i);
        text.resize(size, '.');
        bad->send(frame_list(frame_of(text)), now);
        collect();
        const time_point next = now + gap;
        while (bad->deadline() <= next) {
            now = bad->deadline();
            EXPECT_EQ(bad->receive(9, now).size(), 0U);
            collect();
        }
        now = next;
    }
    while (bad->deadline() != never) {
        now = bad->deadline();
        EXPECT_EQ(bad->receive(9, now).size(), 0U);
        collect();
    }
    out.statistics = bad->outbound();
    return out;
}

TEST(Faults, LoseAboutAsManyAsAskedAndTheSameForTheSameSeed) {
    link_faults faults;
    faults.loss = 0.1;
    const fault_run first = run_faults(faults, 1, 10'000);
    EXPECT_NEAR(static_cast<double>(first.statistics.lost), 1000, 120);
    EXPECT_EQ(first.come.size() + first.statistics.lost, 10'000U);
    EXPECT_EQ(first.come, run_faults(faults, 1, 10'000).come);
    EXPECT_NE(first.come, run_faults(faults, 2, 10'000).come);
}

TEST(Faults, LoseInBursts) {
    link_faults faults;
    faults.burst_begin = 0.01;
    faults.burst_end = 0.2;
    const fault_run run = run_faults(faults, 3, 20'000);
    int gaps = 0;
    for (std::size_t i = 1; i < run.come.size(); ++i) {
        gaps += std::stoi(run.come[i]) != std::stoi(run.come[i - 1]) + 1 ? 1 : 0;
    }
    EXPECT_NEAR(static_cast<double>(run.statistics.lost) / gaps, 5, 1.5);
}

TEST(Faults, DelayWithJitterKeepsTheOrder) {
    link_faults faults;
    faults.delay = 20ms;
    faults.jitter = 10ms;
    const fault_run run = run_faults(faults, 4, 500);
    ASSERT_EQ(run.come.size(), 500U);
    for (int i = 0; i < 500; ++i) {
        EXPECT_EQ(std::stoi(run.come[static_cast<std::size_t>(i)]), i);
    }
    EXPECT_GE(run.last, time_point(1s) + 499ms + 20ms);
    EXPECT_LE(run.last, time_point(1s) + 499ms + 30ms);
}

TEST(Faults, ReorderDuplicateAndCorruptAsOftenAsAsked) {
    link_faults faults;
    faults.reorder = 0.05;
    faults.reorder_delay = 5ms;
    faults.duplicate = 0.02;
    faults.corrupt = 0.03;
    const fault_run run = run_faults(faults, 5, 10'000);
    EXPECT_NEAR(static_cast<double>(run.statistics.reordered), 500, 90);
    EXPECT_NEAR(static_cast<double>(run.statistics.duplicated), 200, 60);
    EXPECT_NEAR(static_cast<double>(run.statistics.corrupted), 300, 70);
    EXPECT_EQ(run.come.size(), 10'000U + run.statistics.duplicated);
}

TEST(Faults, LimitTheRateAndTheQueue) {
    link_faults faults;
    faults.rate = 8'000'000; // a byte each microsecond
    faults.queue_limit = 10'000;
    const fault_run run = run_faults(faults, 6, 100, 100us, 1000);
    EXPECT_EQ(run.come.size() + run.statistics.over_queue, 100U);
    EXPECT_NEAR(static_cast<double>(run.come.size()), 20, 3); // 10 in 10 ms, 10 in the queue
    const fault_run slow = run_faults(faults, 6, 10, 0ns, 1000);
    EXPECT_EQ(slow.last, time_point(1s) + 10ms);
}

TEST(Faults, CutOneWayAndDropWhatIsTooLarge) {
    auto [a, b] = make_memory_pair({}, mac_a, mac_b);
    link_faults out;
    out.cut = true;
    const auto bad = fault_link::make(std::move(a), out, {}, 1);
    bad->send(frame_list(frame_of("x")), {});
    b->send(frame_list(frame_of("y")), {});
    EXPECT_EQ(b->receive(9, {}).size(), 0U);
    EXPECT_EQ(bad->receive(9, {}).size(), 1U);
    out.cut = false;
    out.mtu = 1000;
    bad->set_outbound(out);
    bad->send(frame_list(ethernet(mac_b, mac_a, std::string(1001, 'x'))), {});
    bad->send(frame_list(ethernet(mac_b, mac_a, std::string(1000, 'x'))), {});
    EXPECT_EQ(b->receive(9, {}).size(), 1U);
    EXPECT_EQ(bad->outbound().over_mtu, 1U);
}

TEST(Faults, HitPacketsAndNotSuperSegments) {
    memory_link_options able;
    able.capabilities = link_capabilities::all();
    auto [a, b] = make_memory_pair(able, mac_a, mac_b);
    const auto bad = fault_link::make(std::move(a), {}, {}, 1);
    EXPECT_EQ(bad->properties().capabilities, link_capabilities());
    b->send(frame_list(tcp_to_cut(true, 10'000, 1428)), {});
    EXPECT_EQ(bad->receive(99, {}).size(), 8U);
}

} // namespace
