// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "worker.hpp"

#include "runnel/async/loop.hpp"

#include <algorithm>
#include <cstdint>
#include <mutex>

namespace runnel::inline v0::program {

/// How far the end of a server has come.
enum class ending : std::uint8_t { none, drain, abort };

/// A worker and its loop, as other threads can reach them while they are there. Outlives the loop.
class lane {
public:
    /// The worker begins, on its own thread.
    void open(worker& work) {
        const std::lock_guard lock(mutex_);
        loop_ = &loop::current();
        worker_ = &work;
        obey();
    }
    /// It is done.
    void close() {
        const std::lock_guard lock(mutex_);
        last_ = worker_->published();
        loop_ = nullptr;
        worker_ = nullptr;
    }
    /// From any thread; also before the worker has begun.
    void end(ending how) {
        const std::lock_guard lock(mutex_);
        ending_ = std::max(ending_, how);
        if (loop_ != nullptr) {
            loop_->post([this] {
                const std::lock_guard inner(mutex_);
                obey();
            });
        }
    }
    [[nodiscard]] traffic figures() {
        const std::lock_guard lock(mutex_);
        return worker_ != nullptr ? worker_->published() : last_;
    }
    /// Connections that were ended early.
    [[nodiscard]] std::size_t aborted() {
        const std::lock_guard lock(mutex_);
        return aborted_;
    }

private:
    void obey() {
        if (worker_ != nullptr && ending_ != ending::none) {
            worker_->drain();
            if (ending_ == ending::abort) {
                aborted_ += worker_->abort();
            }
        }
    }

    std::mutex mutex_;
    loop* loop_ = nullptr;
    worker* worker_ = nullptr;
    ending ending_ = ending::none;
    std::size_t aborted_ = 0;
    traffic last_;
};

} // namespace runnel::inline v0::program
