// SPDX-License-Identifier: Apache-2.0
#include "runnel/host/inherited.hpp"

#include "runnel/flow/quantity.hpp"
#include "socket_options.hpp"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace runnel::inline v0::host {
namespace {

/// The first descriptor that systemd passes, SD_LISTEN_FDS_START.
constexpr int first_passed = 3;
/// Far above what any service has; bounds the loop over a hostile environment.
constexpr std::uint64_t most_passed = 4096;

std::string variable(const char* name) {
    const char* text = std::getenv(name); // NOLINT(concurrency-mt-unsafe): before there are threads
    return text != nullptr ? text : "";
}

void clear_variables() noexcept {
    for (const char* name : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}) {
        ::unsetenv(name); // NOLINT(concurrency-mt-unsafe): before there are threads
    }
}

/// Takes the first name off a list between colons.
std::string next_name(std::string& names) {
    const std::size_t end = std::min(names.find(':'), names.size());
    std::string name = names.substr(0, end);
    names.erase(0, end + 1);
    return name;
}

} // namespace

result<std::vector<inherited_socket>> inherited_sockets() {
    const std::string process = variable("LISTEN_PID");
    const std::string count_text = variable("LISTEN_FDS");
    std::string names = variable("LISTEN_FDNAMES");
    std::vector<inherited_socket> sockets;
    if (process.empty() || count_text.empty() || process != std::to_string(::getpid())) {
        return sockets;
    }
    const auto count = parse_integer(count_text);
    if (!count || *count > most_passed) {
        return fail(errc::invalid_argument,
                    "LISTEN_FDS: expected a number of descriptors, got \"" + count_text + "\"");
    }
    clear_variables();
    for (int fd = first_passed; fd < first_passed + static_cast<int>(*count); ++fd) {
        if (::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
            return fail(error::from_errno(errno, "LISTEN_FDS: descriptor " + std::to_string(fd)));
        }
        sockets.emplace_back(unique_fd(fd), next_name(names));
    }
    return sockets;
}

result<void> notify_manager(std::string_view state) {
    const std::string path = variable("NOTIFY_SOCKET");
    if (path.empty()) {
        return {};
    }
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if ((path.front() != '/' && path.front() != '@') || path.size() >= sizeof address.sun_path) {
        return fail(errc::invalid_argument,
                    "NOTIFY_SOCKET: expected a path or '@' and a name, got \"" + path + "\"");
    }
    std::memcpy(address.sun_path, path.data(), path.size());
    if (path.front() == '@') {
        address.sun_path[0] = '\0';
    }
    const auto socket = open_socket(AF_UNIX, SOCK_DGRAM);
    if (!socket) {
        return fail(socket.error());
    }
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
    if (::sendto(socket->get(), state.data(), state.size(), MSG_NOSIGNAL,
                 reinterpret_cast<const sockaddr*>(&address), size) < 0) {
        return fail(error::from_errno(errno, "NOTIFY_SOCKET " + path));
    }
    return {};
}

} // namespace runnel::inline v0::host
