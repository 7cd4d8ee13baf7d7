// SPDX-License-Identifier: Apache-2.0
#include "key_log.hpp"

#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

namespace runnel::inline v0::tls {

result<std::shared_ptr<key_log>> key_log::open(const std::string& path) {
    constexpr int owner_only = 0600;
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, owner_only);
    if (fd < 0) {
        return fail(error::from_errno(errno, "key log " + path));
    }
    return std::shared_ptr<key_log>(new key_log(fd));
}

key_log::~key_log() {
    ::close(fd_);
}

void key_log::append(const char* line) noexcept {
    const std::string whole = std::string(line) + '\n';
    // A line that is lost costs nothing but a look into recorded traffic.
    [[maybe_unused]] const ssize_t written = ::write(fd_, whole.data(), whole.size());
}

} // namespace runnel::inline v0::tls
