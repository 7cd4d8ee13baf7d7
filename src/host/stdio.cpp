// SPDX-License-Identifier: Apache-2.0
#include "runnel/host/stdio.hpp"

#include "runnel/flow/duplex.hpp"
#include "runnel/host/file.hpp"
#include "stream_flow.hpp"

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace runnel::inline v0::host {
namespace {

class named_stream_flow final : public stream_flow<flow> {
public:
    named_stream_flow(stream_ptr carried, std::string name)
        : stream_flow(std::move(carried)), name_(std::move(name)) {}
    named_stream_flow(const named_stream_flow&) = delete;
    named_stream_flow& operator=(const named_stream_flow&) = delete;
    ~named_stream_flow() override { abort(); }

    [[nodiscard]] flow_address local() const override { return {"fd", name_}; }
    [[nodiscard]] flow_address remote() const override { return {"fd", name_}; }

private:
    std::string name_;
};

/// The same file with a state of its own, so that O_NONBLOCK is not forced on those who share it.
unique_fd reopen(int fd, int access) {
    const std::string path = "/proc/self/fd/" + std::to_string(fd);
    return unique_fd(::open(path.c_str(), access | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
}

result<flow_ptr> make_stream_flow(unique_fd file, stream_kind kind, std::string name) {
    auto carried = stream::open(std::move(file), kind);
    if (!carried) {
        return fail(carried.error().wrap(name));
    }
    return std::make_unique<named_stream_flow>(std::move(*carried), std::move(name));
}

/// Whether the loop can wait for the file: regular files, folders and block devices are always
/// ready.
bool can_wait(const struct stat& status) noexcept {
    return S_ISFIFO(status.st_mode) || S_ISCHR(status.st_mode);
}

} // namespace

result<flow_ptr> adopt_file(unique_fd file, std::string name) {
    struct stat status{};
    const int flags = ::fcntl(file.get(), F_GETFL);
    if (flags < 0 || ::fstat(file.get(), &status) != 0) {
        return fail(error::from_errno(errno, name));
    }
    const int access = flags & O_ACCMODE;
    if (S_ISSOCK(status.st_mode)) {
        static_cast<void>(::fcntl(file.get(), F_SETFL, flags | O_NONBLOCK));
        return make_stream_flow(std::move(file), stream_kind::local, std::move(name));
    }
    if (can_wait(status)) {
        unique_fd own = reopen(file.get(), access);
        if (!own) {
            static_cast<void>(::fcntl(file.get(), F_SETFL, flags | O_NONBLOCK));
            return make_stream_flow(std::move(file), stream_kind::other, std::move(name));
        }
        auto made = make_stream_flow(std::move(own), stream_kind::other, name);
        // Some devices, such as /dev/null, cannot be waited for either.
        if (made || made.error().code().value() != EPERM) {
            return made;
        }
    }
    return make_file_flow(std::move(file), std::move(name), access != O_WRONLY, access != O_RDONLY);
}

result<flow_ptr> open_stdio() {
    unique_fd input(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3));
    unique_fd output(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3));
    if (!input || !output) {
        return fail(error::from_errno(errno, "standard input and output"));
    }
    auto reading = adopt_file(std::move(input), "standard input");
    if (!reading) {
        return reading;
    }
    auto writing = adopt_file(std::move(output), "standard output");
    if (!writing) {
        return writing;
    }
    return make_duplex(std::move(*reading), std::move(*writing));
}

} // namespace runnel::inline v0::host
