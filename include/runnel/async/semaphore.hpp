// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/operation.hpp"
#include "runnel/async/wait_queue.hpp"
#include "runnel/core/error.hpp"

#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>

namespace runnel::inline v0 {

class semaphore;

/// Permits that somebody holds; gives them back when destroyed.
class [[nodiscard]] permit {
public:
    permit(semaphore& source, std::size_t count) noexcept : source_(&source), count_(count) {}
    permit(permit&& other) noexcept
        : source_(other.source_), count_(std::exchange(other.count_, 0)) {}
    permit& operator=(permit&& other) noexcept {
        std::swap(source_, other.source_);
        std::swap(count_, other.count_);
        return *this;
    }
    permit(const permit&) = delete;
    permit& operator=(const permit&) = delete;
    ~permit() { release(); }

    [[nodiscard]] std::size_t count() const noexcept { return count_; }
    /// Gives the permits back now.
    void release() noexcept;
    /// Keeps the permits taken; somebody calls `semaphore::release` for them.
    std::size_t disown() noexcept { return std::exchange(count_, 0); }

private:
    semaphore* source_;
    std::size_t count_;
};

/// A number of permits that tasks of one loop take and give back; outlives those who wait and hold.
/// First come, first served: who waits for many is not overtaken by who wants few. With one permit
/// it is a lock: `auto lock = co_await mutex.acquire(); if (!lock) …`.
class semaphore {
public:
    class acquire_operation;

    explicit semaphore(std::size_t permits) noexcept : available_(permits) {}

    /// Waits until `count` permits are there and everybody who came before has been served. Gives
    /// the permits, or the error of the stop that came first.
    [[nodiscard]] acquire_operation acquire(std::size_t count = 1) noexcept;
    /// Takes `count` permits if that needs no waiting.
    [[nodiscard]] std::optional<permit> try_acquire(std::size_t count = 1) noexcept;
    /// Puts `count` permits in, also ones that were never taken.
    void release(std::size_t count = 1) noexcept;

    /// Permits that nobody holds; some may be kept for who waits for more.
    [[nodiscard]] std::size_t available() const noexcept { return available_; }

private:
    [[nodiscard]] bool take(std::size_t count) noexcept;
    void serve() noexcept;

    std::size_t available_;
    wait_queue<acquire_operation> waiting_;
};

/// See `semaphore::acquire`.
class semaphore::acquire_operation final : public operation, public queue_link {
public:
    acquire_operation(semaphore& source, std::size_t count) noexcept
        : source_(&source), count_(count), result_(permit(source, 0)) {}
    acquire_operation(acquire_operation&& unstarted) noexcept
        : acquire_operation(*unstarted.source_, unstarted.count_) {}

    [[nodiscard]] std::string_view what() const noexcept override { return "semaphore"; }
    result<permit> await_resume() noexcept { return std::move(result_); }

protected:
    void start() override;
    bool stop(stop_reason reason) noexcept override;
    void refuse(stop_reason reason) noexcept override;

private:
    friend class semaphore;
    semaphore* source_;
    std::size_t count_;
    result<permit> result_;
};

inline semaphore::acquire_operation semaphore::acquire(std::size_t count) noexcept {
    return acquire_operation(*this, count);
}

inline void permit::release() noexcept {
    if (count_ != 0) {
        source_->release(std::exchange(count_, 0));
    }
}

} // namespace runnel::inline v0
