// SPDX-License-Identifier: Apache-2.0
#include "vsock_hub.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace runnel::inline v0::host {
namespace {

/// Ports that connect without having been asked for one begin here.
constexpr std::uint32_t first_free_port = 0x8000'0000;
/// Connections that the other side has not confirmed the end of; the oldest are given up.
constexpr std::size_t most_lingering = 4096;

flow_address address_of(std::uint64_t cid, std::uint32_t port) {
    return {"vsock", fmt::format("//{}:{}", cid, port)};
}

} // namespace

// ---- a connection

vsock_connection::vsock_connection(std::shared_ptr<vsock_hub> hub, std::uint32_t own_port,
                                   std::uint32_t peer_port, std::size_t window)
    : credit_flow(window), hub_(std::move(hub)), own_port_(own_port), peer_port_(peer_port) {}

flow_address vsock_connection::local() const {
    return address_of(hub_->options().own_cid, own_port_);
}

flow_address vsock_connection::remote() const {
    return address_of(hub_->options().peer_cid, peer_port_);
}

void vsock_connection::something_to_tell() noexcept {
    hub_->speak_soon(*this);
}

void vsock_connection::left(bool cleanly) noexcept {
    hub_->connection_left(*this, cleanly);
}

// ---- a listener

class vsock_port_listener final : public listener {
public:
    vsock_port_listener(std::shared_ptr<vsock_hub> hub, std::uint32_t port,
                        std::shared_ptr<vsock_hub::port_queue> queue) noexcept
        : hub_(std::move(hub)), port_(port), queue_(std::move(queue)) {}
    vsock_port_listener(const vsock_port_listener&) = delete;
    vsock_port_listener& operator=(const vsock_port_listener&) = delete;
    ~vsock_port_listener() override { vsock_port_listener::close(); }

    task<result<flow_ptr>> accept() override { return accept_from(queue_); }
    [[nodiscard]] flow_address local() const override {
        return address_of(hub_->options().own_cid, port_);
    }
    void close() noexcept override {
        if (!std::exchange(queue_->closed, true)) {
            hub_->ports_.erase(port_);
            const auto dropped = std::exchange(queue_->arrived, {});
            queue_->changed.set();
        }
    }
    [[nodiscard]] listener_statistics statistics() const noexcept override {
        return {.accepted = queue_->accepted};
    }
    void on_pause(pause_function /*report*/) override {} // it never pauses

private:
    static task<result<flow_ptr>> accept_from(std::shared_ptr<vsock_hub::port_queue> queue) {
        if (queue->accepting) {
            co_return fail(errc::busy);
        }
        while (queue->arrived.empty() && !queue->closed) {
            queue->accepting = true;
            const result<void> woken = co_await queue->changed.wait();
            queue->accepting = false;
            if (!woken) {
                co_return fail(woken.error());
            }
        }
        if (queue->closed) {
            co_return fail(errc::closed);
        }
        flow_ptr next = std::move(queue->arrived.front());
        queue->arrived.pop_front();
        ++queue->accepted;
        co_return next;
    }

    std::shared_ptr<vsock_hub> hub_;
    std::uint32_t port_;
    std::shared_ptr<vsock_hub::port_queue> queue_;
};

result<listener_ptr> vsock_hub::listen(std::uint32_t port) {
    if (ports_.contains(port)) {
        return fail(errc::address_in_use, fmt::format("listen at vsock port {}", port));
    }
    auto queue = std::make_shared<port_queue>();
    ports_.emplace(port, queue);
    return std::make_unique<vsock_port_listener>(shared_from_this(), port, std::move(queue));
}

// ---- opening and ending

vsock_hub::port_queue* vsock_hub::queue_of(std::uint32_t port) noexcept {
    auto found = ports_.find(port);
    if (found == ports_.end()) {
        found = ports_.find(any_port);
    }
    return found == ports_.end() ? nullptr : found->second.get();
}

/// A port of ours that no connection uses. There are more than there may be connections.
std::uint32_t vsock_hub::free_port() noexcept {
    last_port_ = last_port_ == 0xFFFF'FFFE ? first_free_port : last_port_ + 1;
    return last_port_;
}

task<result<flow_ptr>> vsock_hub::connect(std::shared_ptr<vsock_hub> self, std::uint32_t port) {
    if (!self->up_) {
        co_return fail(errc::unreachable, "the guest's vsock device is not in use");
    }
    if (self->connections_ >= self->options_.max_connections) {
        co_return fail(errc::limit_exceeded, "too many vsock connections");
    }
    std::uint32_t own = self->free_port();
    while (self->table_.contains(key_of(own, port))) {
        own = self->free_port();
    }
    auto made = std::make_unique<vsock_connection>(self, own, port, self->options_.window);
    self->table_.emplace(key_of(own, port), made.get());
    ++self->connections_;
    made->opening_ = true;
    made->request_is_due_ = true;
    self->speak_soon(*made);
    const result<void> answered = co_await made->answered_.wait();
    if (!answered) {
        co_return fail(answered.error());
    }
    if (made->failure()) {
        co_return fail(*made->failure());
    }
    co_return std::move(made);
}

void vsock_hub::go_down(const error& why) noexcept {
    up_ = false;
    answers_.clear();
    lingering_.clear();
    const auto all = std::exchange(table_, {});
    connections_ = 0;
    for (const auto& [key, one] : all) {
        if (one != nullptr) {
            one->leave_queue();
            fail_one(*one, why);
        }
    }
}

/// Ends a connection that is in no table any more.
void vsock_hub::fail_one(vsock_connection& one, const error& why) noexcept {
    one.hear_failure(why);
    one.answered_.set();
    drop_arrived(one);
}

/// One that nobody has accepted is of no use to anybody once it is over.
void vsock_hub::drop_arrived(vsock_connection& one) noexcept {
    if (port_queue* const at = queue_of(one.own_port_); at != nullptr) {
        std::erase_if(at->arrived, [&](const auto& each) { return each.get() == &one; });
    }
}

void vsock_hub::forget(vsock_connection& one) noexcept {
    one.leave_queue();
    const auto at = table_.find(key_of(one.own_port_, one.peer_port_));
    if (at != table_.end() && at->second == &one) { // and not one that lingers, or came after it
        table_.erase(at);
        --connections_;
    }
}

/// Keeps a key from use until the other side has confirmed the end.
void vsock_hub::linger(connection_key key) noexcept {
    table_[key] = nullptr;
    lingering_.push_back(key);
    while (lingering_.size() > most_lingering) {
        const auto oldest = table_.find(lingering_.front());
        if (oldest != table_.end() && oldest->second == nullptr) {
            table_.erase(oldest);
        }
        lingering_.pop_front();
    }
}

void vsock_hub::connection_left(vsock_connection& one, bool cleanly) noexcept {
    const bool known = !one.request_is_due_;
    forget(one);
    if (cleanly) {
        linger(key_of(one.own_port_, one.peer_port_));
        tell(one.own_port_, one.peer_port_, vsock_operation::shutdown, vsock_is_gone);
    } else if (known) {
        tell(one.own_port_, one.peer_port_, vsock_operation::reset);
    }
}

} // namespace runnel::inline v0::host
