// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/operation.hpp"
#include "runnel/async/wait_queue.hpp"
#include "runnel/core/error.hpp"

#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace runnel::inline v0 {

/// A queue of at most `capacity` items between tasks of one loop, with any number of senders and
/// receivers, each served first come, first served. With capacity 0 an item passes only from hand
/// to hand. Outlives those who wait. No allocation after construction, and no item is lost: a
/// cancelled receive took none, and a send that fails leaves the item where it was.
template <class T>
class channel {
public:
    class send_operation;
    class receive_operation;

    explicit channel(std::size_t capacity) : items_(capacity) {}

    /// Waits for room, then moves `item` in. Gives success, `errc::closed` once the channel is
    /// closed, or the error of the stop that came first; only success moves from `item`, which must
    /// live until then: name it, or make it within the `co_await`.
    [[nodiscard]] send_operation send(T&& item) noexcept { return send_operation(*this, item); }
    /// Moves `item` in if that needs no waiting. Whether it did.
    [[nodiscard]] bool try_send(T&& item);

    /// Waits for an item. Gives the next, `errc::end` once the channel is closed and empty, or the
    /// error of the stop that came first.
    [[nodiscard]] receive_operation receive() noexcept { return receive_operation(*this); }
    /// Takes the next item if that needs no waiting.
    [[nodiscard]] std::optional<T> try_receive();

    /// Ends the stream of items: every send fails from now on, also those that wait; what is in the
    /// channel can still be received. Again: nothing.
    void close() noexcept;
    [[nodiscard]] bool closed() const noexcept { return closed_; }

    /// Items in the channel, without those of senders that wait.
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] std::size_t capacity() const noexcept { return items_.size(); }

private:
    [[nodiscard]] std::size_t wrapped(std::size_t index) const noexcept {
        return index < items_.size() ? index : index - items_.size();
    }
    void push(T&& item) { items_[wrapped(first_ + size_++)].emplace(std::move(item)); }
    T pop() {
        T item = std::move(*items_[first_]);
        items_[first_].reset();
        first_ = wrapped(first_ + 1);
        --size_;
        return item;
    }

    std::vector<std::optional<T>> items_; // a ring
    std::size_t first_ = 0;
    std::size_t size_ = 0;
    bool closed_ = false;
    wait_queue<send_operation> senders_;
    wait_queue<receive_operation> receivers_;
};

/// See `channel::send`.
template <class T>
class channel<T>::send_operation final : public operation, public queue_link {
public:
    send_operation(channel& target, T& item) noexcept : channel_(&target), item_(&item) {}
    send_operation(send_operation&& unstarted) noexcept
        : send_operation(*unstarted.channel_, *unstarted.item_) {}

    [[nodiscard]] std::string_view what() const noexcept override { return "send to a channel"; }
    result<void> await_resume() noexcept { return std::move(result_); }

protected:
    void start() override {
        if (channel_->closed_) {
            result_ = fail(errc::closed);
            complete();
        } else if (channel_->try_send(std::move(*item_))) {
            complete();
        } else {
            channel_->senders_.push_back(*this);
        }
    }
    bool stop(stop_reason reason) noexcept override {
        leave_queue();
        refuse(reason);
        return true;
    }
    void refuse(stop_reason reason) noexcept override { result_ = fail(to_error(reason)); }

private:
    friend class channel;
    channel* channel_;
    T* item_;
    result<void> result_;
};

/// See `channel::receive`.
template <class T>
class channel<T>::receive_operation final : public operation, public queue_link {
public:
    explicit receive_operation(channel& source) noexcept : channel_(&source) {}
    receive_operation(receive_operation&& unstarted) noexcept
        : receive_operation(*unstarted.channel_) {}

    [[nodiscard]] std::string_view what() const noexcept override {
        return "receive from a channel";
    }
    result<T> await_resume() {
        if (item_) {
            return std::move(*item_);
        }
        return fail(stopped_ == stop_reason::none ? error(errc::end) : to_error(stopped_));
    }

protected:
    void start() override {
        item_ = channel_->try_receive();
        if (item_ || channel_->closed_) {
            complete();
        } else {
            channel_->receivers_.push_back(*this);
        }
    }
    bool stop(stop_reason reason) noexcept override {
        leave_queue();
        refuse(reason);
        return true;
    }
    void refuse(stop_reason reason) noexcept override { stopped_ = reason; }

private:
    friend class channel;
    channel* channel_;
    std::optional<T> item_;
    stop_reason stopped_ = stop_reason::none;
};

template <class T>
bool channel<T>::try_send(T&& item) {
    if (closed_) {
        return false;
    }
    if (!receivers_.empty()) {
        receive_operation& receiver = receivers_.pop_front();
        receiver.item_.emplace(std::move(item));
        receiver.complete();
        return true;
    }
    if (size_ == items_.size()) {
        return false;
    }
    push(std::move(item));
    return true;
}

template <class T>
std::optional<T> channel<T>::try_receive() {
    std::optional<T> next;
    if (size_ > 0) {
        next.emplace(pop());
    }
    if (!senders_.empty()) {
        // There is room now, or there never is any.
        send_operation& sender = senders_.pop_front();
        if (next) {
            push(std::move(*sender.item_));
        } else {
            next.emplace(std::move(*sender.item_));
        }
        sender.complete();
    }
    return next;
}

template <class T>
void channel<T>::close() noexcept {
    closed_ = true;
    while (!senders_.empty()) {
        send_operation& sender = senders_.pop_front();
        sender.result_ = fail(errc::closed);
        sender.complete();
    }
    while (!receivers_.empty()) {
        receivers_.pop_front().complete();
    }
}

} // namespace runnel::inline v0
