// SPDX-License-Identifier: Apache-2.0
#include "backends.hpp"
#include "direct_io.hpp"
#include "find_kind.hpp"
#include "monotonic_clock.hpp"
#include "no_sigpipe.hpp"
#include "runnel/core/check.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace runnel::inline v0 {

/// Readiness from epoll, edge-triggered: each descriptor is registered once for reading, and from
/// its first write that blocks also for writing.
///
/// A request makes its system call at once, unless what is known says that it would block; then it
/// is parked in its descriptor, and the call is made when an event arrives. Since an edge comes
/// only after a call that found nothing (EAGAIN), each call notes whether it left something behind.
class epoll_backend final : public io_backend {
public:
    epoll_backend(int epoll, int wake_event) noexcept : epoll_(epoll), wake_event_(wake_event) {}
    ~epoll_backend() override;

    [[nodiscard]] time_point now() noexcept override;
    time_point wait(time_point deadline, bool poll) noexcept override;
    void wake() noexcept override;
    [[nodiscard]] int attach(descriptor& file) noexcept override;
    void detach(descriptor& file) noexcept override;
    [[nodiscard]] bool start(io_request& request) noexcept override;
    [[nodiscard]] bool cancel(io_request& request) noexcept override;

private:
    static constexpr std::size_t events_at_once = 256;
    static constexpr std::uint32_t reading_events = EPOLLIN | EPOLLRDHUP | EPOLLPRI;

    int watch(descriptor& file, int operation, std::uint32_t events) noexcept;
    int wait_for_events(time_point deadline, bool poll) noexcept;
    void dispatch(std::uint32_t events) noexcept;
    bool attempt(io_request& request) noexcept;
    static bool may_go_on(const io_request& request, int outcome) noexcept;

    int epoll_;
    int wake_event_;
    bool closing_ = false;
    bool has_pwait2_ = true;
    direct_io direct_{statistics_.system_calls};
    /// The descriptor whose event is being handled; null once it is detached.
    descriptor* current_ = nullptr;
    /// Events not handled yet are those in [next_event_, event_count_).
    int next_event_ = 0;
    int event_count_ = 0;
    std::array<epoll_event, events_at_once> events_{};
};

result<std::unique_ptr<io_backend>> make_epoll_backend() {
    const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0) {
        return fail(error::from_errno(errno, "epoll_create1"));
    }
    const int wake_event = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    // Edge-triggered, the event needs no reading: each write to it is an edge.
    epoll_event interest{.events = EPOLLIN | EPOLLET, .data = {.ptr = nullptr}};
    if (wake_event < 0 || ::epoll_ctl(epoll, EPOLL_CTL_ADD, wake_event, &interest) != 0) {
        const int number = errno;
        ::close(epoll);
        ::close(wake_event);
        return fail(error::from_errno(number, "eventfd"));
    }
    return std::make_unique<epoll_backend>(epoll, wake_event);
}

epoll_backend::~epoll_backend() {
    closing_ = true;
    while (attached_ != nullptr) {
        descriptor& file = *attached_;
        // The owner may free the descriptor in `done`, so the list is read anew after each.
        if (file.reader_ != nullptr) {
            std::exchange(file.reader_, nullptr)->finish(-ECANCELED);
        } else if (file.writer_ != nullptr) {
            std::exchange(file.writer_, nullptr)->finish(-ECANCELED);
        } else {
            unlink(file);
        }
    }
    ::close(wake_event_);
    ::close(epoll_);
}

time_point epoll_backend::now() noexcept {
    return monotonic_now();
}

void epoll_backend::wake() noexcept {
    const std::uint64_t one = 1;
    static_cast<void>(::write(wake_event_, &one, sizeof one));
}

int epoll_backend::attach(descriptor& file) noexcept {
    check(!file.attached(), "a descriptor is attached to one backend");
    if (file.kind_ == descriptor_kind::unknown) {
        file.kind_ = find_kind(file.fd_, statistics_.system_calls);
    }
    if (file.kind_ == descriptor_kind::other) {
        static_cast<void>(no_sigpipe_flag());
    }
    if (const int number = watch(file, EPOLL_CTL_ADD, reading_events); number != 0) {
        return number;
    }
    file.watched_for_writing_ = false;
    file.readable_ = true;
    file.writable_ = true;
    file.drains_late_ = false;
    link(file);
    return 0;
}

int epoll_backend::watch(descriptor& file, int operation, std::uint32_t events) noexcept {
    epoll_event interest{.events = events | EPOLLET, .data = {.ptr = &file}};
    ++statistics_.system_calls;
    return ::epoll_ctl(epoll_, operation, file.fd_, &interest) == 0 ? 0 : errno;
}

void epoll_backend::detach(descriptor& file) noexcept {
    check(file.reader_ == nullptr && file.writer_ == nullptr,
          "a descriptor is detached when no request of it is pending");
    if (!file.attached()) {
        return;
    }
    unlink(file);
    // Not left to close(): a duplicate of the file, in a child process say, would keep it
    // registered.
    ++statistics_.system_calls;
    ::epoll_ctl(epoll_, EPOLL_CTL_DEL, file.fd_, nullptr);
    if (current_ == &file) {
        current_ = nullptr;
    }
    for (int i = next_event_; i < event_count_; ++i) {
        if (events_[static_cast<std::size_t>(i)].data.ptr == &file) {
            events_[static_cast<std::size_t>(i)].data.ptr = nullptr;
        }
    }
}

