// SPDX-License-Identifier: Apache-2.0
//
// What needs no socket: addresses and endpoints. The sockets are tested in a virtual machine, see
// tests/guest.
#include "runnel/host/vsock.hpp"

#include "runnel/flow/endpoint.hpp"
#include "runnel/host/system_resolver.hpp"
#include "runnel/host/transports.hpp"

#include <gtest/gtest.h>

#include <string>

namespace runnel::host {
namespace {

using namespace std::chrono_literals;

TEST(VsockAddress, ReadsNumbersAndNamesOfMachines) {
    EXPECT_EQ(vsock_address::parse("3", 80), vsock_address(3, 80));
    EXPECT_EQ(vsock_address::parse("4294967295", 0), vsock_address(vsock_address::any, 0));
    EXPECT_EQ(vsock_address::parse("hypervisor", 1), vsock_address(0, 1));
    EXPECT_EQ(vsock_address::parse("local", 1), vsock_address(1, 1));
    EXPECT_EQ(vsock_address::parse("host", 1), vsock_address(2, 1));
    for (const char* any : {"", "*", "any"}) {
        EXPECT_EQ(vsock_address::parse(any, 1), vsock_address(vsock_address::any, 1));
    }
}

TEST(VsockAddress, RefusesEveryOtherMachineAndSaysWhatItExpected) {
    for (const char* bad : {"4294967296", "-1", "+1", "1x", "x", "0x3", "Host", " 1"}) {
        const auto read = vsock_address::parse(bad, 1);
        ASSERT_FALSE(read) << bad;
        EXPECT_EQ(read.error().kind(), errc::invalid_argument);
        EXPECT_NE(read.error().message().find("'hypervisor'"), std::string::npos);
    }
}

TEST(VsockAddress, IsWrittenAsAnEndpointThatReadsBack) {
    for (const vsock_address at : {vsock_address(2, 1024), vsock_address(vsock_address::any, 7),
                                   vsock_address(1, vsock_address::any_port)}) {
        const auto read = endpoint::parse(at.to_flow_address().to_string());
        ASSERT_TRUE(read) << read.error().message();
        EXPECT_EQ(vsock_address::parse(read->host(), read->port().value_or(0)), at);
    }
    EXPECT_EQ(vsock_address(2, 1024).to_flow_address().to_string(), "vsock://2:1024");
    EXPECT_EQ(vsock_address(vsock_address::any, 9).to_flow_address().to_string(), "vsock://:9");
}

TEST(VsockEndpoint, TakesItsParameters) {
    const auto place = endpoint::parse(
        "vsock://host:5?rcvbuf=1MiB&backlog=7&max-connections=3&connect-timeout=9s");
    ASSERT_TRUE(place);
    const auto options = vsock_options_of(*place);
    ASSERT_TRUE(options) << options.error().message();
    EXPECT_EQ(options->receive_buffer, std::uint64_t{1} << 20);
    EXPECT_EQ(options->backlog, 7);
    EXPECT_EQ(options->max_connections, 3U);
    EXPECT_EQ(options->connect_timeout, 9s);
}

TEST(VsockEndpoint, FindsMistakesWithoutOpeningASocket) {
    system_resolver names;
    transport_registry registry;
    register_transports(registry, names);
    EXPECT_TRUE(registry.check(*endpoint::parse("vsock://any:5")));
    for (const char* bad : {"vsock://nobody:5", "vsock://2:5?nodelay", "vsock://2:5?rcvbuf=x"}) {
        const auto place = endpoint::parse(bad);
        ASSERT_TRUE(place) << bad;
        EXPECT_FALSE(registry.check(*place)) << bad;
    }
    EXPECT_FALSE(endpoint::parse("vsock://2"));
    EXPECT_FALSE(endpoint::parse("vsock://2:4294967296"));
}

} // namespace
} // namespace runnel::host
