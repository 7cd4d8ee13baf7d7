// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/time.hpp"
#include "runnel/core/buffer.hpp"
#include "runnel/core/check.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <sys/socket.h>

namespace runnel::inline v0 {

class io_request;
struct multishot;

/// What a backend has to know about an open file to use the calls that suit it.
enum class descriptor_kind : std::uint8_t {
    unknown,  ///< to be found out by `attach`, which costs a system call or two
    tcp,      ///< a TCP socket, connected or listening
    stream,   ///< any other socket for streams of bytes
    datagram, ///< a socket that keeps the bounds of messages
    other,    ///< a pipe, terminal, eventfd, device; with io_uring also a regular file
};

/// An open, non-blocking file as a loop's backend knows it. Lives in whatever owns the file, does
/// not move, and is attached to one backend between `attach` and `detach`. Owning the number is the
/// owner's business: `detach` does not close it.
class descriptor {
public:
    explicit descriptor(int fd, descriptor_kind kind = descriptor_kind::unknown) noexcept
        : fd_(fd), kind_(kind) {}
    descriptor(const descriptor&) = delete;
    descriptor& operator=(const descriptor&) = delete;
    ~descriptor() = default;

    [[nodiscard]] int fd() const noexcept { return fd_; }
    [[nodiscard]] descriptor_kind kind() const noexcept { return kind_; }
    /// Whether a backend knows it. A backend that is destroyed lets its descriptors go first.
    [[nodiscard]] bool attached() const noexcept { return previous_ != nullptr; }

private:
    friend class io_backend;
    friend class epoll_backend;
    friend class uring_backend;

    int fd_;
    descriptor_kind kind_;
    /// What the last events and calls said, so that a call bound to find nothing is not made.
    bool readable_ = true;
    bool writable_ = true;
    /// epoll: registered for writing, too.
    bool watched_for_writing_ = false;
    /// epoll: a short read does not mean that nothing is left.
    bool drains_late_ = false;
    /// io_uring: the kernel copied what it was to send without a copy, and would again.
    bool copies_anyway_ = false;
    /// io_uring: receives in a row that left nothing behind.
    std::uint8_t drained_in_a_row_ = 0;
    /// Requests that wait, one of each direction.
    io_request* reader_ = nullptr;
    io_request* writer_ = nullptr;
    /// The backend's list of all it knows.
    descriptor* next_ = nullptr;
    descriptor** previous_ = nullptr;
    /// io_uring: what arrived ahead of the requests for it.
    multishot* multishot_ = nullptr;
};

/// What a request asks of the kernel.
enum class io_kind : std::uint8_t {
    receive,      ///< read what is there into a buffer of the backend's choice: `data`
    receive_into, ///< read into the iovecs of `message` (recvmsg: ancillary data too)
    send,         ///< write the iovecs of `message`; may be partial
    accept,       ///< `result` is a new non-blocking, close-on-exec descriptor
    readable,     ///< wait until a read would not block, or has an error to tell: see `result`
    writable,     ///< wait until a write would not block, or has an error to tell
};

/// Whether a request belongs to the reading direction of its descriptor.
[[nodiscard]] constexpr bool reads(io_kind kind) noexcept {
    return kind != io_kind::send && kind != io_kind::writable;
}

/// One call to the kernel, embedded in whatever makes it; reused, never moved. At most one request
/// of each direction may be pending on a descriptor.
class io_request {
public:
    using function = void (*)(io_request& self) noexcept;

    /// `done` is called from the loop when a request that was pending has its `result`.
    io_request(descriptor& target, function done) noexcept : file(&target), done_(done) {}
    io_request(const io_request&) = delete;
    io_request& operator=(const io_request&) = delete;

    descriptor* file;
    io_kind kind = io_kind::readable;
    /// Bytes that a `receive` would like room for; a hint.
    std::uint32_t size_hint = 0;
    /// For `send` and `receive_into` on sockets: MSG_ flags of the call. MSG_NOSIGNAL is always
    /// added.
    int flags = 0;
    /// For `send`: the bytes may be sent from where they lie, which needs them unchanged until the
    /// peer has them. The request is then done later: when the memory is free again. A hint.
    bool zero_copy = false;
    /// For `send` and `receive_into`: what `sendmsg` and `recvmsg` take; iovecs stay valid
    /// meanwhile.
    msghdr message{};

