// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/io.hpp"
#include "runnel/async/loop.hpp"
#include "runnel/async/operation.hpp"
#include "runnel/async/timer.hpp"
#include "runnel/flow/listener.hpp"
#include "runnel/host/unique_fd.hpp"

#include <cstddef>
#include <memory>
#include <optional>

namespace runnel::inline v0::host {

class acceptor;
class accept_operation;

/// One of the flows that a listener gave out; counts until it is destroyed.
class accepted_slot {
public:
    accepted_slot() noexcept = default;
    explicit accepted_slot(std::shared_ptr<acceptor> from) noexcept;
    accepted_slot(accepted_slot&&) noexcept = default;
    accepted_slot& operator=(accepted_slot&&) = delete;
    ~accepted_slot();

private:
    std::shared_ptr<acceptor> from_;
};

/// A listening socket at work: what a kernel's listener and the flows it gave out share.
class acceptor : public std::enable_shared_from_this<acceptor> {
public:
    /// Takes a non-blocking, listening socket. `most_open`: flows at a time; 0: any number.
    acceptor(unique_fd socket, descriptor_kind kind, std::size_t most_open);
    acceptor(const acceptor&) = delete;
    acceptor& operator=(const acceptor&) = delete;
    virtual ~acceptor();

    /// Attaches it to the loop. Errors: those of `io_backend::attach`.
    [[nodiscard]] result<void> open();
    /// Stops listening; the acceptor lives on until the backend has let go of it.
    void close() noexcept;

    /// See `listener::accept`.
    [[nodiscard]] static task<result<flow_ptr>> accept(std::shared_ptr<acceptor> self);

    [[nodiscard]] int fd() const noexcept { return file_.fd(); }
    [[nodiscard]] const listener_statistics& statistics() const noexcept { return statistics_; }
    void on_pause(listener::pause_function report) { report_ = std::move(report); }

protected:
    /// Makes a flow of a new connection. An error means that the system is out of something.
    [[nodiscard]] virtual result<flow_ptr> adopt(unique_fd connection, accepted_slot slot) = 0;

private:
    friend class accept_operation;
    friend class accepted_slot;

    struct request final : io_request {
        request(acceptor& user, descriptor& target, function done) noexcept
            : io_request(target, done), owner(user) {}
        acceptor& owner;
        bool cancelled = false;
    };
    struct wakeup final : timer {
        wakeup(acceptor& user, function fire) noexcept : timer(fire), owner(user) {}
        acceptor& owner;
    };

    [[nodiscard]] bool is_full() const noexcept {
        return most_open_ != 0 && statistics_.open >= most_open_;
    }
    void pump() noexcept;
    void on_request() noexcept;
    void take(int outcome) noexcept;
    void give(unique_fd connection) noexcept;
    void failed(int number) noexcept;
    void pause(const error& why) noexcept;
    void finish_close() noexcept;
    void leave(accept_operation& op) noexcept;
    void slot_freed() noexcept;

    loop& loop_;
    io_backend& io_; // also while the loop is being destroyed
    unique_fd socket_;
    descriptor file_;
    request request_;
    wakeup pause_;
    duration pause_length_{};
    std::size_t most_open_;
    accept_operation* waiting_ = nullptr;
    unique_fd spare_; // accepted for an operation that was cancelled too late
    bool closed_ = false;
    std::shared_ptr<acceptor> self_; // while a closed acceptor waits for the backend
    listener_statistics statistics_;
    listener::pause_function report_;
};

/// Waits for a connection of an acceptor.
class accept_operation final : public operation {
public:
    explicit accept_operation(acceptor& source) noexcept : source_(&source) {}
    accept_operation(accept_operation&& unstarted) noexcept
        : accept_operation(*unstarted.source_) {}

    [[nodiscard]] std::string_view what() const noexcept override { return "accept"; }
    result<unique_fd> await_resume() noexcept { return std::move(result_); }

private:
    friend class acceptor;
    void start() override;
    bool stop(stop_reason reason) noexcept override;
    void refuse(stop_reason reason) noexcept override { result_ = fail(to_error(reason)); }
    void end(result<unique_fd> outcome) noexcept {
        result_ = std::move(outcome);
        complete();
    }

    acceptor* source_;
    result<unique_fd> result_;
};

} // namespace runnel::inline v0::host
