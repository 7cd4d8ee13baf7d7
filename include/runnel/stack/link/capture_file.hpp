// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/error.hpp"
#include "runnel/stack/link/pcapng.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace runnel::inline v0::stack {

/// A pcapng file that links of any threads are captured into. Frames are written at once, so that
/// the file can be read while it grows. When the disk is full, it ends; links go on.
class capture_file {
public:
    /// Begins a file, in place of one that has this name. Whoever asks for a file that this process
    /// writes already gets the same. Times are those of the current loop's clock. Errors: those of
    /// opening a file.
    [[nodiscard]] static result<std::shared_ptr<capture_file>> open(const std::string& path);

    capture_file(const capture_file&) = delete;
    capture_file& operator=(const capture_file&) = delete;
    ~capture_file();

    /// Captures a link; see `capture_link`. What it gives keeps `file` open.
    [[nodiscard]] static std::unique_ptr<captured_link> capture(std::shared_ptr<capture_file> file,
                                                                std::unique_ptr<link> inner,
                                                                std::string_view name,
                                                                bool explained);

    [[nodiscard]] pcapng_writer& writer() noexcept { return writer_; }

private:
    capture_file(int fd, duration epoch);
    void append(std::span<const std::byte> block) noexcept;

    int fd_;
    bool full_ = false;
    pcapng_writer writer_;
};

} // namespace runnel::inline v0::stack
