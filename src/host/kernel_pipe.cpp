// SPDX-License-Identifier: Apache-2.0
#include "kernel_pipe.hpp"

#include "runnel/async/signals.hpp"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

namespace runnel::inline v0::host {
namespace {

/// Pipes of one thread: in use, so that transfers leave descriptors for connections; and at rest.
constexpr std::size_t most_in_use = 64;
constexpr std::size_t most_kept = 16;
/// With less, which a user gets who has many pipes, copying is better.
constexpr std::size_t least_capacity = std::size_t{256} << 10;

struct pipes_of_thread {
    std::size_t in_use = 0;
    std::vector<kernel_pipe> kept;
};
thread_local pipes_of_thread pipes;

} // namespace

kernel_pipe::kernel_pipe(unique_fd output, unique_fd input) noexcept
    : output_(std::move(output)), input_(std::move(input)) {
    ::fcntl(input_.get(), F_SETPIPE_SZ, static_cast<int>(most_capacity)); // if the user may
    capacity_ =
        std::min(static_cast<std::size_t>(::fcntl(input_.get(), F_GETPIPE_SZ)), most_capacity);
    ++pipes.in_use;
}

kernel_pipe::kernel_pipe(kernel_pipe&& other) noexcept
    : output_(std::move(other.output_)), input_(std::move(other.input_)),
      capacity_(std::exchange(other.capacity_, 0)) {}

kernel_pipe::~kernel_pipe() {
    if (capacity_ != 0) {
        --pipes.in_use;
    }
}

std::optional<kernel_pipe> kernel_pipe::take() {
    if (!pipes.kept.empty()) {
        std::optional<kernel_pipe> kept(std::move(pipes.kept.back()));
        pipes.kept.pop_back();
        return kept;
    }
    std::array<int, 2> ends{};
    if (pipes.in_use >= most_in_use || ::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) {
        return std::nullopt;
    }
    ignore_sigpipe(); // splice() raises it for a socket whose peer is gone, and has no flag
    kernel_pipe made{unique_fd(ends[0]), unique_fd(ends[1])};
    if (made.capacity() < least_capacity) {
        return std::nullopt;
    }
    return made;
}

void kernel_pipe::give_back(kernel_pipe empty) noexcept {
    if (pipes.kept.size() < most_kept) {
        pipes.kept.push_back(std::move(empty));
    }
}

} // namespace runnel::inline v0::host
