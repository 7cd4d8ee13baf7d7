// SPDX-License-Identifier: Apache-2.0
#include "io_backend_fixture.hpp"

#include <array>
#include <cerrno>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace runnel::test {

void open_file::close() {
    if (descriptor_ != nullptr) {
        detach();
        ::close(descriptor_->fd());
        descriptor_.reset();
    }
}

stream_sender::stream_sender(io_backend& backend, open_file& target, std::string_view bytes,
                             bool zero_copy)
    : io_(&backend), bytes_(bytes), request_(target, io_kind::send, [](io_request& self) noexcept {
          stream_sender& sender = *static_cast<owned&>(self).owner;
          sender.count();
          sender.go();
      }) {
    request_.owner = this;
    request_.zero_copy = zero_copy;
}

void stream_sender::go() {
    while (!stopped_ && sent_ < bytes_.size()) {
        request_.use(bytes_.substr(sent_));
        if (!io_->start(request_)) {
            return;
        }
        count();
    }
}

void stream_sender::count() {
    if (request_.result > 0) {
        sent_ += static_cast<std::size_t>(request_.result);
    } else {
        stopped_ = true; // the request has the error
    }
}

void IoBackend::SetUp() {
    auto made = make_backend();
    if (!made) {
        GTEST_SKIP() << made.error().message();
    }
    io_ = std::move(*made);
}

void IoBackend::await(const io_request& request) {
    const time_point limit = io_->now() + std::chrono::seconds(10);
    while (request.pending()) {
        ASSERT_LT(io_->wait(limit, false), limit) << "the request is never done";
    }
}

void IoBackend::settle() {
    for (int i = 0; i < 4; ++i) {
        io_->wait(never, true);
    }
}

std::string IoBackend::receive(open_file& source, std::uint32_t size_hint) {
    call request(source, io_kind::receive);
    request.size_hint = size_hint;
    const int size = run(request);
    EXPECT_EQ(size, static_cast<int>(request.data.size()));
    return std::string(request.data.view());
}

std::string IoBackend::carry(open_file& left, open_file& right, std::string_view bytes,
                             std::uint32_t size_hint) {
    stream_sender sender(*io_, left, bytes);
    sender.go();
    std::string arrived;
    while (arrived.size() < bytes.size()) {
        const std::string more = receive(right, size_hint);
        if (more.empty()) {
            ADD_FAILURE() << "the stream ends early";
            break;
        }
        arrived += more;
    }
    await(sender.request());
    return arrived;
}

void IoBackend::make_busy(open_file& left, open_file& right) {
    for (int i = 0; i < 20; ++i) {
        call reader(right, io_kind::receive);
        EXPECT_FALSE(io_->start(reader));
        EXPECT_EQ(send(left, "ping"), 4);
        await(reader);
        EXPECT_EQ(reader.data.view(), "ping");
    }
}

file_pair IoBackend::attached(int first, int second) {
    file_pair files{open_file(first), open_file(second)};
    files.first.attach(*io_);
    files.second.attach(*io_);
    return files;
}

file_pair IoBackend::socket_pair() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()), 0);
    return attached(ends[0], ends[1]);
}

file_pair IoBackend::pipe() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe2(ends.data(), O_NONBLOCK | O_CLOEXEC), 0);
    return attached(ends[0], ends[1]);
}

open_file IoBackend::tcp_listener() {
    open_file listener(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(listener.fd(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(listener.fd(), 256), 0);
    listener.attach(*io_);
    return listener;
}

int IoBackend::connect_to(open_file& listener) {
    sockaddr_in address{};
    socklen_t size = sizeof address;
    EXPECT_EQ(::getsockname(listener.fd(), reinterpret_cast<sockaddr*>(&address), &size), 0);
    const int client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    // On loopback this is through as soon as the listener's queue has it.
    EXPECT_EQ(::connect(client, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::fcntl(client, F_SETFL, O_NONBLOCK), 0);
    return client;
}

file_pair IoBackend::tcp_pair() {
    open_file listener = tcp_listener();
    const int client = connect_to(listener);
    call acceptor(listener, io_kind::accept);
    const int server = run(acceptor);
    EXPECT_GE(server, 0);
    return attached(client, server);
}

std::string pattern(std::size_t size) {
    std::string bytes(size, '\0');
    std::uint32_t state = 1;
    for (char& byte : bytes) {
        state = state * 1664525 + 1013904223;
        byte = static_cast<char>(state >> 24);
    }
    return bytes;
}

} // namespace runnel::test
