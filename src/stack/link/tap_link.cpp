// SPDX-License-Identifier: Apache-2.0
#include "runnel/stack/link/tap_link.hpp"

#include "descriptor_watch.hpp"
#include "runnel/core/random.hpp"
#include "runnel/stack/link/segmentation.hpp"

#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

namespace runnel::inline v0::stack {
namespace {

/// TUN_F_USO4 and TUN_F_USO6: newer than the headers of some systems whose kernel knows them.
constexpr unsigned offload_uso = 0x20U | 0x40U;

/// The header in front of each frame (virtio 1.2, 5.1.6), with numbers in the order of the host.
/// The system's own definition is no C++.
struct virtio_header {
    std::uint8_t flags;
    std::uint8_t gso_type;
    std::uint16_t header_size;
    std::uint16_t gso_size;
    std::uint16_t checksum_start;
    std::uint16_t checksum_offset;
};
constexpr std::size_t header_size = sizeof(virtio_header);
static_assert(header_size == 10, "as virtio lays it out");
constexpr std::uint8_t flag_needs_checksum = 1;
constexpr std::uint8_t flag_data_valid = 2;
constexpr std::uint8_t gso_none = 0;
constexpr std::uint8_t gso_tcp_v4 = 1;
constexpr std::uint8_t gso_tcp_v6 = 4;
constexpr std::uint8_t gso_udp_l4 = 5;
constexpr std::uint8_t gso_ecn = 0x80;

constexpr std::size_t largest_frame = 65'535 + 18;
/// A frame up to this size is copied to memory of its own size, so that what a program keeps of it
/// does not hold a whole super-segment's.
constexpr std::size_t copied_size = 4096;

segmentation kind_of(std::uint8_t gso_type) noexcept {
    switch (gso_type & ~unsigned{gso_ecn}) {
    case gso_tcp_v4:
        return segmentation::tcp_v4;
    case gso_tcp_v6:
        return segmentation::tcp_v6;
    case gso_udp_l4:
        return segmentation::udp;
    default:
        return segmentation::none;
    }
}

std::uint8_t gso_of(const frame_offload& offload) noexcept {
    const auto ecn = static_cast<std::uint8_t>(offload.ecn ? gso_ecn : 0);
    switch (offload.cut) {
    case segmentation::none:
        return gso_none;
    case segmentation::tcp_v4:
        return gso_tcp_v4 | ecn;
    case segmentation::tcp_v6:
        return gso_tcp_v6 | ecn;
    case segmentation::udp:
        return gso_udp_l4;
    }
    return gso_none;
}

virtio_header header_of(const frame& one) noexcept {
    virtio_header header{};
    const frame_offload& offload = one.offload;
    if (offload.needs_checksum) {
        header.flags = flag_needs_checksum;
        header.checksum_start = offload.checksum_start;
        header.checksum_offset = offload.checksum_offset;
    }
    if (offload.cut != segmentation::none) {
        header.gso_type = gso_of(offload);
        header.gso_size = offload.segment_size;
        header.header_size = offload.header_size;
    }
    return header;
}

class tap_link final : public link {
public:
    tap_link(descriptor_watch::pointer file, const link_properties& properties)
        : file_(std::move(file)), properties_(properties) {
        file_->on_event([](void* self) noexcept { static_cast<tap_link*>(self)->tell_ready(); },
                        this);
    }

    [[nodiscard]] const link_properties& properties() const noexcept override {
        return properties_;
    }
    [[nodiscard]] bool writable() const noexcept override { return !file_->waits_to_write(); }

    bool send(frame_list burst, time_point /*now*/) override {
        while (!burst.empty()) {
            const frame_ptr one = burst.pop_front();
            if (write(*one)) {
                count_sent(*one);
            } else {
                ++statistics_.frames_lost;
            }
        }
        return writable();
    }

    [[nodiscard]] frame_list receive(std::size_t limit, time_point now) override {
        frame_list come;
        while (come.size() < limit) {
            frame_ptr one = frame::make();
            const ssize_t size = read(*one);
            if (size < 0) {
                if (errno != EINTR) {
                    // Nothing more, or nothing now because the interface is down.
                    file_->wait_readable();
                    break;
                }
                continue;
            }
            if (one->size() == 0) {
                continue; // its header made no sense
            }
            one->arrived = now;
            count_received(*one);
            come.push_back(std::move(one));
        }
        return come;
    }

private:
    bool write(const frame& one) noexcept {
        virtio_header header = header_of(one);
        std::array<iovec, frame::max_slices + 2> parts{};
        std::size_t count = 0;
        parts[count++] = {&header, header_size};
        const auto add = [&](std::span<const std::byte> piece) {
            if (!piece.empty()) {
                parts[count++] = {const_cast<std::byte*>(piece.data()), piece.size()};
            }
        };
        add(one.head());
        for (const buffer& slice : one.slices()) {
            add(slice.span());
        }
        const ssize_t wrote = ::writev(file_->fd(), parts.data(), static_cast<int>(count));
        if (wrote < 0 && errno == EAGAIN) {
            file_->wait_writable();
        }
        return wrote >= 0;
    }

