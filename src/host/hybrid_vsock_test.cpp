// SPDX-License-Identifier: Apache-2.0
//
// Hypervisors that carry vsock over Unix sockets, played by the test.
#include "runnel/host/hybrid_vsock.hpp"

#include "host_test.hpp"
#include "runnel/async/deadline.hpp"
#include "runnel/async/when.hpp"
#include "runnel/flow/endpoint.hpp"
#include "runnel/host/system_resolver.hpp"
#include "runnel/host/transports.hpp"

#include <chrono>
#include <filesystem>
#include <string>
#include <tuple>

namespace runnel::host {
namespace {

using namespace runnel::host_test;
using namespace std::chrono_literals;

class HybridVsock : public FolderTest {
protected:
    [[nodiscard]] hybrid_vsock_address device(std::uint32_t port) const {
        return {hybrid_vsock_kind::connect_line, path("vsock"), port};
    }
};

INSTANTIATE_TEST_SUITE_P(Kernel, HybridVsock, kernel_backends(), backend_name);

task<std::string> read_line(flow& from) {
    std::string line;
    while (!line.ends_with('\n')) {
        std::array<std::byte, 1> one{};
        if (!co_await from.read_into(one)) {
            break;
        }
        line += static_cast<char>(one[0]);
    }
    co_return line;
}

/// Accepts one connection, reads its first line into `asked`, and says `answer`, byte by byte if
/// `slowly`. Without an answer it hangs up.
task<flow_ptr> play(listener& at, std::string& asked, std::string answer, bool slowly = false) {
    auto opened = co_await at.accept();
    EXPECT_TRUE(opened);
    asked = co_await read_line(**opened);
    if (answer.empty()) {
        co_return nullptr;
    }
    for (std::size_t i = 0; i < answer.size(); i += slowly ? 1 : answer.size()) {
        const auto piece = std::string_view(answer).substr(i, slowly ? 1 : std::string_view::npos);
        EXPECT_TRUE(co_await (*opened)->write(buffer::copy_of(piece)));
    }
    co_return std::move(*opened);
}

// A server that speaks first must not lose a byte to the handshake.
TEST_P(HybridVsock, AsksForThePortAndLeavesEverythingBehindTheAnswerToTheReader) {
    run([this]() -> task<void> {
        auto at = listen(*unix_address::path(path("vsock")));
        EXPECT_TRUE(at) << at.error().message();
        for (const bool slowly : {false, true}) {
            std::string asked;
            auto both = co_await when_all(
                connect(device(1024)), play(**at, asked, "OK 1073741824\nOK 2\nhello\n", slowly));
            EXPECT_EQ(asked, "CONNECT 1024\n");
            const auto& client = std::get<0>(both);
            EXPECT_TRUE(client) << client.error().message();
            EXPECT_EQ(co_await read_line(**client), "OK 2\n");
            EXPECT_EQ(co_await read_line(**client), "hello\n");
        }
    });
}

TEST_P(HybridVsock, TellsThatNobodyListensInTheGuest) {
    run([this]() -> task<void> {
        auto at = listen(*unix_address::path(path("vsock")));
        std::string asked;
        auto both = co_await when_all(connect(device(7)), play(**at, asked, ""));
        EXPECT_FALSE(std::get<0>(both));
        EXPECT_EQ(std::get<0>(both).error().kind(), errc::refused);
        EXPECT_NE(std::get<0>(both).error().message().find("port 7"), std::string::npos);
    });
}

TEST_P(HybridVsock, RefusesEveryOtherAnswer) {
    run([this]() -> task<void> {
        auto at = listen(*unix_address::path(path("vsock")));
        for (const char* bad : {"ERR 12\n", "OK\nxx", "OK \nx", "OK 1 2\n", "OK -1\n", "ok 12\n",
                                "\n\n\n\n\n", "OK 123456789012345678901234567890\n"}) {
            std::string asked;
            auto both = co_await when_all(connect(device(7)), play(**at, asked, bad));
            EXPECT_FALSE(std::get<0>(both)) << bad;
            EXPECT_EQ(std::get<0>(both).error().kind(), errc::protocol_error) << bad;
        }
    });
}

TEST_P(HybridVsock, IsBoundedByADeadlineWhenTheAnswerNeverComes) {
    run([this]() -> task<void> {
        auto at = listen(*unix_address::path(path("vsock")));
        const auto made = co_await with_timeout(20ms, connect(device(7)));
        EXPECT_FALSE(made);
        EXPECT_EQ(made.error().kind(), errc::timed_out);
    });
}

TEST_P(HybridVsock, GivesNotFoundWhereThereIsNoDevice) {
    run([this]() -> task<void> {
        const auto made = co_await connect(device(7));
        EXPECT_FALSE(made);
        EXPECT_EQ(made.error().kind(), errc::not_found);
    });
}

TEST_P(HybridVsock, TakesConnectionsOfTheGuestWhereTheHypervisorBringsThem) {
    run([this]() -> task<void> {
        auto at = listen(device(52));
        EXPECT_TRUE(at) << at.error().message();
        auto both =
            co_await when_all(connect(*unix_address::path(path("vsock_52"))), (*at)->accept());
        EXPECT_TRUE(std::get<0>(both) && std::get<1>(both));
    });
}

TEST_P(HybridVsock, FollowsHyperKitsNames) {
    run([this]() -> task<void> {
        const hybrid_vsock_address kit(hybrid_vsock_kind::hyperkit, folder_, 0xABCD);
        auto at = listen(*unix_address::path(path("connect")));
        std::string asked;
        auto both = co_await when_all(connect(kit), play(**at, asked, "hello\n"));
        EXPECT_EQ(asked, "00000003.0000abcd\n");
        EXPECT_TRUE(std::get<0>(both));
        EXPECT_EQ(co_await read_line(**std::get<0>(both)), "hello\n");

        auto ours = listen(kit);
        EXPECT_TRUE(ours) << ours.error().message();
        EXPECT_TRUE(std::filesystem::exists(path("00000002.0000abcd")));
    });
}

TEST_P(HybridVsock, IsOpenedByEndpoints) {
    run([this]() -> task<void> {
        system_resolver names;
        transport_registry registry;
        register_transports(registry, names);
        for (const std::string scheme : {"firecracker", "cloud-hypervisor", "hyperkit"}) {
            const bool kit = scheme == "hyperkit";
            const std::string folder = kit ? std::string(folder_) : path("vsock");
            auto at = listen(*unix_address::path(kit ? folder + "/connect" : folder));
            std::string asked;
            const auto place = endpoint::parse(std::string(scheme).append("://:9").append(folder));
            EXPECT_TRUE(place) << place.error().message();
            auto both = co_await when_all(registry.connect(*place), play(**at, asked, "OK 1\n"));
            EXPECT_TRUE(std::get<0>(both)) << std::get<0>(both).error().message();
            EXPECT_EQ(asked, kit ? "00000003.00000009\n" : "CONNECT 9\n");
            EXPECT_TRUE(co_await registry.listen(*place));
            (*at)->close();
        }
    });
}

TEST(HybridVsockEndpoint, FindsMistakesWithoutOpeningASocket) {
    system_resolver names;
    transport_registry registry;
    register_transports(registry, names);
    EXPECT_TRUE(registry.check(*endpoint::parse("hyperkit://4:9/run/kit")));
    for (const std::string& bad :
         {std::string("firecracker://3:9/run/x"), std::string("hyperkit://guest:9/run/x"),
          std::string("firecracker://:9"), "firecracker://:9/" + std::string(106, 'x')}) {
        const auto place = endpoint::parse(bad);
        ASSERT_TRUE(place) << bad;
        EXPECT_FALSE(registry.check(*place)) << bad;
    }
}

} // namespace
} // namespace runnel::host
