// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/operation.hpp"
#include "runnel/core/check.hpp"

namespace runnel::inline v0 {

/// A place in a `wait_queue`. Leaves it when destroyed.
class queue_link {
public:
    queue_link() noexcept : next_(this), previous_(this) {}
    queue_link(const queue_link&) = delete;
    queue_link& operator=(const queue_link&) = delete;
    ~queue_link() { leave_queue(); }

    [[nodiscard]] bool queued() const noexcept { return next_ != this; }
    void leave_queue() noexcept {
        previous_->next_ = next_;
        next_->previous_ = previous_;
        next_ = previous_ = this;
    }

private:
    template <class T>
    friend class wait_queue;
    queue_link* next_;
    queue_link* previous_;
};

/// Operations that wait for the same thing, first come, first served. `T` is an operation and
/// derives from `queue_link`. Nobody may wait any more when the queue is destroyed.
template <class T>
class wait_queue {
public:
    wait_queue() noexcept = default;
    wait_queue(const wait_queue&) = delete;
    wait_queue& operator=(const wait_queue&) = delete;
    ~wait_queue() { check(empty(), "what tasks wait for outlives them"); }

    [[nodiscard]] bool empty() const noexcept { return !ends_.queued(); }
    /// Who waits longest. Requires that someone does.
    [[nodiscard]] T& front() const noexcept { return static_cast<T&>(*ends_.next_); }
    void push_back(T& waiting) noexcept {
        queue_link& link = waiting;
        link.previous_ = ends_.previous_;
        link.next_ = &ends_;
        ends_.previous_->next_ = &link;
        ends_.previous_ = &link;
    }
    T& pop_front() noexcept {
        T& first = front();
        static_cast<queue_link&>(first).leave_queue();
        return first;
    }

private:
    queue_link ends_;
};

} // namespace runnel::inline v0
