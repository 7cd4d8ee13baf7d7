// SPDX-License-Identifier: Apache-2.0
#include "runnel/host/inherited.hpp"

#include "host_test.hpp"
#include "runnel/host/tcp.hpp"
#include "runnel/host/unix.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace runnel::host_test {
namespace {

using host::unique_fd;

class InheritedTest : public BackendTest {
protected:
    static unique_fd listening_socket() {
        unique_fd fd(::socket(AF_INET, SOCK_STREAM, 0));
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        EXPECT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
        EXPECT_EQ(::listen(fd.get(), 5), 0);
        return fd;
    }
};

TEST_P(InheritedTest, AListeningSocketThatWasPassedAcceptsFlows) {
    run([]() -> task<void> {
        auto port = host::adopt_listener(listening_socket());
        EXPECT_TRUE(port) << (port ? "" : port.error().message());
        const auto client = co_await host::connect(*(*port)->local().ip());
        EXPECT_TRUE(client);
        auto server = co_await (*port)->accept();
        EXPECT_TRUE(server);
        EXPECT_TRUE(co_await (*client)->write(buffer::copy_of("hello")));
        const auto data = co_await (*server)->read();
        EXPECT_TRUE(data && data->view() == "hello");
    });
}

TEST_P(InheritedTest, AConnectedSocketThatBlocksBecomesAFlow) {
    run([]() -> task<void> {
        std::array<int, 2> fds{};
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, fds.data()), 0);
        auto one = host::adopt_descriptor(unique_fd(fds[0]));
        auto other = host::adopt_descriptor(unique_fd(fds[1]));
        EXPECT_TRUE(one && other);
        EXPECT_TRUE(co_await (*one)->write(buffer::copy_of("over")));
        EXPECT_TRUE(co_await (*one)->shutdown(direction::write));
        const auto data = co_await (*other)->read();
        EXPECT_TRUE(data && data->view() == "over");
        const auto end = co_await (*other)->read();
        EXPECT_TRUE(!end && end.error() == errc::end);
    });
}

TEST_P(InheritedTest, TheWrongKindOfSocketIsRefused) {
    run([]() -> task<void> {
        const auto flow = host::adopt_descriptor(listening_socket());
        EXPECT_TRUE(!flow && flow.error() == errc::invalid_argument);
        const auto datagrams = host::adopt_descriptor(unique_fd(::socket(AF_INET, SOCK_DGRAM, 0)));
        EXPECT_TRUE(!datagrams && datagrams.error() == errc::invalid_argument);
        const auto closed = host::adopt_listener(unique_fd(::socket(AF_INET, SOCK_STREAM, 0)));
        EXPECT_TRUE(!closed && closed.error() == errc::invalid_argument);
        co_return;
    });
}

INSTANTIATE_TEST_SUITE_P(Backends, InheritedTest, kernel_backends(), backend_name);

class ServiceManagerTest : public testing::Test {
protected:
    void TearDown() override {
        for (const char* name : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "NOTIFY_SOCKET"}) {
            ::unsetenv(name);
        }
    }
};

TEST_F(ServiceManagerTest, SocketsForAnotherProcessAreLeftAlone) {
    ::setenv("LISTEN_PID", "1", 1);
    ::setenv("LISTEN_FDS", "1", 1);
    const auto sockets = host::inherited_sockets();
    EXPECT_TRUE(sockets && sockets->empty());
    EXPECT_NE(std::getenv("LISTEN_FDS"), nullptr);
}

TEST_F(ServiceManagerTest, AMalformedCountIsAnError) {
    ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
    for (const char* count : {"two", "-1", "99999999999999999999", "5000"}) {
        ::setenv("LISTEN_FDS", count, 1);
        const auto sockets = host::inherited_sockets();
        EXPECT_TRUE(!sockets && sockets.error() == errc::invalid_argument) << count;
    }
}

TEST_F(ServiceManagerTest, TheManagerIsToldOnItsSocket) {
    unique_fd manager(::socket(AF_UNIX, SOCK_DGRAM, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string name = "runnel-notify-" + std::to_string(::getpid());
    std::memcpy(address.sun_path + 1, name.data(), name.size());
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
    ASSERT_EQ(::bind(manager.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_TRUE(host::notify_manager("READY=1")); // nobody to tell
    ::setenv("NOTIFY_SOCKET", ("@" + name).c_str(), 1);
    EXPECT_TRUE(host::notify_manager("READY=1"));
    std::array<char, 64> text{};
    const ssize_t got = ::recv(manager.get(), text.data(), text.size(), MSG_DONTWAIT);
    ASSERT_GT(got, 0);
    EXPECT_EQ(std::string_view(text.data(), static_cast<std::size_t>(got)), "READY=1");
    ::setenv("NOTIFY_SOCKET", "relative/path", 1);
    const auto wrong = host::notify_manager("READY=1");
    EXPECT_TRUE(!wrong && wrong.error() == errc::invalid_argument);
}

} // namespace
} // namespace runnel::host_test
