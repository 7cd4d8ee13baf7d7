// SPDX-License-Identifier: Apache-2.0
#include "runnel/stack/tcp_wire.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

namespace {

using namespace runnel;
using namespace runnel::stack;

std::vector<std::byte> written(const tcp_header& header) {
    std::array<std::byte, max_tcp_header_size> out;
    const std::size_t size = write_tcp(header, out);
    return {out.begin(), out.begin() + static_cast<std::ptrdiff_t>(size)};
}

/// A plain ACK with these bytes as its options, padded with ends of options.
std::vector<std::byte> with_options(std::vector<int> options, unsigned flags = 0x10) {
    options.resize((options.size() + 3) / 4 * 4);
    std::vector<std::byte> bytes(20 + options.size());
    bytes[12] = static_cast<std::byte>((bytes.size() / 4) << 4U);
    bytes[13] = static_cast<std::byte>(flags);
    for (std::size_t i = 0; i < options.size(); ++i) {
        bytes[20 + i] = static_cast<std::byte>(options[i]);
    }
    return bytes;
}

TEST(TcpWire, ReadsWhatItWrites) {
    tcp_header header;
    header.source_port = 1234;
    header.destination_port = 443;
    header.number = sequence(0xfffffff0);
    header.ack = sequence(77);
    header.window = 4321;
    header.timestamps = tcp_timestamps{5, 6};
    header.sack.add({sequence(1), sequence(2)});
    header.sack.add({sequence(3), sequence(4)});
    header.sack.add({sequence(5), sequence(6)});
    for (const tcp_control control : {tcp_control::none, tcp_control::push, tcp_control::fin}) {
        header.control = control;
        header.ece = control == tcp_control::push;
        header.cwr = control == tcp_control::fin;
        const auto bytes = written(header);
        EXPECT_EQ(bytes.size(), tcp_header_size(header));
        const auto parsed = parse_tcp(bytes);
        ASSERT_TRUE(parsed);
        EXPECT_EQ(parsed->header, header);
        EXPECT_EQ(parsed->header_size, bytes.size());
    }
}

TEST(TcpWire, FitsAllOptionsOfASynWithTheLongestCookie) {
    tcp_header header;
    header.control = tcp_control::syn;
    header.acknowledges = false;
    header.syn.max_segment_size = 1460;
    header.syn.window_scale = std::uint8_t{7};
    header.syn.sack_permitted = true;
    header.timestamps = tcp_timestamps{1, 0};
    header.syn.fast_open = fast_open_cookie{{}, 16};
    const auto bytes = written(header);
    EXPECT_EQ(bytes.size(), 60U);
    EXPECT_EQ(parse_tcp(bytes)->header, header);
    header.timestamps.reset();
    header.syn.fast_open = fast_open_cookie{};
    EXPECT_EQ(parse_tcp(written(header))->header, header);
}

TEST(TcpWire, WritesAsManyBlocksAsFit) {
    tcp_header header;
    for (std::uint32_t i = 0; i < 4; ++i) {
        header.sack.add({sequence(10 * i), sequence(10 * i + 5)});
    }
    EXPECT_EQ(parse_tcp(written(header))->header.sack.size(), 4U);
    header.timestamps = tcp_timestamps{};
    EXPECT_EQ(parse_tcp(written(header))->header.sack.size(), 3U);
}

TEST(TcpWire, NeverWritesFlagsThatContradictEachOther) {
    for (int control = 0; control <= static_cast<int>(tcp_control::reset); ++control) {
        for (const bool acknowledges : {false, true}) {
            tcp_header header;
            header.control = static_cast<tcp_control>(control);
            header.acknowledges = acknowledges;
            EXPECT_TRUE(parse_tcp(written(header)).has_value());
        }
    }
}

TEST(TcpWire, RefusesEveryCombinationOfFlagsThatNoStackSends) {
    for (unsigned flags = 0; flags < 64; ++flags) {
        const bool fin = (flags & 1U) != 0;
        const bool syn = (flags & 2U) != 0;
        const bool reset = (flags & 4U) != 0;
        const bool ack = (flags & 16U) != 0;
        const bool legal = int{fin} + int{syn} + int{reset} <= 1 && (ack || syn || reset);
        const auto parsed = parse_tcp(with_options({}, flags));
        EXPECT_EQ(parsed.has_value(), legal) << flags;
        if (!legal) {
            EXPECT_EQ(parsed.error(), tcp_drop::bad_flags);
        }
    }
}

TEST(TcpWire, RefusesHeadersThatAreNotWhole) {
    auto bytes = with_options({1, 1, 1, 1});
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        EXPECT_EQ(parse_tcp(std::span(bytes).first(size)).error(), tcp_drop::truncated);
    }
    bytes[12] = std::byte{0x40};
    EXPECT_EQ(parse_tcp(bytes).error(), tcp_drop::truncated);
}

