// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/buffer.hpp"
#include "runnel/core/error.hpp"
#include "runnel/host/unique_fd.hpp"
#include "vsock_engine.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace runnel::inline v0::host {

/// A message of the vhost-user protocol. Numbers are in the machine's own order.
struct vhost_message {
    static constexpr std::size_t header_size = 12;
    /// Most bytes behind the header; the longest is a table of memory.
    static constexpr std::size_t longest = 4096;

    std::uint32_t request = 0;
    std::uint32_t flags = 0;
    std::span<const std::byte> payload = {};
};

/// Where the guest's notices come from and ours go.
struct vhost_notices {
    std::array<unique_fd, vsock_engine::queues> kick = {};
    std::array<unique_fd, vsock_engine::queues> call = {};
};

/// What a hypervisor says to a vsock device, and what it is answered: the backend's side of
/// vhost-user for one connection. It reads and writes no socket.
class vhost_user {
public:
    /// `may_shrink`: see `guest_memory::add`.
    vhost_user(vsock_engine& device, bool may_shrink) noexcept
        : device_(&device), may_shrink_(may_shrink) {}

    /// Takes bytes of the stream in, and descriptors that came with them, and handles the messages
    /// that are complete. Gives what to answer, often nothing. After an error the connection is of
    /// no use: `protocol_error`, or what memory and queues gave.
    [[nodiscard]] result<buffer> hear(std::span<const std::byte> bytes,
                                      std::vector<unique_fd> descriptors);

    /// Descriptors for notices, which change while it hears; `changes()` counts that.
    [[nodiscard]] vhost_notices& notices() noexcept { return notices_; }
    [[nodiscard]] std::uint64_t changes() const noexcept { return changes_; }

private:
    /// What a message is answered.
    struct reply {
        bool expected = false; // by the kind of the message
        std::vector<std::byte> payload = {};
    };
    struct ring {
        virtqueue::place at = {};
        bool addressed = false;
        bool kicked = false; // the descriptor for it has come, or none is to come
        bool disabled = false;
        bool running = false;
    };

    [[nodiscard]] result<reply> handle(const vhost_message& message);
    [[nodiscard]] result<reply> handle_ring(const vhost_message& message);
    [[nodiscard]] result<void> set_memory(std::span<const std::byte> payload);
    [[nodiscard]] result<void> set_address(std::span<const std::byte> payload);
    [[nodiscard]] result<void> set_notice(const vhost_message& message);
    [[nodiscard]] result<reply> configuration(std::span<const std::byte> payload) const;
    [[nodiscard]] result<void> start_if_ready(std::size_t index);
    [[nodiscard]] std::uint16_t stop(std::size_t index);
    void answer(const vhost_message& message, const reply& what);

    vsock_engine* device_;
    bool may_shrink_;
    std::vector<std::byte> unread_;
    std::vector<std::byte> answers_;
    std::vector<unique_fd> descriptors_;
    std::array<ring, vsock_engine::queues> rings_{};
    vhost_notices notices_;
    std::uint64_t changes_ = 0;
    std::uint64_t protocol_features_ = 0;
};

} // namespace runnel::inline v0::host
