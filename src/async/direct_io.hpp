// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/io.hpp"

#include <cstddef>
#include <cstdint>

namespace runnel::inline v0 {

/// Bytes that a `receive`, `receive_into` or `send` is about: the most that it can move.
[[nodiscard]] std::size_t room_of(const io_request& request) noexcept;

/// Whether the message of a request is one piece of memory and nothing else.
[[nodiscard]] inline bool is_plain(const msghdr& message) noexcept {
    return message.msg_iovlen == 1 && message.msg_name == nullptr && message.msg_control == nullptr;
}

/// Makes the system call that a request stands for, at once.
class direct_io {
public:
    /// Adds the system calls it makes to `system_calls`.
    explicit direct_io(std::uint64_t& system_calls) noexcept : system_calls_(&system_calls) {}

    /// What is to be the request's `result`; -EAGAIN if it would have to wait. Never waits on a
    /// socket, nor on another file that is non-blocking.
    int perform(io_request& request) noexcept;

private:
    template <class F>
    int call(F function) noexcept;
    int receive(io_request& request) noexcept;
    int receive_into(io_request& request) noexcept;
    int send(const io_request& request) noexcept;
    int write(const io_request& request) noexcept;
    int poll(int fd, short direction) noexcept;

    std::uint64_t* system_calls_;
    /// A block for the next receive, left by one that found nothing or little.
    buffer spare_;
};

} // namespace runnel::inline v0
