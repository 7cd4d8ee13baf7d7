// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/error.hpp"

#include <memory>
#include <string>

namespace runnel::inline v0::tls {

/// The file that secrets are appended to, when that is asked for.
class key_log {
public:
    [[nodiscard]] static result<std::shared_ptr<key_log>> open(const std::string& path);
    key_log(const key_log&) = delete;
    key_log& operator=(const key_log&) = delete;
    ~key_log();

    /// Appends one line, whole, from any thread.
    void append(const char* line) noexcept;

private:
    explicit key_log(int fd) noexcept : fd_(fd) {}
    int fd_;
};

} // namespace runnel::inline v0::tls
