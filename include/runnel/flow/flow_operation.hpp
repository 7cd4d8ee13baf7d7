// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/operation.hpp"
#include "runnel/core/buffer.hpp"
#include "runnel/core/buffer_list.hpp"
#include "runnel/core/error.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

namespace runnel::inline v0 {

class flow;

/// Which direction of a flow `shutdown` ends.
enum class direction : std::uint8_t { read, write, both };

/// How a write ended: whether all was accepted, and how much if not.
class [[nodiscard]] write_result {
public:
    explicit write_result(std::size_t accepted) noexcept : accepted_(accepted) {}
    write_result(std::size_t accepted, runnel::error why) noexcept
        : accepted_(accepted), error_(std::move(why)) {}

    /// Whether everything was accepted.
    [[nodiscard]] explicit operator bool() const noexcept { return !error_.has_value(); }
    [[nodiscard]] bool has_value() const noexcept { return !error_.has_value(); }
    /// Bytes the transport took, counted from the front: a prefix of what was written, also after
    /// an error or a cancellation.
    [[nodiscard]] std::size_t accepted() const noexcept { return accepted_; }
    /// Why not all was accepted. Requires `!*this`.
    [[nodiscard]] const runnel::error& error() const noexcept { return *error_; }

private:
    std::size_t accepted_;
    std::optional<runnel::error> error_;
};

/// A read as transports see it: they fill it and end it by one of `succeed…` and `fail`, at once
/// within `flow::do_read` or later.
class read_operation : public operation {
public:
    read_operation(flow& source, std::span<std::byte> target, bool into, std::size_t hint) noexcept
        : flow_(&source), target_(target), hint_(hint), into_(into) {}
    read_operation(read_operation&& unstarted) noexcept
        : operation(static_cast<operation&&>(unstarted)), flow_(unstarted.flow_),
          target_(unstarted.target_), hint_(unstarted.hint_), into_(unstarted.into_) {}

    /// Whether the caller brought memory (`read_into`); otherwise the transport gives a buffer.
    [[nodiscard]] bool into_memory() const noexcept { return into_; }
    /// The caller's memory, never empty; empty for `read`.
    [[nodiscard]] std::span<std::byte> target() const noexcept { return target_; }
    /// Bytes that the caller would like to get at most in one buffer; 0: as the transport likes.
    [[nodiscard]] std::size_t hint() const noexcept { return hint_; }

    /// Ends `read` with a buffer. Requires `!into_memory()` and a buffer that is not empty.
    void succeed(buffer data) noexcept;
    /// Ends `read_into` with `count` > 0 bytes written to `target()`.
    void succeed_into(std::size_t count) noexcept;
    /// Ends either kind with what stands first in `queue`. Requires that it is not empty.
    void succeed_from(buffer_queue& queue) noexcept;
    /// Ends with an error. Every one but that of a stop or a misuse is the end of this direction.
    void fail(error why) noexcept;
    /// Ends with the error for `stopped()`: the stream goes on.
    void fail_stopped() noexcept;

protected:
    friend class flow;
    void start() override;
    bool stop(stop_reason reason) noexcept override;
    void refuse(stop_reason reason) noexcept override { error_ = to_error(reason); }
    [[nodiscard]] std::string_view what() const noexcept override { return "read of a flow"; }
    void leave() noexcept;

    flow* flow_; // null once the flow has let go of the operation
    std::span<std::byte> target_;
    std::size_t hint_;
    std::size_t count_ = 0;
    buffer data_;
    std::optional<error> error_;
    bool into_;
};

/// What `flow::read` gives to `co_await`.
class [[nodiscard]] read_awaiter final : public read_operation {
public:
    read_awaiter(flow& source, std::size_t hint) noexcept
        : read_operation(source, {}, false, hint) {}
    result<buffer> await_resume() noexcept {
        if (error_.has_value()) {
            return std::unexpected(std::move(*error_));
        }
        return std::move(data_);
    }
};

/// What `flow::read_into` gives to `co_await`: the number of bytes, at least 1.
class [[nodiscard]] read_into_awaiter final : public read_operation {
public:
    read_into_awaiter(flow& source, std::span<std::byte> target) noexcept
        : read_operation(source, target, true, target.size()) {}
    result<std::size_t> await_resume() noexcept {
        if (error_.has_value()) {
            return std::unexpected(std::move(*error_));
        }
        return count_;
    }
};

/// A write as transports see it: they take bytes from the front and end it by `succeed` or `fail`.
class write_operation : public operation {
public:
    write_operation(flow& target, bool nodelay) noexcept : flow_(&target), nodelay_(nodelay) {}
    write_operation(write_operation&& unstarted) noexcept
        : operation(static_cast<operation&&>(unstarted)), flow_(unstarted.flow_),
          nodelay_(unstarted.nodelay_) {}

