// SPDX-License-Identifier: Apache-2.0
#include "open_beneath.hpp"

#include <cerrno>
#include <cstdint>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace runnel::inline v0::host {
namespace {

/// Opening a named pipe or a device must not wait, and no terminal becomes ours.
constexpr int flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;

/// The system cannot tell where a path leads while something on the way is renamed.
constexpr int attempts = 64;

error error_of(int number, const std::string& path) {
    switch (number) {
    case EXDEV:        // leads out of the root
    case ELOOP:        // a link that leads to itself, or one that is not followed
    case ENOTDIR:      // something behind a file
    case ENAMETOOLONG: // nothing can have that name
    case ENXIO:        // a socket
        return error(errc::not_found, "open " + path);
    default:
        return error::from_errno(number, "open " + path);
    }
}

int open_beneath_fd(int root, const std::string& path, std::uint64_t resolve) noexcept {
    open_how how{};
    how.flags = flags;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | resolve;
    const char* const name = path.empty() ? "." : path.c_str();
    long fd = -1;
    for (int attempt = 0; attempt < attempts; ++attempt) {
        fd = ::syscall(SYS_openat2, root, name, &how, sizeof how);
        if (fd >= 0 || errno != EAGAIN || resolve != 0) {
            break;
        }
    }
    return static_cast<int>(fd);
}

} // namespace

result<unique_fd> open_beneath(int root, const std::string& path) {
    const int fd = open_beneath_fd(root, path, 0);
    if (fd >= 0) {
        return unique_fd(fd);
    }
    if (errno == ENOSYS || errno == EPERM) { // too old, or a filter that does not know it
        return open_by_steps(root, path);
    }
    return fail(error_of(errno, path));
}

std::optional<result<unique_fd>> open_beneath_cached(int root, const std::string& path) {
    const int fd = open_beneath_fd(root, path, RESOLVE_CACHED);
    if (fd >= 0) {
        return unique_fd(fd);
    }
    if (errno == ENOENT) {
        return fail(error_of(errno, path));
    }
    return std::nullopt; // `open_beneath` tells better
}

result<unique_fd> open_by_steps(int root, const std::string& path) {
    int at = root;
    unique_fd folder;
    std::string_view rest = path;
    for (std::size_t slash = rest.find('/'); slash != std::string_view::npos;
         slash = rest.find('/')) {
        const std::string name(rest.substr(0, slash));
        rest.remove_prefix(slash + 1);
        if (name.empty() || name == "." || name == "..") {
            return fail(error_of(EXDEV, path));
        }
        unique_fd next(::openat(at, name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
        if (!next) {
            return fail(error_of(errno, path));
        }
        folder = std::move(next);
        at = folder.get();
    }
    const std::string last(rest.empty() ? "." : rest);
    unique_fd found(last == ".." ? -1 : ::openat(at, last.c_str(), flags | O_NOFOLLOW));
    if (!found) {
        return fail(error_of(last == ".." ? EXDEV : errno, path));
    }
    return found;
}

} // namespace runnel::inline v0::host
