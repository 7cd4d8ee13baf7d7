// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/random.hpp"
#include "runnel/stack/tcp_layer.hpp"
#include "tcp_pair.hpp"

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace runnel::stack {

/// Hosts with a layer of TCP each, on one wire with faults, in virtual time. Segments travel as
/// bytes with checksums, cut to the size of the wire; IP headers do not exist.
class test_network {
public:
    struct options {
        std::uint64_t seed = 1;
        wire_faults faults;
        std::uint32_t mtu = 1500;
        std::uint32_t burst = 65'000;
        /// Whether a receiver is spared the checksums (they are made and right all the same).
        bool verified = false;
    };

    class host final : public tcp_lower {
    public:
        host(test_network& wire, std::vector<ip_address> addresses, const tcp_layer::options& how);

        [[nodiscard]] result<ip_address> source_for(const ip_address& remote) const override;
        [[nodiscard]] bool is_ours(const ip_address& address) const noexcept override;
        [[nodiscard]] tcp_way way(const ip_address& local,
                                  const ip_address& remote) const noexcept override;
        bool send(const tcp_key& key, tcp_way_hint& hint, tcp_segment& segment,
                  time_point now) override;
        void flush(time_point now) override;
        void accept_any_destination(bool on) noexcept override { any_ = on; }

        tcp_layer& tcp() { return *layer; }

        std::unique_ptr<tcp_layer> layer;
        std::vector<ip_address> addresses;
        std::uint32_t mtu;            // of what it sends
        std::size_t room = SIZE_MAX;  // segments until `send` says that the way is full
        std::vector<tcp_header> sent; // if `keep_sent`
        std::uint64_t packets = 0;
        std::uint64_t flushes = 0;
        bool keep_sent = false;

    private:
        friend class test_network;
        test_network* wire_;
        bool any_ = false;
        bool touched_ = false;
        time_point last_arrival_{};
    };

    explicit test_network(const options& how) : options_(how), random_(how.seed) {}
    test_network() : test_network(options()) {}

    host& add(std::vector<ip_address> addresses, const tcp_layer::options& how = {});

    /// The next moment at which something happens; false if there is none.
    bool step();
    /// Steps until `done`, or nothing more can happen, or `limit` has passed: whether it is done.
    bool run_until(const std::function<bool()>& done, duration limit = std::chrono::minutes(10));
    /// Lets `span` pass.
    void run_for(duration span);
    [[nodiscard]] time_point now() const { return now_; }
    /// What is to happen at all times up to `when`, and the clock then stands there.
    void advance(time_point when);
    [[nodiscard]] time_point next_event();

    options& how() { return options_; }
    /// Puts a packet on the wire as it is.
    void inject(const ip_address& from, const ip_address& to, const tcp_header& header,
                std::string_view payload = {});

private:
    struct packet {
        ip_address from;
        ip_address to;
        std::string bytes;
        bool marked = false;
    };
    void put(host* from, packet what);
    void deliver(packet what);
    host* find(const ip_address& address);

    options options_;
    prng random_;
    std::deque<std::unique_ptr<host>> hosts_;
    std::multimap<time_point, packet> wire_;
    time_point now_{std::chrono::seconds(1)};
};

/// A program at one end of a connection: writes `size` bytes of a pattern, says that no more comes,
/// and reads and checks what the other one writes.
class test_program final : public tcp_user {
public:
    test_program(test_network& wire, tcp_layer& layer, std::uint64_t size)
        : wire_(&wire), layer_(&layer), size_(size) {}
    ~test_program();
    test_program(const test_program&) = delete;
    test_program& operator=(const test_program&) = delete;

    void begin(tcp_entry& entry);
    void on_events(tcp_events what) noexcept override;
    void on_disconnect() noexcept override;

    /// Reads and writes as far as it goes.
    void act();
    void release();

    [[nodiscard]] tcp_entry* entry() const { return entry_; }
    [[nodiscard]] const std::optional<errc>& failure() const { return failure_; }
    /// Whether both streams ended cleanly.
    [[nodiscard]] bool done() const { return saw_end_ && told_ && ended_ && !failure_; }

    bool reads = true;      // otherwise only when told
    bool shuts_down = true; // after all is written
    bool connected = false;
    bool ended_ = false;
    bool saw_end_ = false;
    bool gone = false; // the layer was disconnected
    bool right = true; // every byte as it should be
    std::uint64_t read = 0;
    std::uint64_t written = 0;

private:
    test_network* wire_;
    tcp_layer* layer_;
    tcp_entry* entry_ = nullptr;
    std::uint64_t size_;
    std::optional<errc> failure_;
    bool told_ = false;
    bool acting_ = false;
};

/// Takes connections and gives each a program.
class test_server final : public tcp_acceptor {
public:
    test_server(test_network& wire, tcp_layer& layer, std::uint64_t size)
        : wire_(&wire), layer_(&layer), size_(size) {}

    [[nodiscard]] std::size_t room() const noexcept override { return room_; }
    void on_connection(tcp_entry& connection) noexcept override;
    void on_request(const tcp_key& key) noexcept override { requests.push_back(key); }
    void on_disconnect() noexcept override { gone = true; }

    std::size_t room_ = SIZE_MAX;
    std::deque<test_program> programs;
    std::vector<tcp_key> requests;
    bool gone = false;

private:
    test_network* wire_;
    tcp_layer* layer_;
    std::uint64_t size_;
};

} // namespace runnel::stack
