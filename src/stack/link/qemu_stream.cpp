// SPDX-License-Identifier: Apache-2.0
#include "descriptor_watch.hpp"
#include "device.hpp"
#include "frame_queue.hpp"
#include "frame_splitter.hpp"
#include "qemu_socket.hpp"
#include "runnel/core/byte_order.hpp"

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <unistd.h>

namespace runnel::inline v0::stack {
namespace {

using mode = qemu_link_options::mode;

/// Frames that wait for the machine to read.
constexpr std::size_t max_waiting = 512;
/// Frames that go with one call.
constexpr std::size_t frames_at_once = 32;
/// Reads for one burst: a peer may send what is no frame, without an end.
constexpr std::size_t max_reads = 4;
/// How long a machine is left alone before it is connected to again.
constexpr duration retry_after = std::chrono::seconds(1);

class stream_link final : public link {
public:
    stream_link(loop& on, const qemu_link_options& options, const sockaddr_un& place)
        : on_(on), how_(options.how), place_(place) {
        properties_.mac = options.mac.is_unspecified() ? random_mac() : options.mac;
        properties_.mtu = options.mtu;
    }
    ~stream_link() override {
        if (listening_ != nullptr) {
            ::unlink(place_.sun_path);
        }
    }

    result<void> open() {
        const auto fd = make_socket(SOCK_STREAM);
        if (!fd) {
            return fail(fd.error());
        }
        const bool opened = how_ == mode::listen ? bind_socket(*fd, SOCK_STREAM, place_)
                                                 : connect_socket(*fd, place_);
        if (!opened) {
            const int problem = errno;
            ::close(*fd);
            return fail(error::from_errno(problem, place_.sun_path));
        }
        return watch(*fd, how_ == mode::listen ? listening_ : machine_);
    }

    [[nodiscard]] const link_properties& properties() const noexcept override {
        return properties_;
    }
    [[nodiscard]] bool writable() const noexcept override { return waiting_.empty(); }
    [[nodiscard]] time_point deadline() const noexcept override {
        return machine_ == nullptr && listening_ == nullptr ? retry_at_ : never;
    }

    bool send(frame_list burst, time_point now) override {
        while (!burst.empty()) {
            frame_ptr one = burst.pop_front();
            if (machine_ == nullptr || !fits_mtu(*one, properties_) ||
                waiting_.size() >= max_waiting) {
                ++statistics_.frames_lost;
            } else {
                waiting_.push_back(std::move(one));
            }
        }
        flush(now);
        return writable();
    }

    [[nodiscard]] frame_list receive(std::size_t limit, time_point now) override {
        frame_list come;
        if (machine_ == nullptr && !find_machine(now)) {
            return come;
        }
        flush(now);
        for (std::size_t reads = 0; come.size() < limit && machine_ != nullptr;) {
            if (const auto found = splitter_.next()) {
                come.push_back(frame_of(*found, now));
                ++statistics_.frames_received;
                statistics_.bytes_received += found->size();
            } else if (reads++ == max_reads) {
                tell_ready();
                break;
            } else if (splitter_.broken() || !read(now)) {
                break;
            }
        }
        if (splitter_.broken()) {
            lose_machine(now);
        }
        return come;
    }

private:
    result<void> watch(int fd, descriptor_watch::pointer& into) {
        auto made = descriptor_watch::create(on_, fd, descriptor_kind::stream);
        if (!made) {
            return fail(made.error());
        }
        into = std::move(*made);
        into->on_event([](void* self) noexcept { static_cast<stream_link*>(self)->tell_ready(); },
                       this);
        return {};
    }

