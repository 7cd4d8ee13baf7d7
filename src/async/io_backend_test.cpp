// SPDX-License-Identifier: Apache-2.0
#include "backends.hpp"
#include "runnel/async/loop.hpp"
#include "runnel/core/buffer.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

namespace runnel {
namespace {

/// A descriptor that closes its file.
class open_file {
public:
    explicit open_file(int fd) : descriptor_(std::make_unique<descriptor>(fd)) {}
    open_file(open_file&&) = default;
    open_file& operator=(open_file&&) = default;
    ~open_file() { close(); }

    void attach(io_backend& io) {
        io_ = &io;
        ASSERT_EQ(io.attach(*descriptor_), 0);
    }
    void close() {
        if (descriptor_ != nullptr) {
            if (descriptor_->attached()) {
                io_->detach(*descriptor_);
            }
            ::close(descriptor_->fd());
            descriptor_.reset();
        }
    }
    descriptor& operator*() { return *descriptor_; }
    [[nodiscard]] int fd() const { return descriptor_->fd(); }

private:
    std::unique_ptr<descriptor> descriptor_;
    io_backend* io_ = nullptr;
};

/// A request that counts how often it was done.
struct call : io_request {
    call(open_file& target, io_kind what)
        : io_request(*target,
                     [](io_request& self) noexcept { ++static_cast<call&>(self).completions; }) {
        kind = what;
    }
    call(open_file& target, std::string_view bytes) : call(target, io_kind::send) {
        piece = {const_cast<char*>(bytes.data()), bytes.size()};
        message.msg_iov = &piece;
        message.msg_iovlen = 1;
    }
    call(open_file& target, std::vector<char>& room) : call(target, io_kind::receive_into) {
        piece = {room.data(), room.size()};
        message.msg_iov = &piece;
        message.msg_iovlen = 1;
    }

    iovec piece{};
    int completions = 0;
};

class IoBackend : public testing::TestWithParam<backend_kind> {
protected:
    void SetUp() override {
        auto made = GetParam() == backend_kind::epoll ? make_epoll_backend() : make_uring_backend();
        if (!made) {
            GTEST_SKIP() << made.error().message();
        }
        io = std::move(*made);
    }

    /// Waits for events until `request` is done; fails after ten seconds without.
    void await(const io_request& request) {
        const time_point limit = io->now() + std::chrono::seconds(10);
        while (request.pending()) {
            ASSERT_LT(io->wait(limit, false), limit) << "the request is never done";
        }
    }
    int run(call& request) {
        if (!io->start(request)) {
            await(request);
        }
        return request.result;
    }
    /// Handles what has happened by now.
    void settle() {
        for (int i = 0; i < 3; ++i) {
            io->wait(never, true);
        }
    }

    int send(open_file& target, std::string_view bytes) {
        call request(target, bytes);
        return run(request);
    }
    std::string receive(open_file& source) {
        call request(source, io_kind::receive);
        const int size = run(request);
        EXPECT_EQ(size, static_cast<int>(request.data.size()));
        return std::string(request.data.view());
    }

    std::pair<open_file, open_file> attached(int first, int second) {
        std::pair<open_file, open_file> files{open_file(first), open_file(second)};
        files.first.attach(*io);
        files.second.attach(*io);
        return files;
    }
    std::pair<open_file, open_file> socket_pair() {
        std::array<int, 2> ends{};
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()),
                  0);
        return attached(ends[0], ends[1]);
    }
    std::pair<open_file, open_file> pipe() {
        std::array<int, 2> ends{};
        EXPECT_EQ(::pipe2(ends.data(), O_NONBLOCK | O_CLOEXEC), 0);
        return attached(ends[0], ends[1]);
    }

    std::unique_ptr<io_backend> io;
};

TEST_P(IoBackend, CarriesBytesOverASocketPair) {
    auto [left, right] = socket_pair();
    call reader(right, io_kind::receive);
    EXPECT_FALSE(io->start(reader));
    EXPECT_EQ(send(left, "hello"), 5);
    await(reader);
    EXPECT_EQ(reader.data.view(), "hello");
    EXPECT_EQ(reader.completions, 1);
}

TEST_P(IoBackend, CarriesBytesOverAPipe) {
    auto [out, in] = pipe();
    EXPECT_EQ(send(in, "hello"), 5);
    EXPECT_EQ(receive(out), "hello");
    in.close();
    EXPECT_EQ(receive(out), "");
}

TEST_P(IoBackend, GivesEpipeInsteadOfASignalForAPipeWithoutReader) {
    auto [out, in] = pipe();
    out.close();
    EXPECT_EQ(send(in, "hello"), -EPIPE);
}

std::string backend_name(const testing::TestParamInfo<backend_kind>& info) {
    return std::string(to_string(info.param));
}

INSTANTIATE_TEST_SUITE_P(Kernel, IoBackend,
                         testing::Values(backend_kind::epoll, backend_kind::io_uring),
                         backend_name);

} // namespace
} // namespace runnel
