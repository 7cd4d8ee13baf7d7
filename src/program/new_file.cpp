// SPDX-License-Identifier: Apache-2.0
#include "new_file.hpp"

#include "runnel/async/blocking.hpp"
#include "runnel/core/random.hpp"
#include "runnel/host/file.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace runnel::inline v0::program {
namespace {

error already_exists(const std::string& path) {
    return {errc::invalid_argument, fmt::format("{} exists; --force replaces it", path)};
}

} // namespace

new_file::~new_file() {
    if (!temporary_.empty()) {
        unlink(temporary_.c_str());
    }
}

result<void> new_file::check_name() const {
    struct stat status{};
    if (stat(path_.c_str(), &status) != 0) {
        return {};
    }
    if (S_ISDIR(status.st_mode)) {
        return fail(error::from_errno(EISDIR, "open " + path_));
    }
    if (!S_ISREG(status.st_mode)) { // a device, say, which a rename would take away
        return fail(errc::invalid_argument, path_ + " exists and is not a regular file");
    }
    return replace_ ? result<void>() : fail(already_exists(path_));
}

task<result<void>> new_file::open() {
    const result<void> checked = check_name();
    if (!checked) {
        co_return fail(checked.error());
    }
    const std::size_t slash = path_.rfind('/') + 1; // 0 without one
    const std::string name = fmt::format("{}.{}.{:016x}.part", path_.substr(0, slash),
                                         path_.substr(slash), secure_random_number());
    host::file_options options;
    options.access = host::file_access::create;
    result<flow_ptr> opened = co_await host::open_file(name, options);
    if (!opened) {
        co_return fail(opened.error());
    }
    temporary_ = name;
    content_ = *std::move(opened);
    co_return result<void>();
}

task<result<void>> new_file::keep() {
    const result<void> flushed = co_await content_->flush();
    if (!flushed) {
        co_return fail(flushed.error().wrap(path_));
    }
    const result<void> closed = co_await content_->close();
    if (!closed) {
        co_return fail(closed.error().wrap(path_));
    }
    const result<void> renamed = co_await run_blocking([this] { return rename(); });
    if (!renamed) {
        co_return fail(renamed.error());
    }
    temporary_.clear();
    co_return result<void>();
}

result<void> new_file::rename() const {
    const unsigned flags = replace_ ? 0 : RENAME_NOREPLACE;
    int done = renameat2(AT_FDCWD, temporary_.c_str(), AT_FDCWD, path_.c_str(), flags);
    if (done != 0 && errno == EINVAL && !replace_) {
        // A file system without that flag: a link does not replace anything either.
        done = link(temporary_.c_str(), path_.c_str());
        if (done == 0) {
            unlink(temporary_.c_str());
        }
    }
    if (done != 0) {
        return fail(errno == EEXIST ? already_exists(path_)
                                    : error::from_errno(errno, "rename to " + path_));
    }
    return {};
}

} // namespace runnel::inline v0::program
