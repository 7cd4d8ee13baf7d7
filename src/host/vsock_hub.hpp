// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/event.hpp"
#include "runnel/async/task.hpp"
#include "runnel/async/wait_queue.hpp"
#include "runnel/core/buffer.hpp"
#include "runnel/flow/credit_flow.hpp"
#include "runnel/flow/listener.hpp"
#include "vsock_wire.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <unordered_map>

namespace runnel::inline v0::host {

class vsock_hub;

/// A connection of virtio-vsock: a flow that a hub carries.
class vsock_connection final : public credit_flow, public queue_link {
public:
    vsock_connection(std::shared_ptr<vsock_hub> hub, std::uint32_t own_port,
                     std::uint32_t peer_port, std::size_t window);
    vsock_connection(const vsock_connection&) = delete;
    vsock_connection& operator=(const vsock_connection&) = delete;
    ~vsock_connection() override { abort(); }

    [[nodiscard]] flow_address local() const override;
    [[nodiscard]] flow_address remote() const override;

private:
    friend class vsock_hub;
    void something_to_tell() noexcept override;
    void left(bool cleanly) noexcept override;

    std::shared_ptr<vsock_hub> hub_;
    event answered_; // our request was, or cannot be any more
    std::uint32_t own_port_;
    std::uint32_t peer_port_;
    std::uint32_t taken_ = 0;     // bytes that were read here
    std::uint32_t sent_ = 0;      // bytes that were sent
    std::uint32_t shut_ = 0;      // flags of the peer's `shutdown`s
    bool opening_ = false;        // our request is not answered
    bool request_is_due_ = false; // or not even sent
    bool response_is_due_ = false;
    bool room_is_wanted_ = false; // the peer asked for it
};

struct vsock_hub_options {
    std::uint64_t own_cid = 2;
    std::uint64_t peer_cid = 3;
    /// Bytes that each connection keeps for its reader.
    std::size_t window = std::size_t{256} * 1024;
    std::size_t max_connections = 4096;
    /// Of each listener, not yet accepted.
    std::size_t backlog = 128;
};

/// One of the two sides of a vsock device: its connections and ports, and the packets that they
/// exchange with the other side. It does no input or output: packets come by `hear` and are fetched
/// by `next`.
class vsock_hub : public std::enable_shared_from_this<vsock_hub> {
public:
    struct packet {
        vsock_header header;
        buffer data;
    };

    explicit vsock_hub(const vsock_hub_options& options) : options_(options) {}
    vsock_hub(const vsock_hub&) = delete;
    vsock_hub& operator=(const vsock_hub&) = delete;
    virtual ~vsock_hub() = default;

    /// Opens a connection to a port of the other side. Errors: `refused`, `unreachable` when there
    /// is no other side, `limit_exceeded`.
    static task<result<flow_ptr>> connect(std::shared_ptr<vsock_hub> self, std::uint32_t port);
    /// What `listen` takes for every port at which nobody else listens.
    static constexpr std::uint32_t any_port = 0xFFFF'FFFF;

    /// Listens at a port of this side. Errors: `address_in_use`.
    [[nodiscard]] result<listener_ptr> listen(std::uint32_t port);

    /// The other side is there, or not any more: then every connection ends with `reset`.
    void come_up() noexcept { up_ = true; }
    void go_down(const error& why) noexcept;

    /// Whether packets may come: not while answers to earlier ones wait to be fetched.
    [[nodiscard]] bool may_hear() const noexcept;
    void hear(const vsock_header& header, buffer data);

    [[nodiscard]] bool has_next() const noexcept { return !answers_.empty() || !speakers_.empty(); }
    /// The next packet, with at most `room` bytes of data. False if there is none after all.
    [[nodiscard]] bool next(packet& out, std::size_t room);

    [[nodiscard]] const vsock_hub_options& options() const noexcept { return options_; }
    [[nodiscard]] std::size_t connections() const noexcept { return connections_; }

protected:
    /// `has_next()` may have become true.
    virtual void something_to_send() noexcept = 0;

private:
    friend class vsock_connection;
    friend class vsock_port_listener;
    using connection_key = std::uint64_t;

    /// Connections that arrived at a port.
    struct port_queue {
        std::deque<std::unique_ptr<vsock_connection>> arrived;
        event changed{event_reset::automatic};
        std::uint64_t accepted = 0;
        bool accepting = false;
        bool closed = false;
    };

    static connection_key key_of(std::uint32_t own_port, std::uint32_t peer_port) noexcept {
        return (std::uint64_t{own_port} << 32U) | peer_port;
    }
    void speak_soon(vsock_connection& one) noexcept;
    void connection_left(vsock_connection& one, bool cleanly) noexcept;
    void forget(vsock_connection& one) noexcept;
    void linger(connection_key key) noexcept;
    void answer(const vsock_header& to, vsock_operation operation) noexcept;
    void tell(std::uint32_t own_port, std::uint32_t peer_port, vsock_operation operation,
              std::uint32_t flags = 0) noexcept;
    void speak(vsock_connection& one, packet& out, std::size_t room);
    void hear_request(const vsock_header& header);
    void hear_of(vsock_connection& one, const vsock_header& header, buffer data);
    void hear_shutdown(vsock_connection& one, std::uint32_t flags);
    void drop_arrived(vsock_connection& one) noexcept;
    void fail_one(vsock_connection& one, const error& why) noexcept;
    [[nodiscard]] std::uint32_t free_port() noexcept;
    /// Who listens at a port; null if nobody.
    [[nodiscard]] port_queue* queue_of(std::uint32_t port) noexcept;

    vsock_hub_options options_;
    /// Null: over, but the other side has not said so yet.
    std::unordered_map<connection_key, vsock_connection*> table_;
    std::size_t connections_ = 0;
    std::deque<connection_key> lingering_;
    std::map<std::uint32_t, std::shared_ptr<port_queue>> ports_;
    std::deque<vsock_header> answers_;
    wait_queue<vsock_connection> speakers_;
    std::uint32_t last_port_ = 0x8000'0000;
    bool up_ = false;
};

} // namespace runnel::inline v0::host
