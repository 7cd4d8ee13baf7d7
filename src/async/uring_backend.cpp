// SPDX-License-Identifier: Apache-2.0
#include "uring_backend.hpp"

#include "backends.hpp"
#include "find_kind.hpp"
#include "monotonic_clock.hpp"
#include "runnel/core/buffer_pool.hpp"
#include "runnel/core/check.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace runnel::inline v0 {
namespace {

constexpr unsigned submission_entries = 256;
/// Many more than submissions: a multishot answers many times, and an overflow costs the kernel
/// memory.
constexpr unsigned completion_entries = 4096;
/// How long the end of a backend waits for the kernel to let go of what was cancelled. Only memory
/// that a network card still sends from, or a file on a dead file server, can take longer.
constexpr auto farewell = std::chrono::seconds(1);

} // namespace

result<std::unique_ptr<io_backend>> make_uring_backend() {
    auto backend = std::make_unique<uring_backend>();
    if (auto opened = backend->open(); !opened) {
        return std::unexpected(opened.error());
    }
    return backend;
}

uring_backend::uring_backend() noexcept
    : buffers_{provided_buffers{0, buffer_pool::class_sizes[1], 1024},
               provided_buffers{1, buffer_pool::class_sizes[2], 256},
               provided_buffers{2, buffer_pool::class_sizes[3], 64},
               provided_buffers{3, buffer_pool::class_sizes[4], 16}},
      ring_(statistics_.system_calls) {}

result<void> uring_backend::open() {
    if (auto opened = ring_.open(submission_entries, completion_entries); !opened) {
        return opened;
    }
    if (buffers_[1].open(ring_) < 0) {
        return fail(errc::not_supported, "io_uring of this kernel is too old: it needs Linux 5.19");
    }
    multishot_receive_ = ring_.knows(IORING_OP_SEND_ZC); // which came in the same release, 6.0
    zero_copy_ = ring_.knows(IORING_OP_SENDMSG_ZC);
    wake_event_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (wake_event_ < 0) {
        return fail(error::from_errno(errno, "eventfd"));
    }
    watch_wake_event();
    return {};
}

uring_backend::~uring_backend() {
    if (ring_.entered() && ring_.is_mine()) {
        life_ = life::closing;
        finish_pending(true);
        cancel_everything();
    }
    life_ = life::closed;
    finish_pending(false);
    while (attached_ != nullptr) {
        release(*attached_);
        unlink(*attached_);
    }
    if (wake_event_ >= 0) {
        ::close(wake_event_);
    }
}

/// Finishes requests without the kernel: those parked with us, or whatever is left.
void uring_backend::finish_pending(bool only_parked) noexcept {
    const auto is_meant = [only_parked](const io_request* request) {
        return request != nullptr && (!only_parked || request->phase_ == phase::parked);
    };
    for (descriptor* file = attached_; file != nullptr;) {
        io_request* request = is_meant(file->reader_)   ? file->reader_
                              : is_meant(file->writer_) ? file->writer_
                                                        : nullptr;
        if (request != nullptr) {
            // Its owner may free the descriptor, and others: the list is read anew.
            finish(*request, request->phase_ == phase::sent ? request->result : -ECANCELED);
            file = attached_;
        } else {
            file = file->next_;
        }
    }
}

void uring_backend::cancel_everything() noexcept {
    io_uring_sqe& all = submission(nullptr, of_nothing);
    all.opcode = IORING_OP_ASYNC_CANCEL;
    all.fd = -1;
    all.cancel_flags = IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL;
    const time_point limit = now() + farewell;
    for (time_point time = now(); in_flight_ > 0 && time < limit; time = now()) {
        const timespec timeout = to_timespec(limit - time);
        enter(1, &timeout);
        collect();
    }
}

time_point uring_backend::now() noexcept {
    return monotonic_now();
}

void uring_backend::wake() noexcept {
    const std::uint64_t one = 1;
    static_cast<void>(::write(wake_event_, &one, sizeof one));
}

/// Lets each write to the event, which is never read, complete something.
void uring_backend::watch_wake_event() noexcept {
    io_uring_sqe& entry = submission(this, of_wake_event);
    entry.opcode = IORING_OP_POLL_ADD;
    entry.fd = wake_event_;
    entry.len = IORING_POLL_ADD_MULTI;
    entry.poll32_events = POLLIN;
}

int uring_backend::attach(descriptor& file) noexcept {
    check(!file.attached(), "a descriptor is attached to one backend");
    if (file.kind_ == descriptor_kind::unknown) {
        file.kind_ = find_kind(file.fd_, statistics_.system_calls);
    }
    file.readable_ = false; // so that a first receive waits for data before it tries
    file.writable_ = true;
    file.copies_anyway_ = false;
    file.drained_in_a_row_ = 0;
    link(file);
    return 0;
}

void uring_backend::detach(descriptor& file) noexcept {
    check(file.reader_ == nullptr && file.writer_ == nullptr,
          "a descriptor is detached when no request of it is pending");
    if (file.attached()) {
        release(file);
        unlink(file);
    }
}

