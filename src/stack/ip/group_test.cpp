// SPDX-License-Identifier: Apache-2.0
#include "group_reports.hpp"

#include "icmp.hpp"
#include "runnel/core/checksum.hpp"
#include "test_hosts.hpp"

#include <algorithm>
#include <cstring>

namespace {

using namespace runnel;
using namespace runnel::stack;
using namespace std::chrono_literals;
using record = group_reports::record;
using version = group_reports::version;

constexpr mac_address mac_a(2, 0, 0, 0, 0, 1);
constexpr mac_address mac_b(2, 0, 0, 0, 0, 2);
const ip_address one_group = test_address("239.1.1.1");
const ip_address other_group = test_address("239.2.2.2");
const ip_address all_groups;

/// Reports, and the time.
class GroupReports : public testing::Test {
protected:
    /// What is said up to a moment, each as its kind and group.
    std::vector<record> said_within(duration span) {
        const time_point end = now_ + span;
        std::vector<record> out;
        while (reports_.deadline() <= end) {
            now_ = std::max(now_, reports_.deadline());
            const auto part = reports_.on_timer(now_);
            out.insert(out.end(), part.begin(), part.end());
        }
        now_ = end;
        return out;
    }
    time_point now_ = time_point(1000s);
    group_reports reports_{3};
};

TEST_F(GroupReports, TellTwiceThatAGroupIsJoinedAndLeft) {
    EXPECT_TRUE(reports_.join(one_group));
    EXPECT_EQ(said_within(0s), (std::vector<record>{{record::kind::joined, one_group}}));
    EXPECT_EQ(said_within(1s), (std::vector<record>{{record::kind::joined, one_group}}));
    EXPECT_TRUE(reports_.join(one_group)); // a second user is nothing new
    reports_.leave(one_group);
    EXPECT_TRUE(said_within(1min).empty());
    EXPECT_TRUE(reports_.contains(one_group));
    reports_.leave(one_group);
    EXPECT_FALSE(reports_.contains(one_group));
    EXPECT_EQ(said_within(1s), (std::vector<record>{{record::kind::left, one_group},
                                                    {record::kind::left, one_group}}));
    EXPECT_EQ(reports_.deadline(), never);
    reports_.leave(one_group);
    EXPECT_EQ(reports_.deadline(), never);
}

TEST_F(GroupReports, TellOnlyTheLastOfChangesThatFollowEachOther) {
    EXPECT_TRUE(reports_.join(one_group));
    EXPECT_EQ(said_within(0s).size(), 1U);
    reports_.leave(one_group);
    EXPECT_TRUE(reports_.join(one_group));
    EXPECT_EQ(said_within(1s), (std::vector<record>{{record::kind::joined, one_group},
                                                    {record::kind::joined, one_group}}));
}

TEST_F(GroupReports, AnswerWithinTheTimeThatIsGiven) {
    EXPECT_TRUE(reports_.join(one_group));
    EXPECT_TRUE(reports_.join(other_group));
    (void)said_within(1s);
    reports_.asked(version::mld_v2, all_groups, 4s, now_);
    reports_.asked(version::mld_v2, all_groups, 1h, now_); // an earlier answer counts
    EXPECT_LE(reports_.deadline(), now_ + 4s);
    EXPECT_EQ(said_within(4s), (std::vector<record>{{record::kind::member, one_group},
                                                    {record::kind::member, other_group}}));
    EXPECT_EQ(reports_.deadline(), never);
    reports_.asked(version::mld_v2, other_group, 1s, now_);
    EXPECT_EQ(said_within(1s), (std::vector<record>{{record::kind::member, other_group}}));
    reports_.asked(version::mld_v2, test_address("239.9.9.9"), 1s, now_);
    EXPECT_EQ(reports_.deadline(), never);
}

TEST_F(GroupReports, SpeakAsOldRoutersDoForAWhile) {
    EXPECT_TRUE(reports_.join(one_group));
    (void)said_within(1s);
    reports_.asked(version::mld_v1, all_groups, 1s, now_);
    EXPECT_EQ(reports_.speaks(now_), version::mld_v1);
    EXPECT_EQ(said_within(1s), (std::vector<record>{{record::kind::member, one_group}}));
    reports_.leave(one_group);
    EXPECT_EQ(said_within(1s), (std::vector<record>{{record::kind::left, one_group}})); // once
    reports_.asked(version::igmp_v1, all_groups, 1s, now_);
    EXPECT_EQ(reports_.speaks(now_), version::igmp_v1);
    EXPECT_EQ(reports_.speaks(now_ + group_reports::old_router_counts), version::mld_v2);
}

TEST_F(GroupReports, HoldABoundedNumberOfGroups) {
    std::size_t joined = 0;
    for (std::uint32_t i = 0; i < 1000; ++i) {
        joined += reports_.join(ipv4_address(0xef00'0000U + i)) ? 1U : 0U;
    }
    EXPECT_EQ(joined, group_reports::max_groups);
}

/// A host, and what it says of groups on its cable.
class Groups : public testing::Test {
protected:
    Groups() {
        auto [ours, theirs] = make_memory_pair({}, mac_a, mac_b);
        wire_ = std::move(theirs);
        host_.net.add_interface(std::move(ours), {}, lan_.now());
        EXPECT_TRUE(host_.net.add_address(1, test_prefix("10.0.0.1/24"), lan_.now()));
        lan_.run_for(5s);
        (void)heard();
    }
    std::unique_ptr<udp_socket> open(const char* at) {
        return std::move(*host_.net.open_udp(*ip_endpoint::parse(at)));
    }
    /// Messages of IGMP and MLD on the cable, as "type to whom: groups".
    std::vector<std::string> heard() {
        lan_.settle();
        std::vector<std::string> out;
        frame_list come = wire_->receive(1000, lan_.now());
        while (!come.empty()) {
            const frame_ptr one = come.pop_front();
            const auto ethernet = parse_ethernet(one->front(14));
            one->remove_prefix(14);
            const buffer bytes = one->take_bytes();
            std::string text = ethernet->type == ether_type::ipv4   ? igmp(bytes.span())
                               : ethernet->type == ether_type::ipv6 ? mld(bytes.span())
                                                                    : "";
            if (!text.empty()) {
                EXPECT_TRUE(ethernet->destination.is_multicast());
                out.push_back(std::move(text));
            }
        }
        return out;
    }
    static std::string igmp(std::span<const std::byte> bytes) {
        ip_header ip;
        if (!parse_ipv4(bytes, bytes.size(), ip) || ip.protocol != ip_protocol::igmp) {
            return "";
        }
        EXPECT_EQ(ip.hop_limit, 1);
        EXPECT_EQ(load_be32(bytes.data() + 20), 0x9404'0000U);
        const auto body = bytes.subspan(24);
        EXPECT_EQ(internet_checksum(body), 0);
        return groups_of(body, ip.destination, false);
    }
    static std::string mld(std::span<const std::byte> bytes) {
        ip_header ip;
        if (!parse_ipv6(bytes, bytes.size(), ip) || bytes[6] != std::byte{0} || bytes.size() < 49 ||
            ip.protocol != ip_protocol::icmpv6) {
            return "";
        }
        EXPECT_EQ(ip.hop_limit, 1);
        EXPECT_TRUE(ip.source.is_link_local() || ip.source.is_unspecified());
        EXPECT_TRUE(has_router_alert(bytes));
        const auto body = bytes.subspan(48);
        checksum sum =
            checksum::pseudo_header(ip.source.v6(), ip.destination.v6(), ip_protocol::icmpv6,
                                    static_cast<std::uint32_t>(body.size()));
        sum.add(body);
        EXPECT_TRUE(sum.valid());
        return groups_of(body, ip.destination, true);
    }
    static std::string groups_of(std::span<const std::byte> body, const ip_address& to, bool v6) {
        const auto address_at = [&](std::size_t at) {
            return v6 ? ip_address(ipv6_address(
                            std::span<const std::byte, 16>(body.subspan(at).first<16>())))
                      : ip_address(ipv4_address(load_be32(body.data() + at)));
        };
        const auto type = std::to_integer<unsigned>(body[0]);
        std::string text = std::to_string(type) + " to " + to.to_string() + ":";
        if (type != (v6 ? 143U : 0x22U)) {
            return text + " " + address_at(v6 ? 8 : 4).to_string();
        }
        for (std::size_t i = 0; i < load_be16(body.data() + 6); ++i) {
            const std::size_t at = 8 + i * (v6 ? 20U : 8U);
            text += " " + std::to_string(std::to_integer<unsigned>(body[at])) + " " +
                    address_at(at + 4).to_string();
        }
        return text;
    }

    void put(std::uint16_t type, std::span<const std::byte> packet) {
        frame_ptr one = frame::make();
        write_ethernet({mac_address(1, 0, 0x5e, 0, 0, 1), mac_b, type, {}}, {one->append(14), 14});
        one->add(buffer::copy_of(packet));
        wire_->send(frame_list(std::move(one)), lan_.now());
        lan_.settle();
    }
    void ask_igmp(std::vector<std::uint8_t> message, std::string_view to = "224.0.0.1",
                  std::uint8_t hops = 1) {
        ip_header ip;
        ip.source = test_address("10.0.0.2");
        ip.destination = test_address(to);
        ip.protocol = ip_protocol::igmp;
        ip.hop_limit = hops;
        std::vector<std::byte> bytes(20 + message.size());
        write_ipv4(ip, message.size(), std::span<std::byte, 20>(bytes.data(), 20));
        std::memcpy(bytes.data() + 20, message.data(), message.size());
        store_be16(bytes.data() + 22, internet_checksum(std::span(bytes).subspan(20)));
        put(ether_type::ipv4, bytes);
    }
    void ask_mld(std::size_t size, std::uint16_t code, const char* group, bool alert = true,
                 const char* from = "fe80::2", std::uint8_t hops = 1) {
        ip_header ip;
        ip.source = test_address(from);
        ip.destination = test_address("ff02::1");
        ip.protocol = 0;
        ip.hop_limit = hops;
        std::vector<std::byte> bytes(48 + size);
        write_ipv6(ip, 0, 8 + size, std::span<std::byte, 40>(bytes.data(), 40));
        store_be64(bytes.data() + 40, alert ? 0x3a00'0502'0000'0100U : 0x3a00'0104'0000'0000U);
        bytes[48] = std::byte{130};
        store_be16(bytes.data() + 52, code);
        std::memcpy(bytes.data() + 56, test_address(group).v6().bytes().data(), 16);
        checksum sum = checksum::pseudo_header(ip.source.v6(), ip.destination.v6(), 58,
                                               static_cast<std::uint32_t>(size));
        sum.add(std::span(bytes).subspan(48));
        store_be16(bytes.data() + 50, sum.value());
        put(ether_type::ipv6, bytes);
    }
    [[nodiscard]] std::uint64_t bad() const {
        return host_.net.counters().drops(network_drop::bad_group_message);
    }
    using list = std::vector<std::string>;

    test_lan lan_;
    test_host& host_ = lan_.add();
    std::unique_ptr<stack::link> wire_;
};

TEST_F(Groups, ThatSocketsJoinAndLeaveAreReported) {
    auto four = open("0.0.0.0:99");
    ASSERT_TRUE(four->join(test_address("239.1.2.3"), 1));
    lan_.run_for(2s);
    EXPECT_EQ(heard(), (list{"34 to 224.0.0.22: 4 239.1.2.3", "34 to 224.0.0.22: 4 239.1.2.3"}));
    four->leave(test_address("239.1.2.3"), 1);
    lan_.run_for(2s);
    EXPECT_EQ(heard(), (list{"34 to 224.0.0.22: 3 239.1.2.3", "34 to 224.0.0.22: 3 239.1.2.3"}));
    auto six = open("[::]:99");
    ASSERT_TRUE(six->join(test_address("ff05::1:3"), 1));
    lan_.run_for(2s);
    EXPECT_EQ(heard(), (list{"143 to ff02::16: 4 ff05::1:3", "143 to ff02::16: 4 ff05::1:3"}));
    six.reset(); // a socket that goes leaves its groups
    lan_.run_for(2s);
    EXPECT_EQ(heard(), (list{"143 to ff02::16: 3 ff05::1:3", "143 to ff02::16: 3 ff05::1:3"}));
    auto silent = open("[::]:98");
    ASSERT_TRUE(silent->join(test_address("ff01::5"), 1)); // does not leave the machine
    ASSERT_TRUE(open("0.0.0.0:98")->join(test_address("224.0.0.1"), 1));
    lan_.run_for(2s);
    EXPECT_EQ(heard(), list{});
}

TEST_F(Groups, OfAddressesAreJoinedBeforeTheAddressIsAskedAbout) {
    ASSERT_TRUE(host_.net.add_address(1, test_prefix("fd00::12:3456/64"), lan_.now()));
    lan_.run_for(2s);
    EXPECT_EQ(heard(), (list{"143 to ff02::16: 4 ff02::1:ff12:3456",
                             "143 to ff02::16: 4 ff02::1:ff12:3456"}));
    ASSERT_TRUE(host_.net.remove_address(test_address("fd00::12:3456"), lan_.now()));
    lan_.run_for(2s);
    EXPECT_EQ(heard().at(0), "143 to ff02::16: 3 ff02::1:ff12:3456");
}

TEST_F(Groups, AreToldToRoutersOfEveryAge) {
    auto four = open("0.0.0.0:99");
    ASSERT_TRUE(four->join(test_address("239.1.2.3"), 1));
    ASSERT_TRUE(four->join(test_address("239.1.2.4"), 1));
    lan_.run_for(2s);
    (void)heard();
    ask_igmp({0x11, 10, 0, 0, 0, 0, 0, 0, 2, 125, 0, 0}); // IGMPv3, all groups
    lan_.run_for(1s);
    EXPECT_EQ(heard(), (list{"34 to 224.0.0.22: 2 239.1.2.3 2 239.1.2.4"}));
    ask_igmp({0x11, 10, 0, 0, 239, 1, 2, 4, 2, 125, 0, 1, 10, 9, 9, 9}, "239.1.2.4");
    lan_.run_for(1s);
    EXPECT_EQ(heard(), (list{"34 to 224.0.0.22: 2 239.1.2.4"}));
    ask_igmp({0x11, 10, 0, 0, 239, 1, 2, 3}, "239.1.2.3"); // IGMPv2
    lan_.run_for(1s);
    EXPECT_EQ(heard(), (list{"22 to 239.1.2.3: 239.1.2.3"}));
    four->leave(test_address("239.1.2.3"), 1);
    lan_.run_for(2s);
    EXPECT_EQ(heard(), (list{"23 to 224.0.0.2: 239.1.2.3"}));
    ask_igmp({0x11, 0, 0, 0, 0, 0, 0, 0}); // IGMPv1
    lan_.run_for(10s);
    EXPECT_EQ(heard(), (list{"18 to 239.1.2.4: 239.1.2.4"}));
    four->leave(test_address("239.1.2.4"), 1);
    lan_.run_for(2s);
    EXPECT_EQ(heard(), list{}); // which knows no leaving
    EXPECT_EQ(bad(), 0U);
}

TEST_F(Groups, AreToldToRoutersOfIpv6OfEveryAge) {
    auto six = open("[::]:99");
    ASSERT_TRUE(six->join(test_address("ff05::1:3"), 1));
    lan_.run_for(2s);
    (void)heard();
    ask_mld(28, 1000, "::");
    lan_.run_for(1s);
    // The group of the link-local address, too.
    EXPECT_EQ(heard(), (list{"143 to ff02::16: 2 ff02::1:ff00:1 2 ff05::1:3"}));
    ask_mld(24, 1000, "ff05::1:3"); // MLDv1
    lan_.run_for(1s);
    EXPECT_EQ(heard(), (list{"131 to ff05::1:3: ff05::1:3"}));
    ask_mld(24, 1000, "::");
    lan_.run_for(1s);
    auto all = heard();
    std::ranges::sort(all); // each at a moment of its own
    EXPECT_EQ(all, (list{"131 to ff02::1:ff00:1: ff02::1:ff00:1", "131 to ff05::1:3: ff05::1:3"}));
    six->leave(test_address("ff05::1:3"), 1);
    lan_.run_for(2s);
    EXPECT_EQ(heard(), (list{"132 to ff02::2: ff05::1:3"}));
    EXPECT_EQ(bad(), 0U);
}

TEST_F(Groups, AreNotToldToStrangers) {
    auto four = open("0.0.0.0:99");
    ASSERT_TRUE(four->join(test_address("239.1.2.3"), 1));
    lan_.run_for(2s);
    (void)heard();
    ask_igmp({0x11, 10, 0, 0, 0, 0, 0, 0}, "224.0.0.1", 2); // from another link
    ask_igmp({0x11, 10, 0, 0, 0, 0, 0, 0}, "10.0.0.1");     // not to all
    ask_igmp({0x11, 10, 0, 0, 10, 0, 0, 9});                // no group
    ask_igmp({0x11, 10, 0, 0, 0, 0, 0, 0, 2, 125});         // of ten bytes
    ask_mld(28, 1000, "::", false);                         // without the option
    ask_mld(28, 1000, "::", true, "fd00::2");               // from another link
    ask_mld(28, 1000, "::", true, "fe80::2", 2);
    ask_mld(26, 1000, "::");
    ask_mld(28, 1000, "fd00::5");
    EXPECT_EQ(bad(), 9U);
    ask_igmp({0x11, 10, 0, 0, 0, 0});
    ask_igmp({0x16, 0, 0, 0, 239, 1, 2, 3}); // what another host says
    lan_.run_for(20s);
    EXPECT_EQ(heard(), list{});
}

TEST_F(Groups, OfALongListGoInSeveralMessages) {
    std::vector<std::unique_ptr<udp_socket>> sockets;
    for (std::uint32_t i = 0; i < 250; ++i) {
        if (i % 50 == 0) {
            sockets.push_back(open("0.0.0.0:0"));
        }
        ASSERT_TRUE(sockets.back()->join(ipv4_address(0xef01'0000U + i), 1));
    }
    lan_.run_for(2s);
    (void)heard();
    ask_igmp({0x11, 10, 0, 0, 0, 0, 0, 0, 2, 125, 0, 0});
    lan_.run_for(1s);
    EXPECT_EQ(heard().size(), 2U);
}

} // namespace