    /// Takes in the machine that connected, or connects to one if it is time.
    bool find_machine(time_point now) {
        int fd = -1;
        if (listening_ != nullptr) {
            fd = ::accept4(listening_->fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
            if (fd < 0) {
                listening_->wait_readable();
                return false;
            }
        } else if (now >= retry_at_) {
            retry_at_ = now + retry_after;
            return open().has_value() && machine_ != nullptr;
        }
        return fd >= 0 && watch(fd, machine_);
    }

    void lose_machine(time_point now) {
        machine_.reset();
        splitter_.reset();
        statistics_.frames_lost += waiting_.size();
        waiting_.clear();
        sent_of_first_ = 0;
        retry_at_ = now + retry_after;
        if (listening_ != nullptr) {
            listening_->wait_readable();
        }
        tell_ready(); // there is room again: frames go nowhere at once
    }

    /// True if there may be frames now.
    bool read(time_point now) {
        const std::span<std::byte> room = splitter_.room();
        const ssize_t got = ::recv(machine_->fd(), room.data(), room.size(), 0);
        if (got > 0) {
            splitter_.filled(static_cast<std::size_t>(got));
            return true;
        }
        if (got < 0 && errno == EINTR) {
            return true;
        }
        if (got < 0 && errno == EAGAIN) {
            machine_->wait_readable();
        } else {
            lose_machine(now);
        }
        return false;
    }

    void flush(time_point now) {
        while (machine_ != nullptr && !waiting_.empty() && !machine_->waits_to_write()) {
            const ssize_t sent = send_some();
            if (sent >= 0) {
                take_off(static_cast<std::size_t>(sent));
            } else if (errno == EAGAIN) {
                machine_->wait_writable();
            } else if (errno != EINTR) {
                lose_machine(now);
            }
        }
    }

    /// Hands the first frames to the kernel, but for what it took of the first one already.
    ssize_t send_some() {
        std::array<std::array<std::byte, frame_splitter::length_size>, frames_at_once> lengths{};
        std::array<iovec, frames_at_once * 4 + frame::max_slices> parts{};
        std::size_t count = 0;
        std::size_t frames = 0;
        std::size_t skip = sent_of_first_;
        const auto add = [&](std::span<const std::byte> piece) {
            const std::size_t less = std::min(skip, piece.size());
            skip -= less;
            if (piece.size() > less) {
                parts[count++] = {const_cast<std::byte*>(piece.data() + less), piece.size() - less};
            }
        };
        waiting_.for_each([&](const frame& one) {
            if (frames == frames_at_once || count + one.slices().size() + 2 > parts.size()) {
                frames = frames_at_once; // the rest keeps its order
                return;
            }
            store_be32(lengths[frames].data(), static_cast<std::uint32_t>(one.size()));
            add(lengths[frames++]);
            add(one.head());
            for (const buffer& slice : one.slices()) {
                add(slice.span());
            }
        });
        msghdr message{};
        message.msg_iov = parts.data();
        message.msg_iovlen = count;
        return ::sendmsg(machine_->fd(), &message, MSG_NOSIGNAL);
    }

    void take_off(std::size_t sent) {
        sent_of_first_ += sent;
        while (!waiting_.empty()) {
            const std::size_t size = waiting_.front().size() + frame_splitter::length_size;
            if (sent_of_first_ < size) {
                break;
            }
            sent_of_first_ -= size;
            count_sent(waiting_.front());
            const frame_ptr done = waiting_.pop_front();
        }
    }

    loop& on_;
    mode how_;
    sockaddr_un place_;
    link_properties properties_;
    descriptor_watch::pointer listening_;
    descriptor_watch::pointer machine_; // null while there is none
    frame_splitter splitter_;
    frame_list waiting_;
    std::size_t sent_of_first_ = 0; // bytes, with its length
    time_point retry_at_{};
};

} // namespace

result<std::unique_ptr<link>> open_qemu_stream(loop& on, const qemu_link_options& options) {
    const auto place = socket_place(options.path);
    if (!place) {
        return fail(place.error());
    }
    auto made = std::make_unique<stream_link>(on, options, *place);
    if (const auto opened = made->open(); !opened) {
        return fail(opened.error());
    }
    return made;
}

} // namespace runnel::inline v0::stack
