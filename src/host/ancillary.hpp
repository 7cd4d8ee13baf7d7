// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/error.hpp"
#include "runnel/host/unique_fd.hpp"

#include <array>
#include <cstddef>
#include <span>
#include <vector>

#include <sys/socket.h>

namespace runnel::inline v0::host {

/// Descriptors on their way over a Unix stream (SCM_RIGHTS, unix(7)). Outlives the requests that
/// use its memory, because the stream and those who wait share it.
class ancillary {
public:
    static constexpr std::size_t most = 253; // SCM_MAX_FD of the kernel

    /// The next receive into memory takes up to `count` descriptors, until `stop_receiving`.
    void start_receiving(std::size_t count) noexcept;
    void stop_receiving() noexcept { receiving_ = false; }
    /// The next send passes these along with its first byte, until `stop_sending`.
    void start_sending(std::span<const int> descriptors) noexcept;
    void stop_sending() noexcept { sending_ = 0; }

    /// Prepares a message for recvmsg, and takes what came with it.
    void prepare_receive(msghdr& message) noexcept;
    void received(const msghdr& message);
    /// Prepares a message for sendmsg.
    void prepare_send(msghdr& message) noexcept;

    [[nodiscard]] bool receives() const noexcept { return receiving_; }

    /// What has arrived since the last call, and whether something was lost.
    [[nodiscard]] std::vector<unique_fd> take_arrived() noexcept;
    [[nodiscard]] bool take_truncated() noexcept;

private:
    static constexpr std::size_t room = CMSG_SPACE(most * sizeof(int));

    alignas(cmsghdr) std::array<std::byte, room> in_{};
    alignas(cmsghdr) std::array<std::byte, room> out_{};
    std::size_t in_size_ = 0;
    std::size_t sending_ = 0; // bytes of out_
    bool receiving_ = false;
    bool truncated_ = false;
    std::vector<unique_fd> arrived_;
};

} // namespace runnel::inline v0::host
