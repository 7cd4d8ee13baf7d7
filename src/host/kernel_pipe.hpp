// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/host/unique_fd.hpp"

#include <cstddef>
#include <optional>

namespace runnel::inline v0::host {

/// A pipe of the kernel through which bulk data passes. Empty pipes are kept for the next transfer
/// of the same thread.
class kernel_pipe {
public:
    /// What a user may give a pipe, unless the administrator has changed it (fs.pipe-max-size).
    static constexpr std::size_t most_capacity = std::size_t{1} << 20;

    /// A pipe, or nothing when this thread uses many already or the system has none.
    [[nodiscard]] static std::optional<kernel_pipe> take();
    /// Keeps an empty pipe for later.
    static void give_back(kernel_pipe empty) noexcept;

    [[nodiscard]] int input() const noexcept { return input_.get(); }
    [[nodiscard]] int output() const noexcept { return output_.get(); }
    /// Bytes it holds at most.
    [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }

    kernel_pipe(kernel_pipe&& other) noexcept;
    kernel_pipe& operator=(kernel_pipe&&) = delete;
    ~kernel_pipe();

private:
    kernel_pipe(unique_fd output, unique_fd input) noexcept;

    unique_fd output_; // read from
    unique_fd input_;  // written to
    std::size_t capacity_ = 0;
};

} // namespace runnel::inline v0::host
