// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/loop.hpp"
#include "runnel/core/mac_address.hpp"
#include "runnel/stack/link/link.hpp"

#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace runnel::inline v0::stack {

class queue_link;

/// The queues of one device, each of a stack on a loop of its own. All of them are one station:
/// they share an address, and what no flow tells the queue of (ARP, neighbour discovery, errors of
/// ICMP) comes to one of them and is handed to the others.
class queue_group {
public:
    /// The group of a device in this process.
    [[nodiscard]] static std::shared_ptr<queue_group> of(const std::string& device);

    explicit queue_group(mac_address mac) noexcept : mac_(mac) {}
    queue_group(const queue_group&) = delete;
    queue_group& operator=(const queue_group&) = delete;

    [[nodiscard]] mac_address mac() const noexcept { return mac_; }
    void join(queue_link& one);
    void leave(queue_link& one);
    /// Hands a frame to all queues but this one.
    void spread(const queue_link& from, const frame& one);

private:
    mac_address mac_;
    std::mutex guard_;
    std::vector<queue_link*> members_;
};

/// Makes a link to one queue of a device a member of the group.
[[nodiscard]] std::unique_ptr<link> join_group(std::shared_ptr<queue_group> group, loop& on,
                                               std::unique_ptr<link> queue);

/// Whether a frame is not of a flow, so that it may have come to any queue.
[[nodiscard]] bool is_for_all_queues(const frame& one, link_medium medium) noexcept;

} // namespace runnel::inline v0::stack
