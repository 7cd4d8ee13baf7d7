// SPDX-License-Identifier: Apache-2.0
#include "blocking_pool.hpp"

#include <chrono>
#include <csignal>
#include <system_error>
#include <thread>

namespace runnel::inline v0 {
namespace {

constexpr std::chrono::seconds idle_time(10);

/// Keeps signals away from the threads of the pool: a handler of the program expects its own, and a
/// blocking call no EINTR.
class all_signals_blocked {
public:
    all_signals_blocked() noexcept {
        sigset_t all;
        ::sigfillset(&all);
        ::pthread_sigmask(SIG_SETMASK, &all, &former_);
    }
    ~all_signals_blocked() { ::pthread_sigmask(SIG_SETMASK, &former_, nullptr); }
    all_signals_blocked(const all_signals_blocked&) = delete;
    all_signals_blocked& operator=(const all_signals_blocked&) = delete;

private:
    sigset_t former_{};
};

} // namespace

blocking_pool& blocking_pool::shared() {
    static blocking_pool& pool = *new blocking_pool;
    return pool;
}

bool blocking_pool::submit(blocking_call& call) noexcept {
    const std::lock_guard lock(mutex_);
    if (queued_ >= idle_ && threads_ < most_threads && !add_thread() && threads_ == 0) {
        return false;
    }
    call.next_ = nullptr;
    *last_ = &call;
    last_ = &call.next_;
    ++queued_;
    wake_.notify_one();
    return true;
}

bool blocking_pool::withdraw(blocking_call& call) noexcept {
    const std::lock_guard lock(mutex_);
    for (blocking_call** link = &first_; *link != nullptr; link = &(*link)->next_) {
        if (*link == &call) {
            *link = call.next_;
            if (last_ == &call.next_) {
                last_ = link;
            }
            --queued_;
            return true;
        }
    }
    return false;
}

std::size_t blocking_pool::threads() noexcept {
    const std::lock_guard lock(mutex_);
    return threads_;
}

bool blocking_pool::add_thread() noexcept {
    const all_signals_blocked during_creation;
    try {
        std::thread([this] { work(); }).detach();
    } catch (const std::system_error&) {
        return false;
    }
    ++threads_;
    ++idle_; // counts as free for the call that it was made for
    return true;
}

void blocking_pool::work() noexcept {
    std::unique_lock lock(mutex_);
    for (;;) {
        while (first_ == nullptr) {
            if (wake_.wait_for(lock, idle_time) == std::cv_status::timeout && first_ == nullptr) {
                --idle_;
                --threads_;
                return;
            }
        }
        blocking_call& call = *first_;
        first_ = call.next_;
        if (first_ == nullptr) {
            last_ = &first_;
        }
        --queued_;
        --idle_;
        lock.unlock();
        call.call();
        // The task may go on, and the call be destroyed, before this thread does anything else.
        call.owner().post([&call] { call.complete(); });
        lock.lock();
        ++idle_;
    }
}

void blocking_call::start() {
    if (owner().is_virtual()) {
        call();
        complete();
    } else if (!blocking_pool::shared().submit(*this)) {
        fail_with(error(errc::limit_exceeded, "no thread for a blocking call"));
        complete();
    }
}

bool blocking_call::stop(stop_reason reason) noexcept {
    const bool withdrawn = blocking_pool::shared().withdraw(*this);
    if (withdrawn) {
        refuse(reason);
    }
    return withdrawn;
}

} // namespace runnel::inline v0