    ssize_t read(frame& into) {
        if (staging_.size() == 0) {
            staging_ = buffer::allocate(largest_frame);
        }
        virtio_header header{};
        const std::span<std::byte> room = staging_.writable();
        std::array<iovec, 2> parts{iovec{&header, header_size}, iovec{room.data(), room.size()}};
        const ssize_t got = ::readv(file_->fd(), parts.data(), parts.size());
        if (got < static_cast<ssize_t>(header_size)) {
            return got;
        }
        const std::size_t size = static_cast<std::size_t>(got) - header_size;
        if (size == 0) {
            return got;
        }
        if (size <= copied_size) {
            into.add(buffer::copy_of(room.first(size)));
        } else {
            staging_.truncate(size);
            into.add(std::move(staging_));
        }
        frame_offload claimed;
        claimed.needs_checksum = (header.flags & flag_needs_checksum) != 0;
        claimed.checksum_verified = (header.flags & flag_data_valid) != 0;
        claimed.checksum_start = header.checksum_start;
        claimed.checksum_offset = header.checksum_offset;
        claimed.cut = kind_of(header.gso_type);
        claimed.segment_size = header.gso_size;
        claimed.ecn = (header.gso_type & gso_ecn) != 0;
        if (!validate_offload(into, properties_.medium, claimed)) {
            into.truncate(0);
            ++statistics_.frames_lost;
        }
        return got;
    }

    descriptor_watch::pointer file_;
    link_properties properties_;
    buffer staging_;
};

/// Agrees with the kernel on what it may hand us undone; what it takes undone from us, it takes by
/// its header always. Gives whether datagrams may be cut, too.
bool set_offload(int fd, bool wanted) noexcept {
    constexpr unsigned tcp = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
    if (!wanted) {
        (void)::ioctl(fd, TUNSETOFFLOAD, 0UL);
        return false;
    }
    if (::ioctl(fd, TUNSETOFFLOAD, static_cast<unsigned long>(tcp | offload_uso)) == 0) {
        return true;
    }
    for (const unsigned less : {tcp, static_cast<unsigned>(TUN_F_CSUM), 0U}) {
        if (::ioctl(fd, TUNSETOFFLOAD, static_cast<unsigned long>(less)) == 0) {
            break;
        }
    }
    return false;
}

std::uint32_t mtu_of(const ifreq& named) noexcept {
    constexpr std::uint32_t usual = 1500;
    const int any = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (any < 0) {
        return usual;
    }
    ifreq request = named;
    const bool known = ::ioctl(any, SIOCGIFMTU, &request) == 0;
    ::close(any);
    return known ? static_cast<std::uint32_t>(request.ifr_mtu) : usual;
}

mac_address random_mac() noexcept {
    std::array<std::byte, 6> bytes{};
    secure_random(bytes);
    bytes[0] = (bytes[0] & std::byte{0xfc}) | std::byte{2}; // ours to choose, and no group
    return mac_address(bytes);
}

result<int> open_device(const tap_options& options, ifreq& request) {
    const int fd = ::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        return fail(error::from_errno(errno, "open /dev/net/tun"));
    }
    const unsigned flags = static_cast<unsigned>(options.tun ? IFF_TUN : IFF_TAP) | IFF_NO_PI |
                           IFF_VNET_HDR |
                           (options.multi_queue ? static_cast<unsigned>(IFF_MULTI_QUEUE) : 0U);
    request.ifr_flags = static_cast<short>(flags);
    std::memcpy(request.ifr_name, options.name.data(), options.name.size());
    int size = header_size;
    if (::ioctl(fd, TUNSETIFF, &request) != 0 || ::ioctl(fd, TUNSETVNETHDRSZ, &size) != 0) {
        const int number = errno;
        ::close(fd);
        return number == EBUSY
                   ? fail(errc::address_in_use, "the device " + options.name + " is in use")
                   : fail(error::from_errno(number, "open the device " + options.name));
    }
    return fd;
}

} // namespace

result<tap_device> open_tap(loop& on, const tap_options& options) {
    if (options.name.size() >= IFNAMSIZ) {
        return fail(errc::invalid_argument,
                    "the name of a device has at most 15 characters, not \"" + options.name + "\"");
    }
    ifreq request{};
    const auto fd = open_device(options, request);
    if (!fd) {
        return std::unexpected(fd.error());
    }
    const bool datagrams = set_offload(*fd, options.offload);
    link_properties properties;
    properties.medium = options.tun ? link_medium::ip : link_medium::ethernet;
    properties.mac = options.mac.is_unspecified() ? random_mac() : options.mac;
    properties.mtu = mtu_of(request);
    if (options.offload) {
        properties.capabilities = link_capabilities::all();
        properties.capabilities.segment_udp = datagrams;
    }
    auto file = descriptor_watch::create(on, *fd, descriptor_kind::other);
    if (!file) {
        return std::unexpected(file.error());
    }
    return tap_device{std::make_unique<tap_link>(std::move(*file), properties), request.ifr_name};
}

} // namespace runnel::inline v0::stack
