// SPDX-License-Identifier: Apache-2.0
#include "io_operation.hpp"
#include "runnel/async/loop.hpp"
#include "runnel/core/buffer_pool.hpp"
#include "runnel/host/udp.hpp"
#include "runnel/host/unique_fd.hpp"
#include "socket_options.hpp"
#include "udp_message.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include <netinet/in.h>
#include <sys/socket.h>

namespace runnel::inline v0::host {
namespace {

constexpr int udp_gro = 104; // newer than the C library's headers

/// Room for the longest run of joined datagrams.
constexpr std::size_t receive_room = 65536;
/// A payload this much smaller than its block is copied into a block of its own size.
constexpr std::size_t pinning_factor = 8;

/// Clears a flag that says one direction is in use when the task that set it ends.
class in_use {
public:
    explicit in_use(bool& flag) noexcept : flag_(flag) { flag_ = true; }
    in_use(const in_use&) = delete;
    in_use& operator=(const in_use&) = delete;
    ~in_use() { flag_ = false; }

private:
    bool& flag_;
};

class kernel_udp_socket final : public udp_socket {
public:
    kernel_udp_socket(unique_fd fd, int family, ip_endpoint local, std::optional<ip_endpoint> peer)
        : io_(loop::current().io()), fd_(std::move(fd)), file_(fd_.get(), descriptor_kind::other),
          family_(family), local_(local), peer_(peer) {}
    kernel_udp_socket(const kernel_udp_socket&) = delete;
    kernel_udp_socket& operator=(const kernel_udp_socket&) = delete;
    ~kernel_udp_socket() override {
        if (file_.attached()) {
            io_.detach(file_);
        }
    }

    [[nodiscard]] int attach() noexcept { return io_.attach(file_); }

    task<result<datagram>> receive() override {
        datagram one;
        const auto count = co_await receive_many({&one, 1});
        if (!count) {
            co_return fail(count.error());
        }
        co_return std::move(one);
    }

    task<result<std::size_t>> receive_many(std::span<datagram> into) override {
        if (receiving_) {
            co_return fail(errc::busy);
        }
        const in_use guard(receiving_);
        for (;;) {
            const int got = receive_now(into.first(std::min(into.size(), batch)));
            if (got > 0) {
                co_return static_cast<std::size_t>(got);
            }
            if (got != -EAGAIN) {
                co_return fail(failure(-got));
            }
            const auto waited = co_await io_operation(file_, io_kind::readable, "receive of UDP");
            if (!waited) {
                co_return fail(waited.error());
            }
        }
    }

    task<result<void>> send(datagram what) override {
        const auto count = co_await send_many({&what, 1});
        if (!count) {
            co_return fail(count.error());
        }
        co_return result<void>();
    }

    task<result<std::size_t>> send_many(std::span<datagram> what) override {
        if (sending_) {
            co_return fail(errc::busy);
        }
        const in_use guard(sending_);
        std::size_t sent = 0;
        while (sent < what.size()) {
            const int taken = send_now(what.subspan(sent, std::min(what.size() - sent, batch)));
            if (taken > 0) {
                sent += static_cast<std::size_t>(taken);
            } else if (sent != 0 && taken != -EAGAIN) {
                break;
            } else if (taken != -EAGAIN) {
                co_return fail(failure(-taken));
            } else if (const auto waited =
                           co_await io_operation(file_, io_kind::writable, "send of UDP");
                       !waited) {
                if (sent != 0) {
                    break;
                }
                co_return fail(waited.error());
            }
        }
        co_return sent;
    }

    result<void> join(const ip_address& group, std::uint32_t interface) override {
        return change_group(group, interface, IP_ADD_MEMBERSHIP, IPV6_ADD_MEMBERSHIP, "join");
    }
    result<void> leave(const ip_address& group, std::uint32_t interface) override {
        return change_group(group, interface, IP_DROP_MEMBERSHIP, IPV6_DROP_MEMBERSHIP, "leave");
    }

