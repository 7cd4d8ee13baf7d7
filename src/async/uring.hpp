// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/error.hpp"
#include "uring_abi.hpp"

#include <cstddef>
#include <cstdint>
#include <ctime>
#include <thread>

namespace runnel::inline v0 {

/// One io_uring: the two queues shared with the kernel, and the few calls that drive it.
///
/// It may be opened and filled on one thread, but belongs to the first that calls `enter`: only
/// there does the kernel run what completes requests, and only when it is entered.
class uring {
public:
    /// Adds the system calls it makes to `system_calls`.
    explicit uring(std::uint64_t& system_calls) noexcept : system_calls_(&system_calls) {}
    uring(const uring&) = delete;
    uring& operator=(const uring&) = delete;
    /// The kernel ends what is still under way by itself, without touching the memory of requests
    /// again.
    ~uring();

    /// Makes the queues, with the most favourable flags that the kernel takes.
    /// Errors: `not_supported`, `permission_denied`, `limit_exceeded`, with the reason.
    [[nodiscard]] result<void> open(unsigned submissions, unsigned completions);

    /// An empty entry of the submission queue, which goes out with the next `enter`. Null when the
    /// queue is full.
    [[nodiscard]] io_uring_sqe* next_submission() noexcept {
        if (sq_tail_ - __atomic_load_n(sq_head_, __ATOMIC_ACQUIRE) == sq_entries_) {
            return nullptr;
        }
        io_uring_sqe* entry = &entries_[sq_tail_++ & (sq_entries_ - 1)];
        *entry = io_uring_sqe{};
        return entry;
    }

    /// Submits without collecting anything. 0 or -errno.
    int submit() noexcept { return enter(0, 0, nullptr); }
    /// Submits and collects what is complete, after waiting for `wait_for` completions, at most for
    /// `timeout` (null: without limit). 0 or -errno; -ETIME and -EINTR end a wait.
    int submit_and_collect(unsigned wait_for, const timespec* timeout = nullptr) noexcept {
        return enter(wait_for, IORING_ENTER_GETEVENTS, timeout);
    }

    /// Hands each completion that was there at the call to `handle`, which may submit and collect
    /// more.
    template <class F>
    void for_each_completion(F handle) {
        unsigned head = *cq_head_;
        const unsigned tail = __atomic_load_n(cq_tail_, __ATOMIC_ACQUIRE);
        while (head != tail) {
            const io_uring_cqe& entry = completions_[head & (cq_entries_ - 1)];
            const std::uint64_t user_data = entry.user_data;
            const std::int32_t outcome = entry.res;
            const std::uint32_t flags = entry.flags;
            __atomic_store_n(cq_head_, ++head, __ATOMIC_RELEASE);
            handle(user_data, outcome, flags);
        }
    }

    /// io_uring_register: 0 or more, or -errno.
    int configure(unsigned operation, void* argument, unsigned count) noexcept;

    /// Whether the kernel knows a request of this kind.
    [[nodiscard]] bool knows(unsigned operation) noexcept;

    /// The flags of io_uring_setup that are in use.
    [[nodiscard]] unsigned flags() const noexcept { return flags_; }
    [[nodiscard]] bool entered() const noexcept { return enabled_; }
    [[nodiscard]] bool registered() const noexcept { return registered_; }
    /// Whether this is the thread that the ring belongs to, or it belongs to none yet.
    [[nodiscard]] bool is_mine() const noexcept {
        return !enabled_ || owner_ == std::this_thread::get_id();
    }

private:
    int set_up(unsigned submissions, unsigned completions, io_uring_params& params) noexcept;
    int map(const io_uring_params& params) noexcept;
    int enable() noexcept;
    int enter(unsigned wait_for, unsigned flags, const timespec* timeout) noexcept;

    // Without submission polling the kernel looks at the queue only within our calls.
    unsigned sq_tail_ = 0;
    unsigned sq_entries_ = 0;
    unsigned* sq_head_ = nullptr;
    unsigned* shared_tail_ = nullptr;
    io_uring_sqe* entries_ = nullptr;
    unsigned* cq_head_ = nullptr;
    unsigned* cq_tail_ = nullptr;
    unsigned cq_entries_ = 0;
    io_uring_cqe* completions_ = nullptr;

    int fd_ = -1;
    int enter_fd_ = -1;
    unsigned enter_flags_ = 0;
    unsigned flags_ = 0;
    bool enabled_ = false;
    bool registered_ = false;
    std::thread::id owner_;
    std::uint64_t* system_calls_;
    void* rings_ = nullptr;
    std::size_t rings_size_ = 0;
};

} // namespace runnel::inline v0
