// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/blocking.hpp"

#include <condition_variable>
#include <cstddef>
#include <mutex>

namespace runnel::inline v0 {

/// The threads of `run_blocking`: started when there is more to do than threads that are free,
/// ended when they have nothing to do for a while. Never destroyed, since a thread may be about to
/// end while the process does.
class blocking_pool {
public:
    /// Calls wait, mostly, so there may be far more than processors; but each has a stack.
    static constexpr std::size_t most_threads = 64;

    [[nodiscard]] static blocking_pool& shared();

    /// Hands a call over. False if there is no thread for it, and none can be had.
    [[nodiscard]] bool submit(blocking_call& call) noexcept;
    /// Takes a call back. False if it has begun.
    [[nodiscard]] bool withdraw(blocking_call& call) noexcept;

    [[nodiscard]] std::size_t threads() noexcept;

private:
    blocking_pool() = default;
    ~blocking_pool() = default;
    [[nodiscard]] bool add_thread() noexcept;
    void work() noexcept;

    std::mutex mutex_;
    std::condition_variable wake_;
    blocking_call* first_ = nullptr;
    blocking_call** last_ = &first_;
    std::size_t queued_ = 0;
    std::size_t idle_ = 0;
    std::size_t threads_ = 0;
};

} // namespace runnel::inline v0