    /// What is still to be accepted, in order. Some may be empty.
    [[nodiscard]] std::span<buffer> rest() const noexcept { return items_; }
    /// Bytes still to be accepted.
    [[nodiscard]] std::size_t remaining() const noexcept { return remaining_; }
    [[nodiscard]] bool nodelay() const noexcept { return nodelay_; }

    /// Counts `count` bytes from the front as accepted and drops them.
    void accept(std::size_t count) noexcept;
    /// Takes the first buffer out, or its first `limit` bytes, and counts them as accepted.
    /// Requires `remaining() > 0` and `limit > 0`.
    buffer take(std::size_t limit = buffer::max_size) noexcept;

    /// Ends the write. Requires `remaining() == 0`.
    void succeed() noexcept;
    /// Ends it with an error, which every later write repeats.
    void fail(error why) noexcept;
    /// Ends it with the error for `stopped()`; what was accepted stays accepted.
    void fail_stopped() noexcept;

protected:
    friend class flow;
    void start() override;
    bool stop(stop_reason reason) noexcept override;
    void refuse(stop_reason reason) noexcept override { error_ = to_error(reason); }
    [[nodiscard]] std::string_view what() const noexcept override { return "write to a flow"; }
    void leave() noexcept;
    void set_items(std::span<buffer> items) noexcept;
    [[nodiscard]] write_result outcome() noexcept {
        return error_.has_value() ? write_result(accepted_, std::move(*error_))
                                  : write_result(accepted_);
    }

    flow* flow_;
    std::span<buffer> items_;
    std::size_t remaining_ = 0;
    std::size_t accepted_ = 0;
    std::optional<error> error_;
    bool nodelay_;
};

/// What `flow::write` gives to `co_await`.
class [[nodiscard]] write_awaiter final : public write_operation {
public:
    write_awaiter(flow& target, buffer data, bool nodelay) noexcept
        : write_operation(target, nodelay), item_(std::move(data)) {}
    write_result await_resume() noexcept { return outcome(); }

private:
    void start() override {
        set_items({&item_, 1});
        write_operation::start();
    }
    buffer item_;
};

/// What `flow::writev` gives to `co_await`.
class [[nodiscard]] writev_awaiter final : public write_operation {
public:
    writev_awaiter(flow& target, buffer_list data, bool nodelay) noexcept
        : write_operation(target, nodelay), list_(std::move(data)) {}
    write_result await_resume() noexcept { return outcome(); }

private:
    void start() override {
        set_items(list_.items());
        write_operation::start();
    }
    buffer_list list_;
};

/// A flush, a shutdown of the writing side, or a close, as transports see it.
class [[nodiscard]] control_operation final : public operation {
public:
    enum class kind : std::uint8_t { flush, shutdown, close };

    control_operation(flow& target, kind what) noexcept : flow_(&target), kind_(what) {}
    control_operation(flow& target, direction which) noexcept
        : flow_(&target), kind_(kind::shutdown), direction_(which) {}
    control_operation(control_operation&& unstarted) noexcept
        : operation(static_cast<operation&&>(unstarted)), flow_(unstarted.flow_),
          kind_(unstarted.kind_), direction_(unstarted.direction_) {}

    result<void> await_resume() noexcept {
        if (error_.has_value()) {
            return std::unexpected(std::move(*error_));
        }
        return {};
    }

    void succeed() noexcept;
    void fail(error why) noexcept;
    void fail_stopped() noexcept;

private:
    friend class flow;
    void start() override;
    bool stop(stop_reason reason) noexcept override;
    void refuse(stop_reason reason) noexcept override;
    [[nodiscard]] std::string_view what() const noexcept override;
    void leave() noexcept;
    void abort_instead(stop_reason reason) noexcept;

    flow* flow_;
    kind kind_;
    direction direction_ = direction::write;
    control_operation* next_ = nullptr;
    std::optional<error> error_;
};

} // namespace runnel::inline v0
