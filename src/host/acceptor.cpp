// SPDX-License-Identifier: Apache-2.0
#include "acceptor.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <sys/socket.h>

namespace runnel::inline v0::host {
namespace {

/// Pauses while the system is out of descriptors or memory: long enough for others to end, and to
/// not burn the processor; short enough to go on soon.
constexpr duration first_pause = std::chrono::milliseconds(5);
constexpr duration longest_pause = std::chrono::seconds(1);

enum class trouble { none, out_of_something, fatal };

/// Ends a connection that nobody will serve. Closing it alone would look to the client like a
/// server that ended cleanly, without an answer.
void refuse(unique_fd connection) noexcept {
    const sockaddr nobody{.sa_family = AF_UNSPEC, .sa_data = {}};
    static_cast<void>(::connect(connection.get(), &nobody, sizeof nobody));
}

/// What an errno of accept means for the listener; see accept(2) for the errors of the network that
/// it passes on, which concern one connection only.
trouble classify(int number) noexcept {
    switch (number) {
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
        return trouble::out_of_something;
    case EAGAIN:
    case EINTR:
    case ECONNABORTED:
    case EPROTO:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ENETDOWN:
    case ENETUNREACH:
    case EPERM: // by a rule of the firewall
        return trouble::none;
    default:
        return trouble::fatal;
    }
}

} // namespace

accepted_slot::accepted_slot(std::shared_ptr<acceptor> from) noexcept : from_(std::move(from)) {
    ++from_->statistics_.open;
}

accepted_slot::~accepted_slot() {
    if (from_ != nullptr) {
        from_->slot_freed();
    }
}

acceptor::acceptor(unique_fd socket, descriptor_kind kind, std::size_t most_open)
    : loop_(loop::current()), io_(loop_.io()), socket_(std::move(socket)),
      file_(socket_.get(), kind),
      request_(*this, file_,
               [](io_request& self) noexcept { static_cast<request&>(self).owner.on_request(); }),
      pause_(*this, [](timer& self) noexcept { static_cast<wakeup&>(self).owner.pump(); }),
      most_open_(most_open) {}

acceptor::~acceptor() = default;

result<void> acceptor::open() {
    if (const int number = io_.attach(file_); number != 0) {
        return fail(error::from_errno(number));
    }
    return {};
}

void acceptor::close() noexcept {
    if (std::exchange(closed_, true)) {
        return;
    }
    pause_.cancel();
    if (spare_) {
        refuse(std::move(spare_));
    }
    if (accept_operation* op = std::exchange(waiting_, nullptr); op != nullptr) {
        op->end(fail(errc::closed));
    }
    if (request_.pending() && !request_.cancelled) {
        request_.cancelled = true;
        static_cast<void>(io_.cancel(request_));
    }
    if (request_.pending()) {
        self_ = shared_from_this();
    } else {
        finish_close();
    }
}

void acceptor::finish_close() noexcept {
    if (file_.attached()) {
        io_.detach(file_);
    }
    socket_.reset();
}

/// Asks the kernel for a connection, if somebody wants one and may have it.
void acceptor::pump() noexcept {
    while (waiting_ != nullptr && !request_.pending() && !pause_.armed() && !is_full()) {
        if (spare_) {
            give(std::move(spare_));
            return;
        }
        request_.cancelled = false;
        // A backend may accept ahead of the requests. Where only so many may be open, connections
        // stay with the kernel until there is room.
        request_.kind = most_open_ != 0 ? io_kind::readable : io_kind::accept;
        if (!io_.start(request_)) {
            return;
        }
        take(request_.result);
    }
}

void acceptor::on_request() noexcept {
    take(request_.result);
    if (closed_) {
        finish_close();
        const std::shared_ptr<acceptor> last = std::move(self_);
    } else {
        pump();
    }
}

void acceptor::take(int outcome) noexcept {
    if (outcome >= 0 && request_.kind == io_kind::readable) {
        if (waiting_ == nullptr) {
            return;
        }
        outcome = ::accept4(socket_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        outcome = outcome >= 0 ? outcome : -errno;
    }
    if (outcome >= 0) {
        pause_length_ = duration::zero();
        give(unique_fd(outcome));
    } else {
        failed(-outcome);
    }
}

void acceptor::give(unique_fd connection) noexcept {
    if (closed_) {
        refuse(std::move(connection));
        return;
    }
    if (accept_operation* op = std::exchange(waiting_, nullptr); op != nullptr) {
        op->end(std::move(connection));
    } else {
        spare_ = std::move(connection);
    }
}

void acceptor::failed(int number) noexcept {
    if (number == ECANCELED && request_.cancelled) {
        return;
    }
    const trouble what = classify(number);
    if (what == trouble::out_of_something) {
        pause(error::from_errno(number, "accept"));
    } else if (accept_operation* op = waiting_; op != nullptr && what == trouble::fatal) {
        waiting_ = nullptr;
        op->end(fail(error::from_errno(number, "accept")));
    }
}

void acceptor::pause(const error& why) noexcept {
    pause_length_ = std::clamp(2 * pause_length_, first_pause, longest_pause);
    ++statistics_.pauses;
    if (report_) {
        report_(why, pause_length_);
    }
    if (!closed_) {
        loop_.arm(pause_, loop_.now() + pause_length_);
    }
}

void acceptor::leave(accept_operation& op) noexcept {
    if (waiting_ != &op) {
        return;
    }
    waiting_ = nullptr;
    if (request_.pending() && !request_.cancelled) {
        request_.cancelled = true;
        static_cast<void>(io_.cancel(request_));
    }
}

void acceptor::slot_freed() noexcept {
    --statistics_.open;
    pump();
}

task<result<flow_ptr>> acceptor::accept(std::shared_ptr<acceptor> self) {
    for (;;) {
        result<unique_fd> connection = co_await accept_operation(*self);
        if (!connection) {
            co_return fail(connection.error());
        }
        result<flow_ptr> made = self->adopt(std::move(*connection), accepted_slot(self));
        if (made) {
            ++self->statistics_.accepted;
            co_return made;
        }
        self->pause(made.error()); // the backend is out of something
    }
}

void accept_operation::start() {
    if (source_->closed_) {
        end(fail(errc::closed));
    } else if (source_->waiting_ != nullptr) {
        end(fail(errc::busy));
    } else {
        source_->waiting_ = this;
        source_->pump();
    }
}

bool accept_operation::stop(stop_reason reason) noexcept {
    source_->leave(*this);
    refuse(reason);
    return true;
}

} // namespace runnel::inline v0::host