    [[nodiscard]] ip_endpoint local() const noexcept override { return local_; }
    [[nodiscard]] std::optional<ip_endpoint> remote() const noexcept override { return peer_; }

private:
    /// Receives without waiting: how many, or -errno.
    int receive_now(std::span<datagram> into) noexcept {
        std::array<mmsghdr, batch> headers;
        for (std::size_t i = 0; i < into.size(); ++i) {
            if (rooms_[i].empty()) {
                rooms_[i] = buffer::allocate(receive_room);
            }
            messages_[i].prepare_receive(headers[i].msg_hdr, rooms_[i].writable());
        }
        const int got = ::recvmmsg(file_.fd(), headers.data(), static_cast<unsigned>(into.size()),
                                   MSG_DONTWAIT, nullptr);
        if (got <= 0) {
            rooms_.fill_free();
            return got == 0 ? -EAGAIN : -errno;
        }
        for (int i = 0; i < got; ++i) {
            const auto index = static_cast<std::size_t>(i);
            messages_[index].parse(headers[index].msg_hdr, into[index]);
            into[index].payload = take_payload(index, headers[index].msg_len);
        }
        return got;
    }

    buffer take_payload(std::size_t index, std::size_t size) noexcept {
        if (size * pinning_factor < receive_room) {
            return buffer::copy_of(rooms_[index].span().first(size));
        }
        buffer payload = std::move(rooms_[index]);
        payload.truncate(size);
        return payload;
    }

    int send_now(std::span<const datagram> what) noexcept {
        std::array<mmsghdr, batch> headers;
        for (std::size_t i = 0; i < what.size(); ++i) {
            messages_out_[i].prepare_send(headers[i].msg_hdr, what[i], peer_.has_value(), family_);
        }
        const int taken = ::sendmmsg(file_.fd(), headers.data(), static_cast<unsigned>(what.size()),
                                     MSG_DONTWAIT | MSG_NOSIGNAL);
        return taken >= 0 ? taken : -errno;
    }

    /// The error of a call, with the peer that it is about where the kernel tells.
    error failure(int number) const {
        if (number == EMSGSIZE) {
            return {errc::limit_exceeded, "a UDP datagram is too long for its way"};
        }
        if (auto reported = take_network_error(file_.fd())) {
            return std::move(*reported);
        }
        return error::from_errno(number, "udp://" + (peer_ ? *peer_ : local_).to_string());
    }

    result<void> change_group(const ip_address& group, std::uint32_t interface, int v4_option,
                              int v6_option, const char* verb) {
        int outcome = 0;
        if (group.is_v4()) {
            ip_mreqn request{};
            request.imr_multiaddr.s_addr = htonl(group.v4().number());
            request.imr_ifindex = static_cast<int>(interface);
            outcome = ::setsockopt(file_.fd(), IPPROTO_IP, v4_option, &request, sizeof request);
        } else {
            ipv6_mreq request{};
            std::memcpy(&request.ipv6mr_multiaddr, group.v6().bytes().data(),
                        ipv6_address::byte_count);
            request.ipv6mr_interface = interface;
            outcome = ::setsockopt(file_.fd(), IPPROTO_IPV6, v6_option, &request, sizeof request);
        }
        if (outcome != 0) {
            return fail(
                error::from_errno(errno, std::string(verb) + " group " + group.to_string()));
        }
        return {};
    }

    /// Blocks for the next receive; kept only while datagrams keep coming.
    struct rooms : std::array<buffer, batch> {
        void fill_free() noexcept {
            for (buffer& room : *this) {
                room.reset();
            }
        }
    };