bool epoll_backend::start(io_request& request) noexcept {
    descriptor& file = *request.file;
    io_request*& parked = reads(request.kind) ? file.reader_ : file.writer_;
    check(file.attached() || closing_, "a request needs an attached descriptor");
    check(parked == nullptr, "one request of each direction may be pending on a descriptor");
    ++statistics_.requests;
    if (closing_) {
        request.result = -ECANCELED;
        return true;
    }
    if (attempt(request)) {
        return true;
    }
    request.phase_ = io_request::phase::parked;
    parked = &request;
    if (!reads(request.kind) && !file.watched_for_writing_) {
        // Most never get here: then epoll need not report each time that the peer has read
        // something.
        file.watched_for_writing_ = true;
        watch(file, EPOLL_CTL_MOD, reading_events | EPOLLOUT);
    }
    return false;
}

bool epoll_backend::cancel(io_request& request) noexcept {
    if (request.pending()) {
        request.phase_ = io_request::phase::idle;
        (reads(request.kind) ? request.file->reader_ : request.file->writer_) = nullptr;
        request.result = -ECANCELED;
    }
    return true;
}

time_point epoll_backend::wait(time_point deadline, bool poll) noexcept {
    event_count_ = wait_for_events(deadline, poll);
    for (next_event_ = 0; next_event_ < event_count_;) {
        const epoll_event& event = events_[static_cast<std::size_t>(next_event_++)];
        current_ = static_cast<descriptor*>(event.data.ptr);
        if (current_ != nullptr) {
            dispatch(event.events);
        }
    }
    current_ = nullptr;
    return now();
}

int epoll_backend::wait_for_events(time_point deadline, bool poll) noexcept {
    ++statistics_.waits;
    ++statistics_.system_calls;
    if (poll || deadline == never) {
        return std::max(::epoll_wait(epoll_, events_.data(), events_at_once, poll ? 0 : -1), 0);
    }
    const duration left = std::max(deadline - now(), duration::zero());
    if (has_pwait2_) {
        const timespec timeout = to_timespec(left);
        const int count = ::epoll_pwait2(epoll_, events_.data(), events_at_once, &timeout, nullptr);
        if (count >= 0 || errno == EINTR) {
            return std::max(count, 0);
        }
        has_pwait2_ = false; // before Linux 5.11, or denied by a filter of system calls
        ++statistics_.system_calls;
    }
    const auto milliseconds =
        std::min<std::int64_t>(std::chrono::ceil<std::chrono::milliseconds>(left).count(), 1 << 30);
    return std::max(
        ::epoll_wait(epoll_, events_.data(), events_at_once, static_cast<int>(milliseconds)), 0);
}

void epoll_backend::dispatch(std::uint32_t events) noexcept {
    descriptor& file = *current_;
    constexpr std::uint32_t broken = EPOLLERR | EPOLLHUP;
    if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLPRI | broken)) != 0) {
        file.readable_ = true;
        // The peer's end gives no further edge, and a read stops short of urgent data.
        file.drains_late_ |= (events & (EPOLLRDHUP | EPOLLPRI | broken)) != 0;
        if (io_request* parked = file.reader_; parked != nullptr && attempt(*parked)) {
            file.reader_ = nullptr;
            parked->finish(parked->result);
        }
    }
    // A vsock socket whose peer has gone says just that, and is not writable as long as something
    // is unread; sending then fails at once.
    if (current_ != nullptr && (events & (EPOLLOUT | EPOLLRDHUP | broken)) != 0) {
        file.writable_ = true;
        if (io_request* parked = file.writer_; parked != nullptr && attempt(*parked)) {
            file.writer_ = nullptr;
            parked->finish(parked->result);
        }
    }
}

/// Makes the request's call unless it is known that it would block. True if there is a result.
bool epoll_backend::attempt(io_request& request) noexcept {
    bool& ready = reads(request.kind) ? request.file->readable_ : request.file->writable_;
    if (!ready) {
        return false;
    }
    request.result = direct_.perform(request);
    ready = request.result != -EAGAIN && may_go_on(request, request.result);
    return request.result != -EAGAIN;
}

/// Whether the direction of a call that moved `outcome` bytes may have more to give or room to
/// take. A TCP stream that moved less than it could has not; of others only a call that fails
/// tells.
bool epoll_backend::may_go_on(const io_request& request, int outcome) noexcept {
    const descriptor& file = *request.file;
    const bool moves = request.kind == io_kind::receive || request.kind == io_kind::receive_into ||
                       request.kind == io_kind::send;
    if (!moves || outcome <= 0 || file.kind_ != descriptor_kind::tcp || request.flags != 0 ||
        (file.drains_late_ && request.kind != io_kind::send)) {
        return true;
    }
    constexpr std::size_t most_at_once = 0x7fff'f000; // MAX_RW_COUNT of the kernel
    return static_cast<std::size_t>(outcome) == std::min(room_of(request), most_at_once);
}

} // namespace runnel::inline v0