bool uring_backend::start(io_request& request) noexcept {
    descriptor& file = *request.file;
    io_request*& slot = reads(request.kind) ? file.reader_ : file.writer_;
    check(file.attached() || life_ != life::open, "a request needs an attached descriptor");
    check(slot == nullptr, "one request of each direction may be pending on a descriptor");
    ++statistics_.requests;
    request.cancelling_ = false;
    if (life_ != life::open) {
        request.result = -ECANCELED;
        return true;
    }
    if (reads(request.kind)) {
        if ((file.multishot_ != nullptr && serve(*file.multishot_, request)) ||
            done_directly(request)) {
            return true;
        }
        slot = &request;
        begin_read(request);
    } else {
        if (done_directly(request)) {
            return true;
        }
        slot = &request;
        submit(request);
    }
    return false;
}

bool uring_backend::cancel(io_request& request) noexcept {
    switch (request.phase_) {
    case phase::idle:
        return true;
    case phase::parked:
        (reads(request.kind) ? request.file->reader_ : request.file->writer_) = nullptr;
        request.phase_ = phase::idle;
        request.result = -ECANCELED;
        return true;
    case phase::submitted:
    case phase::polling:
        if (!std::exchange(request.cancelling_, true)) {
            submit_cancel(&request, of_request);
        }
        return false;
    case phase::sent:
        return false;
    }
    return false;
}

time_point uring_backend::wait(time_point deadline, bool poll) noexcept {
    ++statistics_.waits;
    if (poll || deadline == never) {
        enter(poll ? 0 : 1, nullptr);
    } else {
        const timespec timeout = to_timespec(deadline - now());
        enter(1, &timeout);
    }
    collect();
    return now();
}

void uring_backend::enter(unsigned wait_for, const timespec* timeout) noexcept {
    for (provided_buffers& blocks : buffers_) {
        blocks.publish();
    }
    const int outcome = ring_.submit_and_collect(wait_for, timeout);
    check(outcome != -EEXIST, "a loop on io_uring stays on the thread that ran it first");
}

io_uring_sqe& uring_backend::submission(const void* object, tag kind) noexcept {
    constexpr int patience = 1000; // turns in which the kernel finds no memory for any submission
    io_uring_sqe* entry = ring_.next_submission();
    for (int tries = 0; entry == nullptr; ++tries) {
        check(tries < patience, "the kernel takes submissions");
        ring_.submit();
        entry = ring_.next_submission();
    }
    entry->user_data = reinterpret_cast<std::uint64_t>(object) | kind;
    if (kind != of_nothing) {
        ++in_flight_;
    }
    return *entry;
}

/// Asks the kernel to end a submission. Only that one's own completion tells whether it did.
void uring_backend::submit_cancel(const void* object, tag kind) noexcept {
    io_uring_sqe& entry = submission(nullptr, of_nothing);
    entry.opcode = IORING_OP_ASYNC_CANCEL;
    entry.flags = IOSQE_CQE_SKIP_SUCCESS;
    entry.fd = -1;
    entry.addr = reinterpret_cast<std::uint64_t>(object) | kind;
}

void uring_backend::collect() noexcept {
    ring_.for_each_completion([this](std::uint64_t data, int outcome, std::uint32_t flags) {
        const std::uint64_t address = data & ~std::uint64_t{tag_mask};
        switch (data & tag_mask) {
        case of_request:
            complete(*reinterpret_cast<io_request*>(address), outcome, flags);
            break;
        case of_multishot:
            complete(*reinterpret_cast<multishot*>(address), outcome, flags);
            break;
        case of_wake_event:
            if ((flags & IORING_CQE_F_MORE) == 0) {
                --in_flight_;
                if (life_ == life::open) {
                    watch_wake_event();
                }
            }
            break;
        default:
            break;
        }
    });
}

void uring_backend::complete(io_request& request, int outcome, std::uint32_t flags) noexcept {
    if ((flags & IORING_CQE_F_MORE) != 0) { // a second completion comes when the memory is free
        request.result = outcome;
        request.phase_ = phase::sent;
        return;
    }
    --in_flight_;
    if (request.phase_ == phase::sent) {
        request.file->copies_anyway_ |=
            (static_cast<std::uint32_t>(outcome) & IORING_NOTIF_USAGE_ZC_COPIED) != 0;
        outcome = request.result;
    } else if (request.phase_ == phase::submitted) {
        take_data(request, outcome, flags);
    }
    if (!try_again(request, outcome)) {
        const bool only_asks =
            request.kind == io_kind::readable || request.kind == io_kind::writable;
        finish(request, only_asks ? std::min(outcome, 0) : outcome);
    }
}

void uring_backend::finish(io_request& request, int outcome) noexcept {
    (reads(request.kind) ? request.file->reader_ : request.file->writer_) = nullptr;
    request.finish(outcome);
}

} // namespace runnel::inline v0
