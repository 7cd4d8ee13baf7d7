// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/stack/ip/ip_wire.hpp"
#include "runnel/stack/ip/network.hpp"
#include "runnel/stack/link/memory_link.hpp"
#include "runnel/stack/tcp_layer.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace runnel::inline v0::stack {

inline ip_address test_address(std::string_view text) {
    return *ip_address::parse(text);
}
inline ip_prefix test_prefix(std::string_view text) {
    return *ip_prefix::parse(text);
}

/// A network and TCP above it.
struct test_host {
    explicit test_host(time_point now, const network_options& options = {},
                       const tcp_layer::options& tcp_options = {})
        : net(options, now), tcp(net, tcp_options, siphash_key{1, 2}, now) {
        net.set_tcp(&tcp);
        net.on_echo(
            [](void* self, echo_reply& reply) {
                static_cast<test_host*>(self)->echoes.push_back(std::move(reply));
            },
            this);
    }
    ~test_host() { net.set_tcp(nullptr); }

    network net;
    tcp_layer tcp;
    std::vector<echo_reply> echoes;
};

/// Hosts and the time they share.
class test_lan {
public:
    explicit test_lan(time_point start = time_point(std::chrono::seconds(1000))) : now_(start) {}

    test_host& add(const network_options& options = {}) {
        return *hosts_.emplace_back(std::make_unique<test_host>(now_, options));
    }
    [[nodiscard]] time_point now() const noexcept { return now_; }

    /// Lets everything happen that happens at this moment.
    void settle() {
        for (int quiet = 0; quiet < 3;) {
            bool more = false;
            std::uint64_t before = 0;
            std::uint64_t after = 0;
            for (const auto& each : hosts_) {
                before += each->net.counters().packets_received + each->net.counters().arp_received;
                more |= each->net.pump(now_);
                after += each->net.counters().packets_received + each->net.counters().arp_received;
            }
            quiet = more || before != after ? 0 : quiet + 1;
        }
    }

    /// Runs until the condition holds, or for `limit`. Gives whether it holds.
    template <class Condition>
    bool run_until(Condition condition, duration limit = std::chrono::minutes(10)) {
        const time_point end = now_ + limit;
        while (true) {
            settle();
            if (condition()) {
                return true;
            }
            time_point next = never;
            for (const auto& each : hosts_) {
                next = std::min({next, each->net.deadline(), each->tcp.deadline()});
            }
            if (next > end) {
                now_ = end;
                return condition();
            }
            now_ = std::max(next, now_);
            for (const auto& each : hosts_) {
                each->net.on_timer(now_);
                each->tcp.on_timer(now_);
                each->net.flush(now_);
            }
        }
    }
    /// Lets everything happen that is due at a moment of another clock.
    void act_at(time_point now) {
        now_ = now;
        for (const auto& each : hosts_) {
            if (each->net.deadline() <= now) {
                each->net.on_timer(now);
            }
            if (each->tcp.deadline() <= now) {
                each->tcp.on_timer(now);
            }
            while (each->net.pump(now)) {
            }
        }
    }
    void run_for(duration span) {
        run_until([] { return false; }, span);
    }

private:
    time_point now_;
    std::vector<std::unique_ptr<test_host>> hosts_;
};

/// Sends a stream of bytes that are known, and shuts down; reads one, and checks it.
class test_stream final : public tcp_user {
public:
    test_stream(const test_lan& lan, tcp_layer& layer, std::uint64_t size, std::uint8_t salt)
        : lan_(&lan), layer_(&layer), size_(size), salt_(salt) {}
    test_stream(const test_stream&) = delete;
    test_stream& operator=(const test_stream&) = delete;
    ~test_stream() { release(); }

    void begin(tcp_entry& entry) {
        entry_ = &entry;
        entry.attach(*this);
        act();
    }
    void on_events(tcp_events what) noexcept override {
        connected |= what.connected;
        if (what.ended) {
            ended = true;
            failure = entry_->engine().failure();
        }
        act();
    }
    void on_disconnect() noexcept override { entry_ = nullptr; }
    void release() {
        if (entry_ != nullptr) {
            layer_->release(*std::exchange(entry_, nullptr), lan_->now());
        }
    }

    bool connected = false;
    bool ended = false;
    bool right = true;
    std::optional<errc> failure;
    std::uint64_t read = 0;
    std::uint64_t written = 0;

private:
    [[nodiscard]] static std::byte byte_at(std::uint64_t place, std::uint8_t salt) noexcept {
        return static_cast<std::byte>((place * 31 + (place >> 8U) + salt) & 0xffU);
    }
    void act() noexcept {
        if (entry_ == nullptr || acting_) {
            return;
        }
        acting_ = true;
        tcp_connection& engine = entry_->engine();
        const time_point now = lan_->now();
        while (engine.readable() > 0) {
            const buffer got = engine.read(now);
            for (const std::byte one : got.span()) {
                right &= one == byte_at(read++, static_cast<std::uint8_t>(1 - salt_));
            }
        }
        while (written < size_ && engine.write_room() > 0) {
            const std::size_t part = std::min<std::uint64_t>(size_ - written, 16'000);
            buffer data = buffer::allocate(part);
            for (std::size_t i = 0; i < part; ++i) {
                data.writable()[i] = byte_at(written + i, salt_);
            }
            const std::size_t took = engine.write(data, now);
            written += took;
            if (took == 0) {
                break;
            }
        }
        if (written == size_ && !shut_ && engine.state() == tcp_state::established) {
            shut_ = true;
            engine.shutdown_write(now);
        } else if (written == size_ && !shut_ && engine.state() == tcp_state::close_wait) {
            shut_ = true;
            engine.shutdown_write(now);
        }
        acting_ = false;
        layer_->update(*entry_, now);
    }

    const test_lan* lan_;
    tcp_layer* layer_;
    tcp_entry* entry_ = nullptr;
    std::uint64_t size_;
    std::uint8_t salt_;
    bool shut_ = false;
    bool acting_ = false;
};

/// Gives each connection a stream of this size.
class test_listener final : public tcp_acceptor {
public:
    test_listener(const test_lan& lan, test_host& host, std::uint64_t size)
        : lan_(&lan), host_(&host), size_(size) {}
    [[nodiscard]] std::size_t room() const noexcept override { return 1000; }
    void on_connection(tcp_entry& connection) noexcept override {
        streams.emplace_back(*lan_, host_->tcp, size_, std::uint8_t{0});
        streams.back().begin(connection);
    }
    void on_disconnect() noexcept override {}

    std::deque<test_stream> streams;

private:
    const test_lan* lan_;
    test_host* host_;
    std::uint64_t size_;
};

} // namespace runnel::inline v0::stack
