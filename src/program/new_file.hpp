// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/task.hpp"
#include "runnel/core/error.hpp"
#include "runnel/flow/flow.hpp"

#include <string>
#include <utility>

namespace runnel::inline v0::program {

/// A file that appears under its name only when it is complete. Until then it is a hidden file
/// beside it, which is removed when this is destroyed.
class new_file {
public:
    /// `replace`: another file of that name gives way.
    new_file(std::string path, bool replace) : path_(std::move(path)), replace_(replace) {}
    new_file(const new_file&) = delete;
    new_file& operator=(const new_file&) = delete;
    ~new_file();

    /// Makes the temporary file. Errors: `invalid_argument` if a file of that name exists and is
    /// not to be replaced, or is a folder; and those of opening a file.
    [[nodiscard]] task<result<void>> open();

    /// Where to write. Requires that `open` succeeded.
    [[nodiscard]] flow& content() noexcept { return *content_; }

    /// Waits until everything is on the disk, and gives the file its name.
    [[nodiscard]] task<result<void>> keep();

private:
    [[nodiscard]] result<void> check_name() const;
    [[nodiscard]] result<void> rename() const;

    std::string path_;
    std::string temporary_;
    bool replace_;
    flow_ptr content_;
};

} // namespace runnel::inline v0::program
