// SPDX-License-Identifier: Apache-2.0
#include "partial_file.hpp"

#include "runnel/host/file.hpp"

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>

namespace runnel::inline v0::program {

void partial_file::examine(const std::string& url) {
    size_ = 0;
    validator_.clear();
    std::ifstream file(info());
    std::string whose;
    std::string what;
    if (!std::getline(file, whose) || !std::getline(file, what) || whose != url || what.empty()) {
        return;
    }
    std::error_code none;
    const std::uintmax_t size = std::filesystem::file_size(part(), none);
    if (!none && size > 0) {
        size_ = size;
        validator_ = what;
    }
}

task<result<void>> partial_file::open(bool anew, const std::string& url,
                                      const std::string& validator) {
    if (anew) {
        // First, so that what comes now is never taken for a part of what came before.
        std::error_code none;
        std::filesystem::remove(info(), none);
        size_ = 0;
    }
    result<flow_ptr> opened = co_await host::open_file(
        part(), {.access = anew ? host::file_access::write : host::file_access::append});
    if (!opened) {
        co_return fail(opened.error());
    }
    content_ = *std::move(opened);
    if (anew && !validator.empty()) {
        std::ofstream file(info());
        file << url << '\n' << validator << '\n';
        if (!file.flush()) {
            co_return fail(error::from_errno(errno, "write " + info()));
        }
    }
    co_return result<void>();
}

task<result<flow_ptr>> partial_file::read() const {
    return host::open_file(part());
}

task<result<void>> partial_file::keep() {
    result<void> written = co_await content_->flush();
    if (written) {
        written = co_await content_->close();
    }
    if (!written) {
        co_return written;
    }
    if (std::rename(part().c_str(), path_.c_str()) != 0) {
        co_return fail(error::from_errno(errno, "rename to " + path_));
    }
    std::error_code none;
    std::filesystem::remove(info(), none);
    co_return result<void>();
}

} // namespace runnel::inline v0::program
