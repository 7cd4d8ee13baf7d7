// SPDX-License-Identifier: Apache-2.0
#include "qemu_socket.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <unistd.h>

namespace runnel::inline v0::stack {

result<sockaddr_un> socket_place(const std::string& path) {
    sockaddr_un place{};
    if (path.empty() || path.size() >= sizeof place.sun_path) {
        return fail(errc::invalid_argument,
                    "the path of a Unix socket has 1 to 107 characters, not \"" + path + "\"");
    }
    place.sun_family = AF_UNIX;
    std::ranges::copy(path, place.sun_path);
    return place;
}

result<int> make_socket(int type) {
    const int fd = ::socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return fail(error::from_errno(errno, "make a socket"));
    }
    return fd;
}

bool connect_socket(int fd, const sockaddr_un& place) noexcept {
    return ::connect(fd, reinterpret_cast<const sockaddr*>(&place), sizeof place) == 0;
}

bool bind_socket(int fd, int type, const sockaddr_un& place) noexcept {
    const auto bind = [&] {
        return ::bind(fd, reinterpret_cast<const sockaddr*>(&place), sizeof place) == 0;
    };
    if (!bind()) {
        const int probe = errno == EADDRINUSE ? ::socket(AF_UNIX, type | SOCK_CLOEXEC, 0) : -1;
        const bool left_over = probe >= 0 && !connect_socket(probe, place) && errno == ECONNREFUSED;
        if (probe >= 0) {
            ::close(probe);
            errno = EADDRINUSE;
        }
        if (!left_over || ::unlink(place.sun_path) != 0 || !bind()) {
            return false;
        }
    }
    return type != SOCK_STREAM || ::listen(fd, 1) == 0;
}

frame_ptr frame_of(std::span<const std::byte> bytes, time_point now) {
    frame_ptr one = frame::make();
    one->add(buffer::copy_of(bytes));
    one->arrived = now;
    return one;
}

result<std::unique_ptr<link>> open_qemu_link(loop& on, const qemu_link_options& options) {
    return options.how == qemu_link_options::mode::datagram ? open_qemu_datagrams(on, options)
                                                            : open_qemu_stream(on, options);
}

} // namespace runnel::inline v0::stack
