// SPDX-License-Identifier: Apache-2.0
// The stack on one side of a TAP or TUN device, and the kernel's TCP on the other, in a network
// namespace of their own.
#include "runnel/async/io.hpp"
#include "runnel/async/loop.hpp"
#include "runnel/async/sleep.hpp"
#include "runnel/stack/link/tap_link.hpp"
#include "test_hosts.hpp"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <unistd.h>

namespace {

using namespace runnel;
using namespace runnel::stack;
using namespace std::chrono_literals;

/// Sets addresses and flags of the kernel's side.
class kernel_interface {
public:
    explicit kernel_interface(const std::string& name)
        : fd_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
        std::memcpy(request_.ifr_name, name.data(), std::min<std::size_t>(name.size(), 15));
    }
    kernel_interface(const kernel_interface&) = delete;
    kernel_interface& operator=(const kernel_interface&) = delete;
    ~kernel_interface() { ::close(fd_); }

    [[nodiscard]] bool start(const char* address, int mtu) {
        request_.ifr_mtu = mtu;
        if (::ioctl(fd_, SIOCSIFMTU, &request_) != 0) {
            return false;
        }
        return set_address(SIOCSIFADDR, address) && set_address(SIOCSIFNETMASK, "255.255.255.0") &&
               set_up(true);
    }
    [[nodiscard]] bool set_up(bool up) {
        request_.ifr_flags = static_cast<short>(up ? IFF_UP | IFF_RUNNING : 0);
        return ::ioctl(fd_, SIOCSIFFLAGS, &request_) == 0;
    }

private:
    bool set_address(unsigned long what, const char* text) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        ::inet_pton(AF_INET, text, &address.sin_addr);
        std::memcpy(&request_.ifr_addr, &address, sizeof address);
        return ::ioctl(fd_, what, &request_) == 0;
    }

    int fd_;
    ifreq request_{};
};

/// A socket of the kernel that sends and checks the same bytes as `test_stream`, of salt 1.
class kernel_stream {
public:
    explicit kernel_stream(std::uint64_t size) : size_(size) {}
    kernel_stream(const kernel_stream&) = delete;
    kernel_stream& operator=(const kernel_stream&) = delete;
    ~kernel_stream() { ::close(fd_); }

    void use(int fd) { fd_ = fd; }
    void connect(const char* to, std::uint16_t port) {
        fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        const char* const reno = "reno"; // BBR's pacing needs a clock that is not this test's
        ::setsockopt(fd_, IPPROTO_TCP, 13 /* TCP_CONGESTION */, reno, 4);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        ::inet_pton(AF_INET, to, &address.sin_addr);
        (void)::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address);
    }

    void act() {
        std::array<unsigned char, 65'536> bytes;
        if (fd_ < 0) {
            return;
        }
        for (int round = 0; round < 16 && !end; ++round) {
            const ssize_t got = ::recv(fd_, bytes.data(), bytes.size(), 0);
            if (got < 0) {
                failed |= errno != EAGAIN && errno != ENOTCONN;
                break;
            }
            end = got == 0;
            for (ssize_t i = 0; i < got; ++i) {
                right &= bytes[static_cast<std::size_t>(i)] == byte_at(read++, 0);
            }
        }
        for (int round = 0; round < 16 && written_ < size_; ++round) {
            const std::size_t part = std::min<std::uint64_t>(bytes.size(), size_ - written_);
            for (std::size_t i = 0; i < part; ++i) {
                bytes[i] = byte_at(written_ + i, 1);
            }
            const ssize_t took = ::send(fd_, bytes.data(), part, MSG_NOSIGNAL);
            if (took < 0) {
                failed |= errno != EAGAIN && errno != ENOTCONN;
                break;
            }
            written_ += static_cast<std::uint64_t>(took);
        }
        if (written_ == size_ && !shut_) {
            shut_ = ::shutdown(fd_, SHUT_WR) == 0;
        }
    }

    bool end = false;
    bool failed = false;
    bool right = true;
    std::uint64_t read = 0;

private:
    static unsigned char byte_at(std::uint64_t place, std::uint8_t salt) {
        return static_cast<unsigned char>(place * 31 + (place >> 8U) + salt);
    }

    int fd_ = -1;
    std::uint64_t size_;
    std::uint64_t written_ = 0;
    bool shut_ = false;
};

class Tap : public testing::TestWithParam<std::tuple<bool, bool, int>> {
protected:
    static void SetUpTestSuite() { separate_ = ::unshare(CLONE_NEWNET) == 0; }

