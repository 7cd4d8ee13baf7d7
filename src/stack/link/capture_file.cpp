// SPDX-License-Identifier: Apache-2.0
#include "runnel/stack/link/capture_file.hpp"

#include "runnel/async/loop.hpp"

#include "link_wrapper.hpp"

#include <cerrno>
#include <fcntl.h>
#include <map>
#include <mutex>
#include <unistd.h>

namespace runnel::inline v0::stack {

result<std::shared_ptr<capture_file>> capture_file::open(const std::string& path) {
    static std::mutex guard;
    static std::map<std::string, std::weak_ptr<capture_file>> all;
    const std::lock_guard lock(guard);
    std::weak_ptr<capture_file>& place = all[path];
    if (std::shared_ptr<capture_file> there = place.lock(); there != nullptr) {
        return there;
    }
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        return fail(error::from_errno(errno, "open " + path));
    }
    const loop& clock = loop::current();
    const duration epoch = clock.wall_now().time_since_epoch() - clock.now().time_since_epoch();
    std::shared_ptr<capture_file> made(new capture_file(fd, epoch));
    place = made;
    return made;
}

capture_file::capture_file(int fd, duration epoch)
    : fd_(fd), writer_([this](std::span<const std::byte> block) { append(block); }, epoch) {}

capture_file::~capture_file() {
    ::close(fd_);
}

void capture_file::append(std::span<const std::byte> block) noexcept {
    while (!full_ && !block.empty()) {
        const ssize_t wrote = ::write(fd_, block.data(), block.size());
        if (wrote < 0) {
            full_ = errno != EINTR;
            continue;
        }
        block = block.subspan(static_cast<std::size_t>(wrote));
    }
}

namespace {

/// A captured link that keeps its file open.
class link_in_file final : public link_wrapper<captured_link> {
public:
    link_in_file(std::shared_ptr<capture_file> file, std::unique_ptr<captured_link> inner)
        : file_(std::move(file)), inner_(std::move(inner)) {}

    void explain(std::string_view comment) override { inner_->explain(comment); }

private:
    [[nodiscard]] link& inner() noexcept override { return *inner_; }
    [[nodiscard]] const link& inner() const noexcept override { return *inner_; }

    std::shared_ptr<capture_file> file_;
    std::unique_ptr<captured_link> inner_;
};

} // namespace

std::unique_ptr<captured_link> capture_file::capture(std::shared_ptr<capture_file> file,
                                                     std::unique_ptr<link> inner,
                                                     std::string_view name, bool explained) {
    auto captured = capture_link(std::move(inner), file->writer(), name, explained);
    return std::make_unique<link_in_file>(std::move(file), std::move(captured));
}

} // namespace runnel::inline v0::stack
