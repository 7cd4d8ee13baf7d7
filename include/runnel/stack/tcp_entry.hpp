// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/timer.hpp"
#include "runnel/core/ip_endpoint.hpp"
#include "runnel/stack/listen_queue.hpp"
#include "runnel/stack/tcp_connection.hpp"
#include "runnel/stack/tcp_key.hpp"
#include "runnel/stack/tcp_lower.hpp"

#include <cstddef>
#include <cstdint>

namespace runnel::inline v0::stack {

class tcp_layer;
class tcp_entry;
class tcp_port;

/// Who uses a connection.
class tcp_user {
public:
    /// Something happened to the connection: `what` is never empty. The user may call the layer
    /// from here, and release the connection.
    virtual void on_events(tcp_events what) noexcept = 0;

    /// The layer goes away. After this the connection is gone, whatever was still in it.
    virtual void on_disconnect() noexcept = 0;

protected:
    ~tcp_user() = default;
};

/// Who takes the connections that come to a port.
class tcp_acceptor {
public:
    /// How many more connections would be taken now. While there is no room, peers wait: what they
    /// send to open one is dropped, and they send it again.
    [[nodiscard]] virtual std::size_t room() const noexcept = 0;

    /// A connection is open. It belongs to the acceptor, who attaches a user or releases it.
    virtual void on_connection(tcp_entry& connection) noexcept = 0;

    /// At a deferred port: somebody would like to connect to `key`'s local address and port.
    /// `tcp_layer::admit` or `tcp_layer::refuse` answers, now or later; nobody is told if the peer
    /// gives up.
    virtual void on_request(const tcp_key& key) noexcept;

    /// The layer was disconnected; the port is gone.
    virtual void on_disconnect() noexcept = 0;

protected:
    ~tcp_acceptor() = default;
};

/// What an entry holds only while its connection is in use.
struct tcp_awake {
    tcp_awake(tcp_environment& environment, const tcp_key& key, sequence first,
              std::uint32_t timestamp_offset) noexcept
        : engine(environment, key.local_port, key.remote_port, first, timestamp_offset) {}

    tcp_connection engine;
    tcp_way_hint hint;
    tcp_port* port = nullptr; // until the acceptor knows of it
    tcp_entry* next_dirty = nullptr;
    // The queue of those that may go to rest, and since when this one is in it.
    tcp_entry* older = nullptr;
    tcp_entry* newer = nullptr;
    time_point queued_at{};
    bool queued = false;
    bool used = false; // since then
};

/// A connection in its place in the layer. Lives in the layer's memory, and does not move. Whoever
/// has one may use its engine as it likes, and calls `tcp_layer::update` after that.
///
/// A connection that is open and had nothing to do for a second rests: its engine is gone, and
/// what the entry keeps of it makes a new one when it is asked for. References to an engine are
/// good only until the layer is told the time again.
class tcp_entry final : private timer {
public:
    tcp_entry(tcp_layer& layer, tcp_environment& environment, const tcp_key& key, sequence first,
              std::uint32_t timestamp_offset);
    ~tcp_entry();

    /// Wakes the connection if it rests.
    [[nodiscard]] tcp_connection& engine() { return awake().engine; }
    /// How it stands, without waking it.
    [[nodiscard]] tcp_info info(time_point now) const;
    [[nodiscard]] bool resting() const noexcept { return awake_ == nullptr; }
    [[nodiscard]] const tcp_key& key() const noexcept { return key_; }
    [[nodiscard]] ip_endpoint local() const noexcept { return key_.here(); }
    [[nodiscard]] ip_endpoint remote() const noexcept { return key_.there(); }
    [[nodiscard]] tcp_layer& layer() const noexcept { return *layer_; }
    /// The acceptor hands it to who will use it.
    void attach(tcp_user& user) noexcept { user_ = &user; }

private:
    friend class tcp_layer;

    static void fire(timer& self) noexcept;
    tcp_awake& awake() { return awake_ != nullptr ? *awake_ : wake(armed() ? deadline() : never); }
    tcp_awake& wake(time_point idle_deadline);
    void rest();

    tcp_key key_;
    std::uint32_t handle_ = 0;
    tcp_layer* layer_;
    tcp_awake* awake_; // null: it rests
    tcp_user* user_ = nullptr;
    tcp_rest rest_; // while it rests
    bool dirty_ = false;
    bool found_ = false;    // in the table
    bool released_ = false; // by its user
    bool updating_ = false; // must not be destroyed yet
};

/// A place where connections are taken.
class tcp_port final : private timer {
public:
    struct options {
        /// Half-open connections, and cookies beyond them.
        listen_queue::options queue;
        /// At `::`: also what comes over IPv4.
        bool dual = true;
        /// Every address and every port that nobody else listens at; `at` does not count.
        bool forwarding = false;
    };

    tcp_port(tcp_layer& layer, const ip_endpoint& at, const options& how, tcp_acceptor& acceptor,
             listen_queue queue) noexcept
        : timer(&fire), layer_(&layer), at_(at), options_(how), acceptor_(&acceptor),
          queue_(std::move(queue)) {}

    /// Where it listens; for port 0 the one that was chosen.
    [[nodiscard]] const ip_endpoint& at() const noexcept { return at_; }
    [[nodiscard]] std::size_t half_open() const noexcept { return queue_.size(); }

private:
    friend class tcp_layer;

    static void fire(timer& self) noexcept;
    [[nodiscard]] bool takes(const ip_address& destination, std::uint16_t port) const noexcept;
    [[nodiscard]] bool is_any() const noexcept { return at_.address().is_unspecified(); }

    tcp_layer* layer_;
    ip_endpoint at_;
    options options_;
    tcp_acceptor* acceptor_;
    listen_queue queue_;
    std::uint32_t pending_ = 0; // open, and the acceptor does not know yet
    std::uint32_t handle_ = 0;
};

} // namespace runnel::inline v0::stack