    void SetUp() override {
        if (!separate_) {
            GTEST_SKIP() << "needs root for a network namespace";
        }
        const auto [tun, offload, mtu] = GetParam();
        loop_ = loop::create({.backend = backend_kind::epoll}).value();
        lan_ = std::make_unique<test_lan>(loop_->io().now());
        host_ = &lan_->add();
        tap_options how;
        how.name = "rntest";
        how.tun = tun;
        how.offload = offload;
        auto opened = open_tap(*loop_, how);
        if (!opened &&
            (opened.error() == errc::permission_denied || opened.error() == errc::not_found)) {
            GTEST_SKIP() << "no TAP devices here: " << opened.error().message();
        }
        ASSERT_TRUE(opened) << opened.error().message();
        kernel_ = std::make_unique<kernel_interface>(opened->name);
        ASSERT_TRUE(kernel_->start("10.77.0.1", mtu)) << std::strerror(errno);
        interface_options options;
        options.mtu = static_cast<std::uint32_t>(mtu);
        host_->net.add_interface(std::move(opened->device), options, lan_->now());
        ASSERT_TRUE(host_->net.add_address(1, test_prefix("10.77.0.2/24"), lan_->now()));
    }

    /// Runs both sides until the condition holds, at most for some seconds.
    template <class Condition>
    bool run(Condition condition) {
        bool held = false;
        auto drive = [](Tap& self, Condition& until, bool& out) -> task<void> {
            const time_point end = loop::current().now() + 20s;
            while (!out && loop::current().now() < end) {
                self.lan_->act_at(loop::current().now());
                self.client_.act();
                out = until();
                co_await sleep_for(50us);
            }
        };
        loop_->run(drive(*this, condition, held));
        return held;
    }

    static inline bool separate_ = false;
    std::unique_ptr<loop> loop_;
    std::unique_ptr<test_lan> lan_;
    test_host* host_ = nullptr;
    std::unique_ptr<kernel_interface> kernel_;
    kernel_stream client_{3'000'000};
};

TEST_P(Tap, ServesTheKernel) {
    test_listener server(*lan_, *host_, 3'000'000);
    ASSERT_TRUE(host_->tcp.listen({test_address("0.0.0.0"), 80}, {}, server, lan_->now()));
    client_.connect("10.77.0.2", 80);
    EXPECT_TRUE(run([&] {
        return client_.end && !server.streams.empty() && server.streams[0].ended;
    })) << client_.read;
    ASSERT_FALSE(server.streams.empty());
    EXPECT_TRUE(client_.right && server.streams[0].right && !client_.failed);
    EXPECT_EQ(client_.read, 3'000'000U);
    EXPECT_EQ(server.streams[0].read, 3'000'000U);
}

TEST_P(Tap, ConnectsToTheKernel) {
    const int listening = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(81);
    const int again = 1;
    ::setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &again, sizeof again);
    ASSERT_EQ(::bind(listening, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    ASSERT_EQ(::listen(listening, 1), 0);
    test_stream ours(*lan_, host_->tcp, 3'000'000, 0);
    const auto entry =
        host_->tcp.connect({test_address("10.77.0.1"), 81}, std::nullopt, ours, lan_->now());
    ASSERT_TRUE(entry);
    ours.begin(**entry);
    bool accepted = false;
    EXPECT_TRUE(run([&] {
        if (!accepted) {
            const int fd = ::accept4(listening, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
            if (fd >= 0) {
                accepted = true;
                client_.use(fd);
            }
        }
        return ours.ended && client_.end;
    })) << ours.read;
    EXPECT_TRUE(ours.right && client_.right && !client_.failed);
    EXPECT_EQ(ours.read, 3'000'000U);
    EXPECT_EQ(client_.read, 3'000'000U);
    ::close(listening);
}

TEST_P(Tap, GoesOnAfterTheInterfaceWasDown) {
    test_listener server(*lan_, *host_, 3'000'000);
    ASSERT_TRUE(host_->tcp.listen({test_address("0.0.0.0"), 80}, {}, server, lan_->now()));
    client_.connect("10.77.0.2", 80);
    ASSERT_TRUE(run([&] { return client_.read > 100'000; }));
    ASSERT_TRUE(kernel_->set_up(false));
    int turns = 0;
    EXPECT_TRUE(run([&] { return ++turns == 100; }));
    ASSERT_TRUE(kernel_->set_up(true));
    EXPECT_TRUE(run([&] { return client_.end && server.streams[0].ended; })) << client_.read;
    EXPECT_TRUE(client_.right && server.streams[0].right);
}

INSTANTIATE_TEST_SUITE_P(Devices, Tap,
                         testing::Combine(testing::Bool(), testing::Bool(),
                                          testing::Values(1280, 1500)));

} // namespace
