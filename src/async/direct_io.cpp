// SPDX-License-Identifier: Apache-2.0
#include "direct_io.hpp"

#include "no_sigpipe.hpp"
#include "receive_buffer.hpp"

#include <cerrno>
#include <utility>

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

namespace runnel::inline v0 {

std::size_t room_of(const io_request& request) noexcept {
    if (request.kind == io_kind::receive) {
        return receive_size(request.size_hint);
    }
    std::size_t sum = 0;
    for (std::size_t i = 0; i < request.message.msg_iovlen; ++i) {
        sum += request.message.msg_iov[i].iov_len;
    }
    return sum;
}

/// The outcome of a system call as a result, after repeating it if a signal came in between.
template <class F>
int direct_io::call(F function) noexcept {
    for (;;) {
        ++*system_calls_;
        const ssize_t outcome = function();
        if (outcome >= 0) {
            return static_cast<int>(outcome);
        }
        if (errno != EINTR) {
            return -errno;
        }
    }
}

int direct_io::perform(io_request& request) noexcept {
    const int fd = request.file->fd();
    switch (request.kind) {
    case io_kind::receive:
        return receive(request);
    case io_kind::receive_into:
        return receive_into(request);
    case io_kind::send:
        return request.file->kind() == descriptor_kind::other ? write(request) : send(request);
    case io_kind::accept:
        return call([&] { return ::accept4(fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC); });
    case io_kind::readable:
        return poll(fd, POLLIN | POLLRDHUP);
    case io_kind::writable:
        return poll(fd, POLLOUT);
    }
    return -EINVAL;
}

int direct_io::receive(io_request& request) noexcept {
    const int fd = request.file->fd();
    const std::uint32_t room = receive_size(request.size_hint);
    buffer block = spare_.size() == room ? std::move(spare_) : buffer::allocate(room);
    std::byte* target = block.writable().data();
    const int outcome = call([&] {
        return request.file->kind() == descriptor_kind::other
                   ? ::read(fd, target, room)
                   : ::recv(fd, target, room, MSG_DONTWAIT);
    });
    const std::size_t size = outcome > 0 ? static_cast<std::size_t>(outcome) : 0;
    if (size > 0 && !worth_copying(size, room)) {
        block.truncate(size);
        request.data = std::move(block);
    } else {
        if (size > 0) {
            request.data = buffer::copy_of(block.span().first(size));
        }
        spare_ = std::move(block);
    }
    return outcome;
}

int direct_io::receive_into(io_request& request) noexcept {
    const int fd = request.file->fd();
    msghdr& message = request.message;
    if (request.file->kind() == descriptor_kind::other) {
        return call(
            [&] { return ::readv(fd, message.msg_iov, static_cast<int>(message.msg_iovlen)); });
    }
    const int flags = request.flags | MSG_DONTWAIT;
    if (is_plain(message) && request.file->kind() == descriptor_kind::tcp) {
        const iovec& piece = *message.msg_iov;
        return call([&] { return ::recv(fd, piece.iov_base, piece.iov_len, flags); });
    }
    return call([&] { return ::recvmsg(fd, &message, flags); });
}

int direct_io::send(const io_request& request) noexcept {
    const int fd = request.file->fd();
    const msghdr& message = request.message;
    const int flags = request.flags | MSG_NOSIGNAL | MSG_DONTWAIT;
    if (is_plain(message)) {
        const iovec& piece = *message.msg_iov;
        return call([&] { return ::send(fd, piece.iov_base, piece.iov_len, flags); });
    }
    return call([&] { return ::sendmsg(fd, &message, flags); });
}

int direct_io::write(const io_request& request) noexcept {
    const int fd = request.file->fd();
    const iovec* pieces = request.message.msg_iov;
    const auto count = static_cast<int>(request.message.msg_iovlen);
    const int outcome = call([&] { return ::pwritev2(fd, pieces, count, -1, no_sigpipe_flag()); });
    if (outcome != -EOPNOTSUPP) {
        return outcome;
    }
    return call([&] { return ::writev(fd, pieces, count); }); // an eventfd, say, takes no flags
}

/// 0 when the direction is ready.
int direct_io::poll(int fd, short direction) noexcept {
    pollfd query{fd, direction, 0};
    const int ready = call([&] { return ::poll(&query, 1, 0); });
    return ready > 0 ? 0 : ready == 0 ? -EAGAIN : ready;
}

} // namespace runnel::inline v0
