// SPDX-License-Identifier: Apache-2.0
#include "vsock_address.hpp"

#include "socket_options.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <charconv>
#include <string>
#include <utility>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/time.h>

namespace runnel::inline v0::host {
namespace {

constexpr std::pair<std::string_view, std::uint32_t> machine_names[] = {
    {"", vsock_address::any},        {"*", vsock_address::any},
    {"any", vsock_address::any},     {"hypervisor", vsock_address::hypervisor},
    {"local", vsock_address::local}, {"host", vsock_address::host},
};

template <class Call>
std::optional<vsock_address> ask(Call call, int fd) noexcept {
    sockaddr_vm raw{};
    socklen_t size = sizeof raw;
    if (call(fd, reinterpret_cast<sockaddr*>(&raw), &size) != 0 || raw.svm_family != AF_VSOCK) {
        return std::nullopt;
    }
    return vsock_address(raw.svm_cid, raw.svm_port);
}

template <class Value>
result<void> set_vsock_option(int fd, int option, const Value& value, std::string_view name) {
    if (::setsockopt(fd, AF_VSOCK, option, &value, sizeof value) != 0) {
        return fail(error::from_errno(errno, std::string(name)));
    }
    return {};
}

result<void> set_receive_buffer(int fd, std::uint64_t bytes) {
    // The size has to lie between the other two, so whichever bound it crosses moves first.
    for (const int option : {SO_VM_SOCKETS_BUFFER_MAX_SIZE, SO_VM_SOCKETS_BUFFER_SIZE}) {
        if (auto set = set_vsock_option(fd, option, bytes, "receive buffer"); !set) {
            return set;
        }
    }
    return {};
}

result<void> set_connect_timeout(int fd, std::chrono::milliseconds limit) {
    timeval value{};
    value.tv_sec = static_cast<time_t>(limit.count() / 1000);
    value.tv_usec = static_cast<suseconds_t>(limit.count() % 1000 * 1000);
    return set_vsock_option(fd, SO_VM_SOCKETS_CONNECT_TIMEOUT, value, "connect timeout");
}

} // namespace

result<vsock_address> vsock_address::parse(std::string_view machine, std::uint32_t port) {
    for (const auto& [name, cid] : machine_names) {
        if (machine == name) {
            return vsock_address(cid, port);
        }
    }
    std::uint32_t cid = 0;
    const char* const last = machine.data() + machine.size();
    const auto [stopped, failure] = std::from_chars(machine.data(), last, cid);
    if (failure != std::errc() || stopped != last) {
        return fail(errc::invalid_argument,
                    fmt::format("'{}' is no vsock machine: expected a number from 0 to {}, 'any', "
                                "'hypervisor', 'local' or 'host'",
                                machine, any));
    }
    return vsock_address(cid, port);
}

flow_address vsock_address::to_flow_address() const {
    return {"vsock",
            cid_ == any ? fmt::format("//:{}", port_) : fmt::format("//{}:{}", cid_, port_)};
}

sockaddr_vm to_socket_address(const vsock_address& place) noexcept {
    sockaddr_vm raw{};
    raw.svm_family = AF_VSOCK;
    raw.svm_cid = place.cid();
    raw.svm_port = place.port();
    return raw;
}

std::optional<vsock_address> vsock_of_socket(int fd) noexcept {
    return ask(::getsockname, fd);
}

std::optional<vsock_address> vsock_of_peer(int fd) noexcept {
    return ask(::getpeername, fd);
}

result<unique_fd> open_vsock(int type, const vsock_options& options) {
    result<unique_fd> opened = open_socket(AF_VSOCK, type);
    if (!opened) {
        return opened;
    }
    if (options.receive_buffer != 0) {
        if (auto set = set_receive_buffer(opened->get(), options.receive_buffer); !set) {
            return fail(std::move(set.error()));
        }
    }
    if (options.connect_timeout.count() > 0) {
        if (auto set = set_connect_timeout(opened->get(), options.connect_timeout); !set) {
            return fail(std::move(set.error()));
        }
    }
    return opened;
}

result<unique_fd> open_vsock_listener(int type, const vsock_address& at,
                                      const vsock_options& options) {
    result<unique_fd> opened = open_vsock(type, options);
    if (!opened) {
        return opened;
    }
    const sockaddr_vm raw = to_socket_address(at);
    if (::bind(opened->get(), reinterpret_cast<const sockaddr*>(&raw), sizeof raw) != 0 ||
        ::listen(opened->get(), options.backlog) != 0) {
        return fail(error::from_errno(errno));
    }
    return opened;
}

error vsock_connect_error(int number, const vsock_address& to) {
    switch (number) {
    case ECONNRESET: // how the other side says that nobody listens
        return errc::refused;
    case ENODEV:
        return {errc::unreachable, fmt::format("no vsock transport leads to machine {}", to.cid())};
    default:
        return error::from_errno(number);
    }
}

result<std::uint32_t> own_vsock_cid() {
    const unique_fd device(::open("/dev/vsock", O_RDONLY | O_CLOEXEC));
    unsigned int cid = 0;
    if (!device || ::ioctl(device.get(), IOCTL_VM_SOCKETS_GET_LOCAL_CID, &cid) != 0) {
        return fail(error::from_errno(errno, "/dev/vsock"));
    }
    return cid;
}

} // namespace runnel::inline v0::host
