// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "backends.hpp"
#include "runnel/async/loop.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace runnel::test {

/// A descriptor that is detached and closed in the end.
class open_file {
public:
    open_file() = default;
    explicit open_file(int fd, descriptor_kind kind = descriptor_kind::unknown)
        : descriptor_(std::make_unique<descriptor>(fd, kind)) {}
    open_file(open_file&&) = default;
    open_file& operator=(open_file&& other) noexcept {
        std::swap(descriptor_, other.descriptor_);
        std::swap(io_, other.io_);
        return *this;
    }
    ~open_file() { close(); }

    void attach(io_backend& io) {
        io_ = &io;
        ASSERT_EQ(io.attach(*descriptor_), 0);
    }
    void detach() {
        if (descriptor_->attached()) {
            io_->detach(*descriptor_);
        }
    }
    void close();
    descriptor& operator*() { return *descriptor_; }
    [[nodiscard]] int fd() const { return descriptor_->fd(); }

private:
    std::unique_ptr<descriptor> descriptor_;
    io_backend* io_ = nullptr;
};

/// A request that counts how often it was done.
struct call : io_request {
    call(open_file& target, io_kind what, function done = &count) : io_request(*target, done) {
        kind = what;
    }
    /// A send of `bytes`.
    call(open_file& target, std::string_view bytes) : call(target, io_kind::send) { use(bytes); }
    /// A receive into `room`.
    call(open_file& target, std::string& room) : call(target, io_kind::receive_into) { use(room); }

    void use(std::string_view memory) {
        piece = {const_cast<char*>(memory.data()), memory.size()};
        message.msg_iov = &piece;
        message.msg_iovlen = 1;
    }

    static void count(io_request& self) noexcept { ++static_cast<call&>(self).completions; }

    iovec piece{};
    int completions = 0;
};

/// Sends all of some bytes, in as many sends as it takes.
class stream_sender {
public:
    stream_sender(io_backend& backend, open_file& target, std::string_view bytes,
                  bool zero_copy = false);
    /// Begins, or goes on.
    void go();
    /// Begins no further send.
    void stop() { stopped_ = true; }
    [[nodiscard]] bool pending() const { return request_.pending(); }
    /// The bytes accepted so far.
    [[nodiscard]] std::size_t sent() const { return sent_; }
    /// The send that is under way.
    [[nodiscard]] call& request() { return request_; }

private:
    struct owned : call {
        using call::call;
        stream_sender* owner = nullptr;
    };
    void count();

    io_backend* io_;
    std::string_view bytes_;
    std::size_t sent_ = 0;
    bool stopped_ = false;
    owned request_;
};

using file_pair = std::pair<open_file, open_file>;

/// A backend without a loop.
class IoBackend : public testing::TestWithParam<backend_kind> {
protected:
    void SetUp() override;

    [[nodiscard]] static bool is_epoll() { return GetParam() == backend_kind::epoll; }
    [[nodiscard]] static result<std::unique_ptr<io_backend>> make_backend() {
        return is_epoll() ? make_epoll_backend() : make_uring_backend();
    }

    /// Waits for events until `request` is done; fails after ten seconds without.
    void await(const io_request& request);
    int run(call& request) {
        if (!io_->start(request)) {
            await(request);
        }
        return request.result;
    }
    /// Handles what has happened by now.
    void settle();

    int send(open_file& target, std::string_view bytes) {
        call request(target, bytes);
        return run(request);
    }
    std::string receive(open_file& source, std::uint32_t size_hint = 0);
    /// Moves all of `bytes` from `left` to `right`, in calls of at most `piece`, and gives what
    /// arrived.
    std::string carry(open_file& left, open_file& right, std::string_view bytes,
                      std::uint32_t size_hint = 0);
    /// Sends small messages to and fro, until a backend would treat the files as busy ones.
    void make_busy(open_file& left, open_file& right);

    file_pair attached(int first, int second);
    file_pair socket_pair();
    file_pair pipe();
    open_file tcp_listener();
    /// A new client of `listener`, not attached.
    static int connect_to(open_file& listener);
    /// Both ends of a new TCP connection.
    file_pair tcp_pair();

    std::unique_ptr<io_backend> io_;
};

/// `size` bytes in which each run of a few is different.
std::string pattern(std::size_t size);

} // namespace runnel::test
