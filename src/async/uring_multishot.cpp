// SPDX-License-Identifier: Apache-2.0
#include "find_kind.hpp"
#include "receive_buffer.hpp"
#include "uring_backend.hpp"

#include <cerrno>
#include <utility>

#include <sys/socket.h>
#include <unistd.h>

namespace runnel::inline v0 {
namespace {

/// Receives in a row that took all there was, after which a descriptor counts as one of small
/// messages.
constexpr std::uint8_t small_messages = 4;
/// Receives with a larger hint mean bulk data, which goes better one large block at a time.
constexpr std::uint32_t largest_small_block = default_receive_size;
/// What may arrive ahead of its requests before the submission is cancelled. The kernel may still
/// add some thirty blocks before it sees the cancellation.
constexpr std::size_t most_bytes_ahead = std::size_t{64} * 1024;
constexpr std::size_t most_buffers_ahead = 64;
constexpr std::size_t most_connections_ahead = 64;

bool is_far_ahead(const multishot& source) noexcept {
    return source.data.bytes() > most_bytes_ahead || source.data.size() > most_buffers_ahead ||
           source.accepted.size() > most_connections_ahead;
}

int copy_out(buffer_queue& data, const msghdr& message) noexcept {
    std::size_t copied = 0;
    for (std::size_t i = 0; i < message.msg_iovlen && !data.empty(); ++i) {
        const iovec& piece = message.msg_iov[i];
        copied += data.copy_out({static_cast<std::byte*>(piece.iov_base), piece.iov_len});
    }
    return static_cast<int>(copied);
}

/// Whether a multishot always tells the end of the stream. On Unix sockets (Linux 6.18) it waits
/// for ever when the end came together with the last data and it was polled first: that nothing is
/// left, which it then knows, it takes for nothing to come. TCP counts its end as something left.
bool tells_end(descriptor_kind kind) noexcept {
    return kind == descriptor_kind::tcp;
}

/// Ends a connection that was accepted ahead of the requests and that nobody wants any more, as the
/// kernel does with those that nobody has accepted: by a reset, and not by a clean end.
void refuse(int connection) noexcept {
    const sockaddr nobody{.sa_family = AF_UNSPEC, .sa_data = {}};
    static_cast<void>(::connect(connection, &nobody, sizeof nobody));
    ::close(connection);
}

} // namespace

/// Whether a request that reads is to be served by a multishot.
bool uring_backend::wants_multishot(const io_request& request) const noexcept {
    if (request.kind == io_kind::accept) {
        return true;
    }
    const std::uint32_t size = receive_size(request.size_hint);
    if (request.kind != io_kind::receive || size > largest_small_block) {
        return false;
    }
    const descriptor& file = *request.file;
    const multishot* source = file.multishot_;
    return source != nullptr && source->armed
               ? !source->cancelling && size <= source->blocks->block_size()
               : multishot_receive_ && tells_end(file.kind_) &&
                     file.drained_in_a_row_ >= small_messages;
}

/// Begins a request of the reading direction for which nothing has arrived ahead.
void uring_backend::begin_read(io_request& request) noexcept {
    descriptor& file = *request.file;
    if (wants_multishot(request)) {
        if (file.multishot_ == nullptr) {
            file.multishot_ = new multishot(file, request.kind == io_kind::accept);
        }
        request.phase_ = phase::parked;
        if (!file.multishot_->armed) {
            arm(*file.multishot_, request);
        }
    } else if (file.multishot_ != nullptr && file.multishot_->armed) {
        // Goes on when the kernel has let go, and only if nothing has arrived by then.
        request.phase_ = phase::parked;
        disarm(*file.multishot_);
    } else {
        submit(request);
    }
}

void uring_backend::arm(multishot& source, const io_request& request) noexcept {
    if (!source.accepts) {
        source.blocks = &buffers_for(request.size_hint);
    }
    io_uring_sqe& entry = submission(&source, of_multishot);
    entry.fd = source.file->fd_;
    if (source.accepts) {
        entry.opcode = IORING_OP_ACCEPT;
        entry.ioprio = IORING_ACCEPT_MULTISHOT;
        entry.accept_flags = SOCK_NONBLOCK | SOCK_CLOEXEC;
    } else {
        entry.opcode = IORING_OP_RECV;
        entry.ioprio = IORING_RECV_MULTISHOT | IORING_RECVSEND_POLL_FIRST;
        entry.flags = IOSQE_BUFFER_SELECT;
        entry.buf_group = source.blocks->group();
    }
    source.armed = true;
    source.file->readable_ = false; // only the kernel reads from here on
}

void uring_backend::disarm(multishot& source) noexcept {
    if (!std::exchange(source.cancelling, true)) {
        submit_cancel(&source, of_multishot);
    }
}

void uring_backend::complete(multishot& source, int outcome, std::uint32_t flags) noexcept {
    if ((flags & IORING_CQE_F_MORE) == 0) {
        --in_flight_;
        source.armed = false;
        source.cancelling = false;
    }
    if (source.file == nullptr) {
        discard(source, outcome, flags);
        return;
    }
    store(source, outcome, flags);
    if (source.armed && is_far_ahead(source)) {
        source.file->drained_in_a_row_ = 0;
        disarm(source);
    }
    io_request* reader = source.file->reader_;
    if (reader == nullptr) {
        return;
    }
    if (serve(source, *reader)) {
        finish(*reader, reader->result);
    } else if (!source.armed && life_ == life::open) {
        begin_read(*reader);
    }
}

/// Keeps what one completion brought.
void uring_backend::store(multishot& source, int outcome, std::uint32_t flags) noexcept {
    if (!source.accepts && (flags & IORING_CQE_F_BUFFER) != 0) {
        const auto id = static_cast<std::uint16_t>(flags >> IORING_CQE_BUFFER_SHIFT);
        if (outcome > 0) {
            source.data.push_back(source.blocks->take(id, static_cast<std::size_t>(outcome)));
            return;
        }
        source.blocks->give_back(id);
    }
    if (source.accepts && outcome >= 0) {
        source.accepted.push_back(outcome);
    } else if (outcome == -ENOBUFS && !source.accepts) {
        source.blocks->grow_once_in(statistics_.waits);
    } else if (outcome == -EINVAL && !source.accepts) { // not on sockets of this kind, or not here
        multishot_receive_ = false;
    } else if (outcome != -ECANCELED && outcome != -EINTR && outcome != -EAGAIN) {
        source.ended = true;
        source.outcome = outcome;
    }
}

/// What arrives for a descriptor that is gone.
void uring_backend::discard(multishot& source, int outcome, std::uint32_t flags) noexcept {
    if (source.accepts && outcome >= 0) {
        statistics_.system_calls += 2;
        refuse(outcome);
    } else if ((flags & IORING_CQE_F_BUFFER) != 0) {
        source.blocks->give_back(static_cast<std::uint16_t>(flags >> IORING_CQE_BUFFER_SHIFT));
    }
    if (!source.armed) {
        std::erase_if(orphans_, [&source](const auto& orphan) { return orphan.get() == &source; });
    }
}

/// Gives a request its result from what arrived ahead. True if there was something.
bool uring_backend::serve(multishot& source, io_request& request) noexcept {
    const bool only_asks = request.kind == io_kind::readable;
    if (!source.accepted.empty()) {
        request.result =
            only_asks ? static_cast<int>(source.accepted.size()) : source.accepted.front();
        if (!only_asks) {
            source.accepted.erase(source.accepted.begin());
        }
    } else if (!source.data.empty()) {
        if (request.kind == io_kind::receive) {
            request.data = source.data.pop_front();
            request.result = static_cast<int>(request.data.size());
        } else {
            request.result = only_asks ? static_cast<int>(source.data.bytes())
                                       : copy_out(source.data, request.message);
        }
    } else if (source.ended) {
        source.ended = false;
        request.result = source.outcome;
    } else {
        return false;
    }
    return true;
}

/// Takes away what a descriptor has beyond requests. Its file may be closed then.
void uring_backend::release(descriptor& file) noexcept {
    std::unique_ptr<multishot> source(std::exchange(file.multishot_, nullptr));
    if (source == nullptr) {
        return;
    }
    for (const int connection : source->accepted) {
        statistics_.system_calls += 2;
        refuse(connection);
    }
    source->accepted.clear();
    source->data.clear();
    source->file = nullptr;
    if (!source->armed) {
        return;
    }
    orphans_.push_back(std::move(source));
    if (life_ == life::open && ring_.is_mine()) {
        // The kernel holds the file open until it has seen the cancellation, and the peer would not
        // see it closed. So it sees it now, not at the end of the turn.
        disarm(*orphans_.back());
        enter(0, nullptr);
    }
}

} // namespace runnel::inline v0
