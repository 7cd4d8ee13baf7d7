// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/loop.hpp"
#include "runnel/async/task.hpp"
#include "runnel/core/buffer.hpp"
#include "runnel/core/ip_endpoint.hpp"
#include "runnel/flow/flow.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

/// What the tests of this layer share: a loop of each backend, and a peer that knows nothing of
/// runnel.
namespace runnel::host_test {

/// Runs a test once for each backend of the kernel.
class BackendTest : public testing::TestWithParam<backend_kind> {
protected:
    void SetUp() override {
        auto made = loop::create({.backend = GetParam()});
        if (!made) {
            GTEST_SKIP() << made.error().message();
        }
        loop_ = std::move(*made);
    }

    /// Runs `body()`, a coroutine.
    template <class F>
    void run(F body) {
        loop_->run(body());
    }

    std::unique_ptr<loop> loop_;
};

/// With an empty folder of its own.
class FolderTest : public BackendTest {
protected:
    void SetUp() override {
        std::string name = (std::filesystem::temp_directory_path() / "runnel-").string() +
                           std::string(6, 'X'); // which mkdtemp replaces
        ASSERT_NE(::mkdtemp(name.data()), nullptr);
        folder_ = name;
        BackendTest::SetUp();
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }

    [[nodiscard]] std::string path(std::string_view name) const { return folder_ / name; }

    std::filesystem::path folder_;
};

inline std::string backend_name(const testing::TestParamInfo<backend_kind>& info) {
    return std::string(to_string(info.param));
}

inline auto kernel_backends() {
    return testing::Values(backend_kind::epoll, backend_kind::io_uring);
}

inline ip_endpoint loopback(std::uint16_t port = 0) {
    return {ipv4_address::loopback(), port};
}

inline std::string pattern(std::size_t size) {
    std::string text(size, '\0');
    for (std::size_t i = 0; i < size; ++i) {
        text[i] = static_cast<char>('a' + (i * 7 + i / 251) % 26);
    }
    return text;
}

/// A blocking TCP client of plain system calls.
class raw_peer {
public:
    explicit raw_peer(int fd) : fd_(fd) {}
    /// Connects to a port of the loopback; the kernel completes that without anyone's accept.
    static raw_peer connect(std::uint16_t port) {
        const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_port = htons(port);
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
        // A test that would wait for ever fails instead.
        const timeval limit{.tv_sec = 20, .tv_usec = 0};
        ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        return raw_peer(fd);
    }
    raw_peer(raw_peer&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    raw_peer& operator=(raw_peer&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~raw_peer() { close(); }

    [[nodiscard]] int fd() const { return fd_; }
    void send(std::string_view text) const {
        EXPECT_EQ(::send(fd_, text.data(), text.size(), MSG_NOSIGNAL),
                  static_cast<ssize_t>(text.size()));
    }
    /// Receives `size` bytes, or less at the end.
    [[nodiscard]] std::string receive(std::size_t size) const {
        std::string text(size, '\0');
        const ssize_t got = ::recv(fd_, text.data(), size, MSG_WAITALL);
        text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
        return text;
    }
    /// What a recv of one byte gives: 1, 0 at the end, or -errno.
    [[nodiscard]] int receive_status() const {
        char byte = 0;
        const ssize_t got = ::recv(fd_, &byte, 1, 0);
        return got >= 0 ? static_cast<int>(got) : -errno;
    }
    void finish() const { ::shutdown(fd_, SHUT_WR); }
    /// Closes with RST.
    void reset() {
        const linger at_once{.l_onoff = 1, .l_linger = 0};
        ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        close();
    }
    void close() {
        if (fd_ >= 0) {
            ::close(std::exchange(fd_, -1));
        }
    }

private:
    int fd_;
};

/// Reads until the stream finishes; gives what came, and how it finished.
inline task<std::pair<std::string, errc>> read_all(flow& source) {
    std::string text;
    for (;;) {
        const auto piece = co_await source.read();
        if (!piece) {
            co_return std::pair(std::move(text), piece.error().kind());
        }
        text += piece->view();
    }
}

/// Reads `size` bytes, or less if the stream finishes.
inline task<std::string> read_text(flow& source, std::size_t size) {
    std::string text;
    while (text.size() < size) {
        const auto piece = co_await source.read(size - text.size());
        if (!piece) {
            break;
        }
        text += piece->view();
    }
    co_return text;
}

} // namespace runnel::host_test
