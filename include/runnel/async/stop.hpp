// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/error.hpp"

#include <cstdint>

namespace runnel::inline v0 {

/// Why an operation was asked to stop before it was done.
enum class stop_reason : std::uint8_t {
    none,
    /// The program, or the scope around the task, gave it up: `errc::cancelled`.
    cancelled,
    /// Its deadline passed: `errc::timed_out` with the text "deadline passed".
    deadline,
    /// Virtual time found that nothing could ever wake it: `errc::deadlock`.
    deadlock,
};

/// The error that an operation stopped for `reason` completes with.
[[nodiscard]] error to_error(stop_reason reason);

/// A function called when a `stop_source` stops. Linked in the source; removes itself when
/// destroyed. Thread-confined, no allocation.
class stop_callback {
public:
    using function = void (*)(stop_callback& self, stop_reason reason) noexcept;

    explicit stop_callback(function call) noexcept : call_(call) {}
    stop_callback(const stop_callback&) = delete;
    stop_callback& operator=(const stop_callback&) = delete;
    ~stop_callback() { unlink(); }

    [[nodiscard]] bool linked() const noexcept { return previous_ != nullptr; }

    void unlink() noexcept {
        if (previous_ != nullptr) {
            *previous_ = next_;
            if (next_ != nullptr) {
                next_->previous_ = previous_;
            }
            previous_ = nullptr;
        }
    }

private:
    friend class stop_source;
    function call_;
    stop_callback* next_ = nullptr;
    stop_callback** previous_ = nullptr;
};

/// Asks the operations of some tasks to stop, once. Sources form a tree: stopping one stops all
/// below.
///
/// Thread-confined: request from another thread by `loop::post`. A source must outlive what is
/// linked to it, which structured concurrency guarantees.
class stop_source {
public:
    stop_source() noexcept : parent_link_(*this) {}
    /// A source that also stops when `parent` does (null: a root).
    explicit stop_source(stop_source* parent) noexcept : stop_source() { attach(parent); }
    stop_source(const stop_source&) = delete;
    stop_source& operator=(const stop_source&) = delete;
    ~stop_source() = default;

    /// Links this source below `parent` (null: nothing). Stops at once if the parent has stopped.
    void attach(stop_source* parent) noexcept;

    /// Calls everything linked, at once. Later requests change nothing.
    void request_stop(stop_reason reason = stop_reason::cancelled) noexcept;

    [[nodiscard]] bool stop_requested() const noexcept { return reason_ != stop_reason::none; }
    [[nodiscard]] stop_reason reason() const noexcept { return reason_; }

    /// Links `callback`. Requires that no stop was requested yet.
    void add(stop_callback& callback) noexcept {
        callback.next_ = first_;
        callback.previous_ = &first_;
        if (first_ != nullptr) {
            first_->previous_ = &callback.next_;
        }
        first_ = &callback;
    }

private:
    struct parent_callback : stop_callback {
        explicit parent_callback(stop_source& child) noexcept
            : stop_callback([](stop_callback& self, stop_reason reason) noexcept {
                  static_cast<parent_callback&>(self).source.request_stop(reason);
              }),
              source(child) {}
        stop_source& source;
    };

    stop_callback* first_ = nullptr;
    parent_callback parent_link_;
    stop_reason reason_ = stop_reason::none;
};

} // namespace runnel::inline v0