    io_backend& io_;
    unique_fd fd_;
    descriptor file_;
    int family_;
    ip_endpoint local_;
    std::optional<ip_endpoint> peer_;
    bool receiving_ = false;
    bool sending_ = false;
    rooms rooms_;
    std::array<udp_message, batch> messages_;
    std::array<udp_message, batch> messages_out_;
};

struct number_option {
    int level;
    int name;
    int value;
    const char* text;
    bool wanted;
};

result<void> apply(int fd, int family, const udp_options& options) {
    const bool v6 = family == AF_INET6;
    const std::array settings{
        number_option{SOL_SOCKET, SO_REUSEPORT, 1, "reuse-port", options.reuse_port},
        number_option{SOL_SOCKET, SO_BROADCAST, 1, "broadcast", options.broadcast},
        number_option{SOL_SOCKET, SO_RCVBUF, static_cast<int>(options.receive_buffer), "rcvbuf",
                      options.receive_buffer != 0},
        number_option{SOL_SOCKET, SO_SNDBUF, static_cast<int>(options.send_buffer), "sndbuf",
                      options.send_buffer != 0},
        number_option{IPPROTO_IPV6, IPV6_V6ONLY, options.v6_only ? 1 : 0, "v6only", v6},
        number_option{IPPROTO_IP, IP_PKTINFO, 1, "packet information", true},
        number_option{IPPROTO_IPV6, IPV6_RECVPKTINFO, 1, "packet information", v6},
        number_option{IPPROTO_IP, IP_RECVTOS, 1, "traffic class", true},
        number_option{IPPROTO_IPV6, IPV6_RECVTCLASS, 1, "traffic class", v6},
        number_option{IPPROTO_IP, IP_RECVERR, 1, "network errors", options.network_errors},
        number_option{IPPROTO_IPV6, IPV6_RECVERR, 1, "network errors",
                      v6 && options.network_errors},
        number_option{IPPROTO_UDP, udp_gro, 1, "joined datagrams", options.receive_joined},
        number_option{IPPROTO_IP, IP_TTL, options.hop_limit, "hop limit", options.hop_limit != 0},
        number_option{IPPROTO_IPV6, IPV6_UNICAST_HOPS, options.hop_limit, "hop limit",
                      v6 && options.hop_limit != 0},
        number_option{IPPROTO_IP, IP_TOS, options.traffic_class, "traffic class",
                      options.traffic_class != 0},
        number_option{IPPROTO_IPV6, IPV6_TCLASS, options.traffic_class, "traffic class",
                      v6 && options.traffic_class != 0},
    };
    for (const number_option& setting : settings) {
        if (setting.wanted) {
            auto set = set_option(fd, setting.level, setting.name, setting.value, setting.text);
            if (!set) {
                return set;
            }
        }
    }
    return {};
}

result<udp_socket_ptr> open(ip_endpoint place, bool connects, const udp_options& options) {
    const socket_address address(place);
    auto fd = open_socket(address.family(), SOCK_DGRAM);
    if (!fd) {
        return fail(fd.error());
    }
    if (auto set = apply(fd->get(), address.family(), options); !set) {
        return fail(set.error());
    }
    const int outcome = connects ? ::connect(fd->get(), address.data(), address.size())
                                 : ::bind(fd->get(), address.data(), address.size());
    if (outcome != 0) {
        return fail(error::from_errno(errno));
    }
    const auto bound = socket_address::of_socket(fd->get());
    const auto local = bound ? bound->ip() : std::nullopt;
    auto made = std::make_unique<kernel_udp_socket>(std::move(*fd), address.family(),
                                                    local.value_or(ip_endpoint()),
                                                    connects ? std::optional(place) : std::nullopt);
    if (const int number = made->attach(); number != 0) {
        return fail(error::from_errno(number));
    }
    return made;
}

} // namespace

result<udp_socket_ptr> udp_socket::bind(ip_endpoint local, udp_options options) {
    auto opened = open(local, false, options);
    if (!opened) {
        return fail(opened.error().wrap("bind udp://" + local.to_string()));
    }
    return opened;
}

result<udp_socket_ptr> udp_socket::connect(ip_endpoint peer, udp_options options) {
    auto opened = open(peer, true, options);
    if (!opened) {
        return fail(opened.error().wrap("connect udp://" + peer.to_string()));
    }
    return opened;
}

} // namespace runnel::inline v0::host
