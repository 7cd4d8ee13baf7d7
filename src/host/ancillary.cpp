// SPDX-License-Identifier: Apache-2.0
#include "ancillary.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace runnel::inline v0::host {

void ancillary::start_receiving(std::size_t count) noexcept {
    receiving_ = true;
    // CMSG_LEN and not CMSG_SPACE: into the padding the kernel would put one more.
    in_size_ = CMSG_LEN(std::min(count, most) * sizeof(int));
}

void ancillary::start_sending(std::span<const int> descriptors) noexcept {
    auto* header = reinterpret_cast<cmsghdr*>(out_.data());
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(header), descriptors.data(), descriptors.size_bytes());
    sending_ = CMSG_SPACE(descriptors.size_bytes());
}

void ancillary::prepare_receive(msghdr& message) noexcept {
    message.msg_control = receiving_ ? in_.data() : nullptr;
    message.msg_controllen = receiving_ ? in_size_ : 0;
}

void ancillary::prepare_send(msghdr& message) noexcept {
    message.msg_control = sending_ != 0 ? out_.data() : nullptr;
    message.msg_controllen = sending_;
}

void ancillary::received(const msghdr& message) {
    if (!receiving_) {
        return;
    }
    truncated_ |= (message.msg_flags & MSG_CTRUNC) != 0;
    if (message.msg_controllen < sizeof(cmsghdr)) {
        return;
    }
    const auto* header = reinterpret_cast<const cmsghdr*>(in_.data());
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) {
        return;
    }
    const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
        int fd = -1;
        std::memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof fd);
        arrived_.emplace_back(fd);
    }
}

std::vector<unique_fd> ancillary::take_arrived() noexcept {
    return std::exchange(arrived_, {});
}

bool ancillary::take_truncated() noexcept {
    return std::exchange(truncated_, false);
}

} // namespace runnel::inline v0::host
