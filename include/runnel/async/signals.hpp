// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/io.hpp"
#include "runnel/async/loop.hpp"
#include "runnel/async/operation.hpp"
#include "runnel/core/error.hpp"

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>
#include <utility>

#include <sys/uio.h>

namespace runnel::inline v0 {

class signal_slot;

/// Signals of the process as something a task can wait for:
/// `signal_set ends{SIGINT, SIGTERM}; auto number = co_await ends.next();`.
///
/// From its construction on, these signals no longer do what they did before, and are noted in
/// every set that names them, of any loop. When the last such set is destroyed, the former action
/// returns. No thread needs to block anything. A set belongs to the loop that runs when it is made.
class signal_set {
public:
    class next_operation;

    signal_set(std::initializer_list<int> numbers);
    signal_set(const signal_set&) = delete;
    signal_set& operator=(const signal_set&) = delete;
    /// Nobody may wait any more.
    ~signal_set();

    /// Waits for the next signal and gives its number. Signals of one number that come while nobody
    /// waits count once. Errors: the one of the stop that came first; `busy` while another waits;
    /// `not_supported` in virtual time; `limit_exceeded`, `invalid_argument` and others that arose
    /// when the set was made.
    [[nodiscard]] next_operation next() noexcept;

private:
    [[nodiscard]] std::optional<error> install(std::initializer_list<int> numbers);

    loop& loop_;
    descriptor file_; // an eventfd, written to by the handler
    signal_slot* slot_ = nullptr;
    std::optional<error> failure_;
    bool awaited_ = false;
};

/// See `signal_set::next`.
class signal_set::next_operation final : public operation {
public:
    explicit next_operation(signal_set& source) noexcept;
    next_operation(next_operation&& unstarted) noexcept
        : next_operation(unstarted.request_.source) {}

    [[nodiscard]] std::string_view what() const noexcept override { return "signal"; }
    result<int> await_resume() noexcept { return std::move(result_); }

protected:
    void start() override;
    bool stop(stop_reason reason) noexcept override;
    void refuse(stop_reason reason) noexcept override;

private:
    /// Reads the eventfd, which tells that there is something to take.
    struct request : io_request {
        request(signal_set& set, next_operation& waiting) noexcept;
        signal_set& source;
        next_operation& operation;
        std::uint64_t counter = 0;
        iovec room{};
    };
    [[nodiscard]] bool try_take() noexcept;
    void on_read() noexcept;

    request request_;
    result<int> result_ = 0;
};

/// Ignores SIGPIPE in the whole process, unless the program has set a handler of its own: for calls
/// that raise it and have no flag against it.
void ignore_sigpipe() noexcept;

inline signal_set::next_operation signal_set::next() noexcept {
    return next_operation(*this);
}

} // namespace runnel::inline v0