TEST(TcpWire, RefusesOptionsOfImpossibleLengths) {
    for (const std::vector<int>& options :
         std::vector<std::vector<int>>{{2, 0, 0, 0},
                                       {2, 1, 0, 0},
                                       {2, 3, 5, 1},
                                       {2, 8, 0, 0},
                                       {2, 5, 0, 0, 0, 1, 1, 1},
                                       {3, 4, 1, 1},
                                       {4, 3, 1, 1},
                                       {5, 2, 1, 1},
                                       {5, 6, 0, 0, 0, 0, 1, 1},
                                       {8, 8, 0, 0, 0, 0, 0, 0},
                                       {1, 1, 1, 99},
                                       {99, 0, 1, 1},
                                       {99, 200, 1, 1},
                                       {34, 5, 0, 0, 0, 1, 1, 1}}) {
        const auto parsed = parse_tcp(with_options(options, 0x02));
        ASSERT_FALSE(parsed);
        EXPECT_EQ(parsed.error(), tcp_drop::bad_option);
    }
}

TEST(TcpWire, SkipsUnknownOptionsAndStopsAtTheEnd) {
    const auto parsed =
        parse_tcp(with_options({253, 6, 1, 2, 3, 4, 1, 2, 4, 5, 180, 3, 3, 20, 0, 2, 9, 9}, 0x02));
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->header.syn.max_segment_size, 5 * 256 + 180);
    EXPECT_EQ(parsed->header.syn.window_scale, 14); // RFC 7323 2.3
}

TEST(TcpWire, TakesOptionsOfTheHandshakeFromASynOnly) {
    const auto parsed = parse_tcp(with_options({2, 4, 5, 180, 4, 2, 3, 3, 7}));
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->header.syn, tcp_syn_options{});
}

TEST(TcpWire, ChecksumsOverThePseudoHeaderAndAllPieces) {
    const auto pseudo =
        checksum::pseudo_header(ipv4_address(10, 0, 0, 1), ipv4_address(10, 0, 0, 2), 6, 25);
    auto bytes = written(tcp_header{});
    const std::string payload = "hello";
    set_tcp_checksum(bytes, pseudo, checksum(as_bytes(payload)));
    for (const char c : payload) {
        bytes.push_back(static_cast<std::byte>(c));
    }
    EXPECT_TRUE(valid_tcp_checksum(pseudo, bytes));
    bytes.back() ^= std::byte{1};
    EXPECT_FALSE(valid_tcp_checksum(pseudo, bytes));
}

TEST(TcpWire, NamesEveryReason) {
    for (std::size_t i = 0; i < tcp_drop_count; ++i) {
        EXPECT_NE(name(static_cast<tcp_drop>(i)), "unknown");
    }
}

TEST(Sequence, ComparesAcrossTheWrap) {
    const sequence last(0xffff'ffff);
    EXPECT_LT(last, last + 1);
    EXPECT_GT(last + 0x7fff'ffff, last);
    EXPECT_EQ((last + 5) - last, 5U);
    EXPECT_EQ(later(last, last + 1), last + 1);
    EXPECT_EQ(earlier(last, last + 1), last);
}

} // namespace