    /// Bytes moved (0 from a receive: the peer has shut down), the new descriptor, or -errno. From
    /// `writable` 0. From `readable` 0, and then the backend holds nothing back, so that the file
    /// may be read by other means; or the bytes it has already taken, which only a receive gives.
    int result = 0;
    /// What a `receive` received.
    buffer data;

    [[nodiscard]] bool pending() const noexcept { return phase_ != phase::idle; }

private:
    friend class epoll_backend;
    friend class uring_backend;

    enum class phase : std::uint8_t {
        idle,      ///< not pending
        parked,    ///< waits in its descriptor, and can be taken back
        submitted, ///< with the kernel
        polling,   ///< with the kernel, which tells when to submit it
        sent,      ///< sent without a copy, and the memory is still in use
    };

    void finish(int outcome) noexcept {
        result = outcome;
        phase_ = phase::idle;
        done_(*this);
    }

    function done_;
    phase phase_ = phase::idle;
    /// io_uring: a cancellation is on its way.
    bool cancelling_ = false;
};

/// Counters of a backend since its loop was made.
struct io_statistics {
    std::uint64_t system_calls = 0; ///< all the backend made: waits, submissions, reads, writes, …
    std::uint64_t requests = 0;     ///< requests started
    std::uint64_t waits = 0;        ///< times it asked the kernel for events
};

/// How a loop talks to the kernel, or pretends to: io_uring, epoll and virtual time.
class io_backend {
public:
    io_backend() = default;
    io_backend(const io_backend&) = delete;
    io_backend& operator=(const io_backend&) = delete;
    /// Ends every pending request, with -ECANCELED or what it still got (calling `done`), so that
    /// owners can free themselves; then lets all descriptors go.
    virtual ~io_backend() = default;

    /// The present moment of the backend's clock.
    [[nodiscard]] virtual time_point now() noexcept = 0;

    /// Finishes what requests are done. Waits for the first at most until `deadline`; not at all if
    /// `poll` is set. Gives the time afterwards. Returns early after `wake`.
    virtual time_point wait(time_point deadline, bool poll) noexcept = 0;

    /// Makes the present or next `wait` return. From any thread.
    virtual void wake() noexcept = 0;

    /// Takes a descriptor in. 0 or an errno: ENOTSUP where the backend has no kernel below it,
    /// EPERM for files that cannot be waited for, such as regular ones.
    ///
    /// Writing to a pipe that nobody reads gives EPIPE, never the signal: from Linux 6.18 on by a
    /// flag of each call; before that, the first `attach` of a file that is not a socket ignores
    /// SIGPIPE for the whole process, unless the program has set a handler of its own.
    [[nodiscard]] virtual int attach(descriptor& file) noexcept = 0;

    /// Lets a descriptor go. Requires that no request of it is pending. Call before closing the
    /// file.
    virtual void detach(descriptor& file) noexcept = 0;

    /// Starts a request. True if it finished at once (`result` is set, `done` is not called); false
    /// if it is pending.
    [[nodiscard]] virtual bool start(io_request& request) noexcept = 0;

    /// Ends a pending request early. True if it is off at once, without `done`; false if `done`
    /// will come, with -ECANCELED or whatever the kernel still did: nothing received is ever
    /// dropped.
    [[nodiscard]] virtual bool cancel(io_request& request) noexcept = 0;

    [[nodiscard]] const io_statistics& statistics() const noexcept { return statistics_; }

protected:
    /// The list of attached descriptors, in which every kernel backend keeps those it knows.
    void link(descriptor& file) noexcept;
    void unlink(descriptor& file) noexcept;

    io_statistics statistics_;
    descriptor* attached_ = nullptr;
};

inline void io_backend::link(descriptor& file) noexcept {
    file.next_ = attached_;
    file.previous_ = &attached_;
    if (attached_ != nullptr) {
        attached_->previous_ = &file.next_;
    }
    attached_ = &file;
}

inline void io_backend::unlink(descriptor& file) noexcept {
    check(file.previous_ != nullptr, "only a descriptor that is attached is detached");
    *file.previous_ = file.next_;
    if (file.next_ != nullptr) {
        file.next_->previous_ = file.previous_;
    }
    file.previous_ = nullptr;
}

} // namespace runnel::inline v0
