// SPDX-License-Identifier: Apache-2.0
#include "device.hpp"

#include "runnel/core/random.hpp"

#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <unistd.h>

namespace runnel::inline v0::stack {

std::uint32_t mtu_of(const std::string& name) noexcept {
    constexpr std::uint32_t usual = 1500;
    const int any = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (any < 0) {
        return usual;
    }
    ifreq request{};
    std::copy_n(name.data(), std::min<std::size_t>(name.size(), IFNAMSIZ - 1), request.ifr_name);
    const bool known = ::ioctl(any, SIOCGIFMTU, &request) == 0;
    ::close(any);
    return known ? static_cast<std::uint32_t>(request.ifr_mtu) : usual;
}

mac_address random_mac() noexcept {
    std::array<std::byte, mac_address::byte_count> bytes{};
    secure_random(bytes);
    bytes[0] = (bytes[0] & std::byte{0xfc}) | std::byte{2};
    return mac_address(bytes);
}

} // namespace runnel::inline v0::stack
