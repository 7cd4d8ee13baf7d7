// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/task.hpp"
#include "runnel/core/error.hpp"
#include "runnel/flow/flow.hpp"

#include <cstdint>
#include <string>
#include <utility>

namespace runnel::inline v0::program {

/// A download that may go on where an earlier one was cut: `FILE.part` holds what came, and
/// `FILE.part.info` of what it is a part: the URL and the validator that the server gave. The file
/// has its name only when it is complete.
class partial_file {
public:
    explicit partial_file(std::string path) : path_(std::move(path)) {}

    /// Looks at what is there of this URL. Without a validator, or of another URL, that is nothing.
    void examine(const std::string& url);
    /// Bytes that are there, and the tag or date of what they are a part of.
    [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
    [[nodiscard]] const std::string& validator() const noexcept { return validator_; }

    /// Opens the part to go on at its end, or anew.
    [[nodiscard]] task<result<void>> open(bool anew, const std::string& url,
                                          const std::string& validator);
    /// Opens what is there, to be read.
    [[nodiscard]] task<result<flow_ptr>> read() const;
    [[nodiscard]] flow& content() noexcept { return *content_; }
    /// Waits until everything is on the disk, and gives the file its name.
    [[nodiscard]] task<result<void>> keep();

private:
    [[nodiscard]] std::string part() const { return path_ + ".part"; }
    [[nodiscard]] std::string info() const { return part() + ".info"; }

    std::string path_;
    std::uint64_t size_ = 0;
    std::string validator_;
    flow_ptr content_;
};

} // namespace runnel::inline v0::program
