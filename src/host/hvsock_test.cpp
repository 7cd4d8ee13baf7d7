// SPDX-License-Identifier: Apache-2.0
#include "runnel/host/hvsock.hpp"

#include "runnel/flow/endpoint.hpp"
#include "runnel/host/system_resolver.hpp"
#include "runnel/host/transports.hpp"

#include <gtest/gtest.h>

#include <string>

namespace runnel::host {
namespace {

constexpr const char* stranger = "12345678-9abc-def0-1234-56789abcdef0";

TEST(Guid, ReadsEitherCaseAndBracesAndWritesLowerCase) {
    const auto plain = guid::parse("A42E7CDA-D03F-480C-9CC2-A4DE20ABB878");
    ASSERT_TRUE(plain);
    EXPECT_EQ(plain->to_string(), "a42e7cda-d03f-480c-9cc2-a4de20abb878");
    EXPECT_EQ(guid::parse("{a42e7cda-d03f-480c-9cc2-a4de20abb878}"), plain);
    EXPECT_EQ(*plain, hyperv_machine::parent());
}

TEST(Guid, RefusesEveryOtherText) {
    const std::string good = stranger;
    EXPECT_TRUE(guid::parse(good));
    for (const std::string& bad :
         {std::string(), good.substr(1), good + "0", "{" + good, good + "}", "(" + good + ")",
          "x" + good.substr(1), std::string(36, '-'), std::string(36, '0')}) {
        const auto read = guid::parse(bad);
        ASSERT_FALSE(read) << bad;
        EXPECT_EQ(read.error().kind(), errc::invalid_argument);
    }
    std::string moved = good; // a dash and a digit changed places
    std::swap(moved[8], moved[9]);
    EXPECT_FALSE(guid::parse(moved));
}

TEST(HypervService, IsThePortInFrontOfTheTemplate) {
    EXPECT_EQ(hyperv_service(1024).to_string(), "00000400-facb-11e6-bd58-64006a7986d3");
    for (const std::uint32_t port : {0U, 1U, 0x8000U, 0x1234'5678U, 0xFFFF'FFFFU}) {
        EXPECT_EQ(vsock_port(hyperv_service(port)), port);
    }
    EXPECT_EQ(vsock_port(*guid::parse(stranger)), std::nullopt);
    EXPECT_EQ(vsock_port(hyperv_machine::parent()), std::nullopt);
}

TEST(HvsockAddress, IsTheVsockAddressThatALinuxGuestUses) {
    const struct {
        const char* machine;
        std::uint32_t cid;
    } rows[] = {{"parent", vsock_address::host},
                {"silohost", vsock_address::host},
                {"loopback", vsock_address::local},
                {"children", vsock_address::any},
                {"wildcard", vsock_address::any},
                {"", vsock_address::any},
                {"a42e7cda-d03f-480c-9cc2-a4de20abb878", vsock_address::host},
                {"00000000-0000-0000-0000-000000000000", vsock_address::any}};
    for (const auto& row : rows) {
        const auto read = hvsock_address::parse(row.machine, "80");
        ASSERT_TRUE(read) << row.machine;
        EXPECT_EQ(read->to_vsock(), vsock_address(row.cid, 80)) << row.machine;
    }
    for (const std::uint32_t cid :
         {vsock_address::any, vsock_address::local, vsock_address::host}) {
        const auto there = hvsock_address::from_vsock(vsock_address(cid, 9));
        ASSERT_TRUE(there);
        EXPECT_EQ(there->to_vsock(), vsock_address(cid, 9));
    }
}

TEST(HvsockAddress, SaysWhatLinuxCannotReach) {
    const auto guest = hvsock_address::parse(stranger, "80");
    ASSERT_TRUE(guest);
    EXPECT_EQ(guest->to_vsock().error().kind(), errc::not_supported);
    const auto service = hvsock_address::parse("parent", stranger);
    ASSERT_TRUE(service);
    EXPECT_EQ(service->to_vsock().error().kind(), errc::not_supported);
    EXPECT_EQ(hvsock_address::from_vsock(vsock_address(3, 1)).error().kind(), errc::not_supported);
    for (const char* bad : {"", "x", "2147483648", "-1", "80x", "0x50"}) {
        EXPECT_FALSE(hvsock_address::parse("parent", bad)) << bad;
    }
    EXPECT_FALSE(hvsock_address::parse("nobody", "80"));
}

TEST(HvsockAddress, IsWrittenAsAnEndpointThatReadsBack) {
    for (const char* machine : {"", "children", "loopback", "parent", "silohost", stranger}) {
        for (const char* service : {"1024", stranger}) {
            const auto address = hvsock_address::parse(machine, service);
            ASSERT_TRUE(address);
            const std::string text = address->to_flow_address().to_string();
            const auto read = endpoint::parse(text);
            ASSERT_TRUE(read) << text;
            EXPECT_EQ(hvsock_address::parse(read->host(), read->path().substr(1)), *address);
        }
    }
    EXPECT_EQ(hvsock_address::parse("parent", "1024")->to_flow_address().to_string(),
              "hvsock://parent/00000400-facb-11e6-bd58-64006a7986d3");
}

TEST(HvsockEndpoint, TakesAServiceOrAPort) {
    system_resolver names;
    transport_registry registry;
    register_transports(registry, names);
    for (const char* good : {"hvsock://parent/00000400-FACB-11E6-BD58-64006A7986D3",
                             "hvsock://parent/1024", "hvsock://loopback:1024?backlog=3"}) {
        const auto place = endpoint::parse(good);
        ASSERT_TRUE(place) << good;
        EXPECT_TRUE(registry.check(*place)) << good;
    }
    for (const char* bad : {"hvsock://parent", "hvsock://nobody:1024", "hvsock://parent/x"}) {
        const auto place = endpoint::parse(bad);
        ASSERT_TRUE(place) << bad;
        EXPECT_FALSE(registry.check(*place)) << bad;
    }
}

} // namespace
} // namespace runnel::host
