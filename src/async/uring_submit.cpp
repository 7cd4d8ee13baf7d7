// SPDX-License-Identifier: Apache-2.0
#include "find_kind.hpp"
#include "no_sigpipe.hpp"
#include "receive_buffer.hpp"
#include "runnel/core/check.hpp"
#include "uring_backend.hpp"

#include <algorithm>
#include <cerrno>
#include <limits>

#include <poll.h>
#include <sys/socket.h>

namespace runnel::inline v0 {
namespace {

/// Below this, telling that the memory is free costs more than copying.
constexpr std::size_t smallest_zero_copy = std::size_t{16} * 1024;
/// From here on a send is better made by a call of its own than by a submission.
constexpr std::size_t bulk_send = std::size_t{16} * 1024;

void address(io_uring_sqe& entry, const iovec& piece) noexcept {
    entry.addr = reinterpret_cast<std::uint64_t>(piece.iov_base);
    entry.len = static_cast<std::uint32_t>(
        std::min<std::size_t>(piece.iov_len, std::numeric_limits<std::int32_t>::max()));
}

} // namespace

/// Moves data at once, if a system call of its own is worth it. True if there is a result.
bool uring_backend::done_directly(io_request& request) noexcept {
    descriptor& file = *request.file;
    const bool sends = request.kind == io_kind::send;
    if (!is_stream_socket(file.kind_) || !(sends ? file.writable_ : file.readable_)) {
        return false;
    }
    if (sends ? room_of(request) < bulk_send || uses_zero_copy(request)
              : request.kind != io_kind::receive && request.kind != io_kind::receive_into) {
        return false;
    }
    const int outcome = direct_.perform(request);
    const bool all = outcome > 0 && static_cast<std::size_t>(outcome) == room_of(request);
    if (sends) {
        file.writable_ = all;
    } else {
        note_receive(request, outcome, all);
    }
    request.result = outcome;
    return outcome != -EAGAIN;
}

void uring_backend::submit(io_request& request) noexcept {
    request.phase_ = phase::submitted;
    switch (request.kind) {
    case io_kind::receive:
        submit_receive(request);
        break;
    case io_kind::receive_into:
    case io_kind::send:
        if (request.file->kind_ == descriptor_kind::other) {
            submit_file_transfer(request);
        } else {
            submit_transfer(request);
        }
        break;
    case io_kind::readable:
    case io_kind::writable:
        submit_poll(request);
        break;
    case io_kind::accept: // always by a multishot
        break;
    }
}

provided_buffers& uring_backend::buffers_for(std::uint32_t size_hint) noexcept {
    const std::uint32_t size = receive_size(size_hint);
    const auto found = std::ranges::find_if(
        buffers_, [size](const provided_buffers& blocks) { return size <= blocks.block_size(); });
    if (found->is_empty()) {
        check(found->is_open() || found->open(ring_) >= 0, "io_uring takes rings of buffers");
        found->grow();
    }
    return *found;
}

void uring_backend::submit_receive(io_request& request) noexcept {
    const provided_buffers& blocks = buffers_for(request.size_hint);
    io_uring_sqe& entry = submission(&request, of_request);
    if (request.file->kind_ == descriptor_kind::other) {
        entry.opcode = IORING_OP_READ;
        entry.off = ~std::uint64_t{0}; // where the file stands
    } else {
        entry.opcode = IORING_OP_RECV;
        entry.ioprio = request.file->readable_ ? 0 : IORING_RECVSEND_POLL_FIRST;
    }
    entry.fd = request.file->fd_;
    entry.flags = IOSQE_BUFFER_SELECT;
    entry.buf_group = blocks.group();
    entry.len = blocks.block_size();
}

/// A send or receive on a socket.
void uring_backend::submit_transfer(io_request& request) noexcept {
    descriptor& file = *request.file;
    const bool sends = request.kind == io_kind::send;
    const bool plain = is_plain(request.message);
    const bool zero_copy = sends && uses_zero_copy(request);
    io_uring_sqe& entry = submission(&request, of_request);
    entry.fd = file.fd_;
    if (plain) {
        address(entry, *request.message.msg_iov);
    } else {
        entry.addr = reinterpret_cast<std::uint64_t>(&request.message);
        entry.len = 1;
    }
    entry.msg_flags = static_cast<std::uint32_t>(request.flags);
    if (!sends) {
        entry.opcode = plain ? IORING_OP_RECV : IORING_OP_RECVMSG;
        entry.ioprio = file.readable_ ? 0 : IORING_RECVSEND_POLL_FIRST;
        return;
    }
    entry.msg_flags |= MSG_NOSIGNAL;
    if (is_stream_socket(file.kind_)) {
        entry.msg_flags |= MSG_WAITALL; // the kernel itself goes on with the rest
    }
    entry.ioprio = file.writable_ ? 0 : IORING_RECVSEND_POLL_FIRST;
    if (zero_copy) {
        entry.opcode = plain ? IORING_OP_SEND_ZC : IORING_OP_SENDMSG_ZC;
        entry.ioprio |= IORING_SEND_ZC_REPORT_USAGE;
    } else {
        entry.opcode = plain ? IORING_OP_SEND : IORING_OP_SENDMSG;
    }
}

bool uring_backend::uses_zero_copy(const io_request& request) const noexcept {
    return request.zero_copy && zero_copy_ && request.file->kind_ == descriptor_kind::tcp &&
           !request.file->copies_anyway_ && room_of(request) >= smallest_zero_copy;
}

/// A read or write of anything that is not a socket.
void uring_backend::submit_file_transfer(io_request& request) noexcept {
    const bool sends = request.kind == io_kind::send;
    const msghdr& message = request.message;
    io_uring_sqe& entry = submission(&request, of_request);
    entry.fd = request.file->fd_;
    entry.off = ~std::uint64_t{0}; // where the file stands
    if (message.msg_iovlen == 1) {
        entry.opcode = sends ? IORING_OP_WRITE : IORING_OP_READ;
        address(entry, *message.msg_iov);
    } else {
        entry.opcode = sends ? IORING_OP_WRITEV : IORING_OP_READV;
        entry.addr = reinterpret_cast<std::uint64_t>(message.msg_iov);
        entry.len = static_cast<std::uint32_t>(message.msg_iovlen);
    }
    if (sends) {
        entry.rw_flags = static_cast<std::uint32_t>(no_sigpipe_flag());
    }
}

void uring_backend::submit_poll(io_request& request) noexcept {
    io_uring_sqe& entry = submission(&request, of_request);
    entry.opcode = IORING_OP_POLL_ADD;
    entry.fd = request.file->fd_;
    entry.poll32_events = reads(request.kind) ? POLLIN | POLLRDHUP : POLLOUT;
}

/// After a submission that moved data: takes what was received, and notes what it says about the
/// next.
void uring_backend::take_data(io_request& request, int outcome, std::uint32_t flags) noexcept {
    if (request.kind == io_kind::send) {
        request.file->writable_ = true;
    } else if (request.kind == io_kind::receive) {
        if ((flags & IORING_CQE_F_BUFFER) != 0) {
            provided_buffers& blocks = buffers_for(request.size_hint);
            const auto id = static_cast<std::uint16_t>(flags >> IORING_CQE_BUFFER_SHIFT);
            if (outcome > 0) {
                request.data = blocks.take(id, static_cast<std::size_t>(outcome));
            } else {
                blocks.give_back(id);
            }
        }
        note_receive(request, outcome, (flags & IORING_CQE_F_SOCK_NONEMPTY) != 0);
    } else if (request.kind == io_kind::receive_into) {
        note_receive(request, outcome, (flags & IORING_CQE_F_SOCK_NONEMPTY) != 0);
    }
}

void uring_backend::note_receive(const io_request& request, int outcome, bool left_some) noexcept {
    descriptor& file = *request.file;
    file.readable_ = left_some;
    const bool drained = request.kind == io_kind::receive && outcome > 0 && !left_some &&
                         static_cast<std::size_t>(outcome) < room_of(request);
    file.drained_in_a_row_ =
        static_cast<std::uint8_t>(drained ? std::min(file.drained_in_a_row_ + 1, 255) : 0);
}

/// Submits a request anew whose submission came to nothing through nobody's fault. True if it did.
bool uring_backend::try_again(io_request& request, int outcome) noexcept {
    const bool polled = request.phase_ == phase::polling && outcome >= 0;
    const bool no_block = outcome == -ENOBUFS && request.kind == io_kind::receive;
    const bool cannot_wait = outcome == -EAGAIN; // the file has no way to wait but poll
    const bool no_zero_copy =
        outcome == -EOPNOTSUPP && request.kind == io_kind::send && uses_zero_copy(request);
    if (!polled && !no_block && !cannot_wait && !no_zero_copy && outcome != -EINTR) {
        return false;
    }
    if (request.cancelling_ || life_ != life::open) {
        finish(request, -ECANCELED);
        return true;
    }
    if (no_zero_copy) {
        request.file->copies_anyway_ = true;
    } else if (no_block) {
        buffers_for(request.size_hint).grow_once_in(statistics_.waits);
    }
    if (cannot_wait) {
        request.phase_ = phase::polling;
        submit_poll(request);
    } else {
        submit(request);
    }
    return true;
}

} // namespace runnel::inline v0
