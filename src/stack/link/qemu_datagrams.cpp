// SPDX-License-Identifier: Apache-2.0
#include "descriptor_watch.hpp"
#include "device.hpp"
#include "frame_queue.hpp"
#include "frame_splitter.hpp"
#include "qemu_socket.hpp"

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <unistd.h>
#include <vector>

namespace runnel::inline v0::stack {
namespace {

/// Frames that wait for the machine to read.
constexpr std::size_t max_waiting = 512;

class datagram_link final : public link {
public:
    datagram_link(descriptor_watch::pointer file, const qemu_link_options& options,
                  const sockaddr_un& own, const sockaddr_un& peer)
        : file_(std::move(file)), own_(own), peer_(peer), room_(frame_splitter::max_frame) {
        properties_.mac = options.mac.is_unspecified() ? random_mac() : options.mac;
        properties_.mtu = options.mtu;
        file_->on_event(
            [](void* self) noexcept { static_cast<datagram_link*>(self)->tell_ready(); }, this);
    }
    ~datagram_link() override { ::unlink(own_.sun_path); }

    [[nodiscard]] const link_properties& properties() const noexcept override {
        return properties_;
    }
    [[nodiscard]] bool writable() const noexcept override { return waiting_.empty(); }

    bool send(frame_list burst, time_point /*now*/) override {
        while (!burst.empty()) {
            frame_ptr one = burst.pop_front();
            if (fits_mtu(*one, properties_) && waiting_.size() < max_waiting) {
                waiting_.push_back(std::move(one));
            } else {
                ++statistics_.frames_lost;
            }
        }
        flush();
        return writable();
    }

    [[nodiscard]] frame_list receive(std::size_t limit, time_point now) override {
        frame_list come;
        flush();
        // Twice as often as frames are asked for: a peer may send what is none.
        for (std::size_t turn = 0; come.size() < limit; ++turn) {
            if (turn == 2 * limit) {
                tell_ready();
                break;
            }
            const ssize_t got = ::recv(file_->fd(), room_.data(), room_.size(), MSG_TRUNC);
            if (got < 0 && errno == EAGAIN) {
                file_->wait_readable();
                break;
            }
            const auto size = static_cast<std::size_t>(got);
            if (got <= 0 || size > room_.size()) {
                continue; // the peer went away, or no frame
            }
            come.push_back(frame_of(std::span(room_).first(size), now));
            count_received(size);
        }
        return come;
    }

private:
    void count_received(std::size_t size) noexcept {
        ++statistics_.frames_received;
        statistics_.bytes_received += size;
    }

    void flush() {
        while (!waiting_.empty() && !file_->waits_to_write()) {
            const bool sent = send_one(waiting_.front());
            if (!sent && errno == EINTR) {
                continue;
            }
            if (!sent && errno == EAGAIN) {
                wait_for_room();
                continue;
            }
            if (sent) {
                count_sent(waiting_.front());
            } else {
                ++statistics_.frames_lost; // nobody is there
            }
            const frame_ptr done = waiting_.pop_front();
        }
    }

    /// False with errno.
    bool send_one(const frame& one) {
        if (connected_) {
            connected_ = false;
            const sockaddr nobody{.sa_family = AF_UNSPEC, .sa_data = {}};
            (void)::connect(file_->fd(), &nobody, sizeof nobody);
        }
        std::array<iovec, frame::max_slices + 1> parts{};
        std::size_t count = 0;
        const std::span<const std::byte> head = one.head();
        parts[count++] = {const_cast<std::byte*>(head.data()), head.size()};
        for (const buffer& slice : one.slices()) {
            parts[count++] = {const_cast<std::byte*>(slice.data()), slice.size()};
        }
        msghdr message{};
        message.msg_name = &peer_;
        message.msg_namelen = sizeof peer_;
        message.msg_iov = parts.data();
        message.msg_iovlen = count;
        return ::sendmsg(file_->fd(), &message, MSG_NOSIGNAL) >= 0;
    }

    /// Only of a socket that is connected the kernel says when its peer has room. It is not so for
    /// longer, because then no other machine could come to this place.
    void wait_for_room() {
        connected_ = connect_socket(file_->fd(), peer_);
        file_->wait_writable();
    }

    descriptor_watch::pointer file_;
    sockaddr_un own_;
    sockaddr_un peer_;
    link_properties properties_;
    std::vector<std::byte> room_;
    frame_list waiting_;
    bool connected_ = false;
};

} // namespace

result<std::unique_ptr<link>> open_qemu_datagrams(loop& on, const qemu_link_options& options) {
    const auto own = socket_place(options.path);
    const auto peer = socket_place(options.peer);
    if (!own || !peer) {
        return fail(own ? peer.error() : own.error());
    }
    const auto fd = make_socket(SOCK_DGRAM);
    if (!fd) {
        return fail(fd.error());
    }
    if (!bind_socket(*fd, SOCK_DGRAM, *own)) {
        const int problem = errno;
        ::close(*fd);
        return fail(error::from_errno(problem, options.path));
    }
    auto file = descriptor_watch::create(on, *fd, descriptor_kind::datagram);
    if (!file) {
        ::unlink(own->sun_path);
        return fail(file.error());
    }
    return std::make_unique<datagram_link>(std::move(*file), options, *own, *peer);
}

} // namespace runnel::inline v0::stack
