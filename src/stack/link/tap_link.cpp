// SPDX-License-Identifier: Apache-2.0
#include "runnel/stack/link/tap_link.hpp"

#include "device.hpp"
#include "shared_queue.hpp"
#include "vnet_link.hpp"

#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

namespace runnel::inline v0::stack {
namespace {

/// TUN_F_USO4 and TUN_F_USO6: newer than the headers of some systems whose kernel knows them.
constexpr unsigned offload_uso = 0x20U | 0x40U;

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
    int size = vnet_header_size;
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
    const auto group =
        options.multi_queue ? queue_group::of(request.ifr_name) : std::shared_ptr<queue_group>();
    const bool datagrams = set_offload(*fd, options.offload);
    link_properties properties;
    properties.medium = options.tun ? link_medium::ip : link_medium::ethernet;
    properties.mac = !options.mac.is_unspecified() ? options.mac
                     : group != nullptr            ? group->mac()
                                                   : random_mac();
    properties.mtu = mtu_of(request.ifr_name);
    if (options.offload) {
        properties.capabilities = link_capabilities::all();
        properties.capabilities.segment_udp = datagrams;
    }
    auto file = descriptor_watch::create(on, *fd, descriptor_kind::other);
    if (!file) {
        return std::unexpected(file.error());
    }
    auto device = make_vnet_link(std::move(*file), properties);
    if (group != nullptr) {
        device = join_group(group, on, std::move(device));
    }
    return tap_device{std::move(device), request.ifr_name};
}

} // namespace runnel::inline v0::stack
