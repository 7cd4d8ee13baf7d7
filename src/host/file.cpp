// SPDX-License-Identifier: Apache-2.0
#include "runnel/host/file.hpp"

#include "runnel/async/blocking.hpp"
#include "runnel/core/buffer_list.hpp"
#include "runnel/core/buffer_pool.hpp"
#include "runnel/flow/layer.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

namespace runnel::inline v0::host {
namespace {

constexpr std::size_t bytes_at_once = buffer_pool::class_sizes.back();
constexpr std::size_t pieces_at_once = 64;

int flags_of(file_access access) noexcept {
    switch (access) {
    case file_access::read:
        return O_RDONLY;
    case file_access::write:
        return O_WRONLY | O_CREAT | O_TRUNC;
    case file_access::append:
        return O_WRONLY | O_CREAT | O_APPEND;
    case file_access::create:
        return O_WRONLY | O_CREAT | O_EXCL;
    case file_access::read_write:
        return O_RDWR | O_CREAT;
    }
    return O_RDONLY;
}

result<int> open_blocking(const std::string& path, const file_options& options) {
    const int fd =
        ::open(path.c_str(), flags_of(options.access) | O_CLOEXEC | O_NOCTTY, options.mode);
    if (fd < 0) {
        return fail(error::from_errno(errno, "open " + path));
    }
    struct stat status{};
    if (::fstat(fd, &status) == 0 && S_ISDIR(status.st_mode)) {
        ::close(fd);
        return fail(error::from_errno(EISDIR, "open " + path));
    }
    return fd;
}

/// The flow's calls on a file, each on the thread pool.
class file_layer final : public layer {
public:
    file_layer(unique_fd file, std::string path, bool readable, bool writable)
        : file_(std::move(file)), path_(std::move(path)), readable_(readable), writable_(writable) {
    }

    task<result<buffer>> read(std::size_t hint) override {
        if (!stash_.empty()) {
            co_return stash_.pop_front(hint != 0 ? hint : buffer::max_size);
        }
        if (!readable_) {
            co_return fail(errc::end);
        }
        buffer data = buffer::allocate(hint != 0 ? std::min(hint, bytes_at_once) : bytes_at_once);
        ssize_t got = 0;
        reading_ = true;
        const auto called = co_await run_blocking([&]() -> result<void> {
            got = ::read(file_.get(), data.writable().data(), data.size());
            return got < 0 ? failed("read") : result<void>();
        });
        reading_ = false;
        if (got <= 0) {
            co_return fail(called ? error(errc::end) : called.error());
        }
        data.truncate(static_cast<std::size_t>(got));
        if (!called) { // it was stopped meanwhile
            stash_.push_back(std::move(data));
            co_return fail(called.error());
        }
        co_return std::move(data);
    }

    task<result<void>> write(write_operation& op) override {
        if (!writable_) {
            co_return fail(errc::not_supported, path_ + " is not open for writing");
        }
        while (op.remaining() != 0) {
            std::array<iovec, pieces_at_once> pieces;
            int count = 0;
            for (const buffer& piece : op.rest().first(std::min(op.rest().size(), pieces.size()))) {
                pieces[static_cast<std::size_t>(count++)] = {const_cast<std::byte*>(piece.data()),
                                                             piece.size()};
            }
            ssize_t taken = 0;
            const auto called = co_await run_blocking([&]() -> result<void> {
                taken = ::writev(file_.get(), pieces.data(), count);
                return taken < 0 ? failed("write") : result<void>();
            });
            op.accept(taken > 0 ? static_cast<std::size_t>(taken) : 0);
            if (!called) {
                co_return fail(called.error());
            }
        }
        co_return result<void>();
    }

    task<result<void>> flush() override {
        if (!writable_) {
            co_return result<void>();
        }
        co_return co_await run_blocking([&]() -> result<void> {
            // Terminals and devices have nothing to write out, and say so.
            return ::fdatasync(file_.get()) != 0 && errno != EINVAL && errno != EROFS
                       ? failed("write out")
                       : result<void>();
        });
    }

    task<result<void>> shutdown_write() override {
        writable_ = false;
        co_return result<void>();
    }

    void shutdown_read() noexcept override { readable_ = false; }

    task<result<void>> close() override {
        readable_ = false; // what was not read is still in the file
        if (reading_) {
            co_return result<void>(); // the number must stay taken: the layer closes the file
        }
        co_return co_await run_blocking([&]() -> result<void> {
            return ::close(file_.release()) != 0 ? failed("close") : result<void>();
        });
    }

    void abort() noexcept override {} // the file is closed with the layer, after the last call

    [[nodiscard]] flow_address local() const override { return flow_address("file", path_); }
    [[nodiscard]] flow_address remote() const override { return flow_address("file", path_); }

private:
    result<void> failed(const char* what) const {
        return fail(error::from_errno(errno, std::string(what) + " " + path_));
    }

    unique_fd file_;
    std::string path_;
    bool readable_;
    bool writable_;
    bool reading_ = false; // a thread of the pool uses the file
    buffer_queue stash_;   // read by a call whose task was stopped meanwhile
};

} // namespace

flow_ptr make_file_flow(unique_fd file, std::string path, bool readable, bool writable) {
    return make_layered(
        std::make_unique<file_layer>(std::move(file), std::move(path), readable, writable));
}

task<result<flow_ptr>> open_file(std::string path, file_options options) {
    std::optional<unique_fd> opened;
    const auto called = co_await run_blocking([&]() -> result<void> {
        const auto fd = open_blocking(path, options);
        if (!fd) {
            return fail(fd.error());
        }
        opened.emplace(*fd);
        return {};
    });
    if (!called) {
        co_return fail(called.error());
    }
    const bool both = options.access == file_access::read_write;
    const bool readable = both || options.access == file_access::read;
    co_return make_file_flow(std::move(*opened), std::move(path), readable, both || !readable);
}

} // namespace runnel::inline v0::host
