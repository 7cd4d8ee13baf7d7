// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/random.hpp"
#include "runnel/stack/tcp_connection.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace runnel::stack {

/// What a direction of the link between two connections does to segments.
struct wire_faults {
    double loss = 0;
    double duplicate = 0;
    double corrupt = 0;
    double reorder = 0; // how many are held back by `reorder_by`
    duration reorder_by = std::chrono::milliseconds(5);
    duration delay = std::chrono::milliseconds(10);
    duration jitter{};             // keeps the order, unless `reorder`
    double rate = 0;               // bytes a second; 0 for any
    std::size_t queue = 1U << 30U; // bytes that may wait for the rate
    double mark_above = 1e30;      // bytes in the queue above which packets that may be are marked
    std::size_t coalesce = 1;      // segments in a row that are made one (GRO)
    std::size_t mtu = 65'535;      // of the path; larger packets vanish, and nobody is told
};

/// Two connections, a link between them, and a program on each side, in virtual time: each sends
/// `size` bytes of a pattern and then its end, and reads what comes.
///
/// Checks at every event that streams arrive exactly, acknowledgments never go back, right edges
/// never shrink by a unit of the scale or more, and no more is in flight than is allowed.
class tcp_pair {
public:
    struct side_plan {
        std::uint64_t size = 0;
        std::size_t write_size = 16'384;
        double read_rate = 0; // bytes a second; 0 for at once
        bool into = false;    // reads into its own memory
    };
    struct plan {
        std::uint64_t seed = 1;
        side_plan client;
        side_plan server;
        wire_faults to_server;
        wire_faults to_client;
        tcp_config client_config;
        tcp_config server_config;
        duration limit = std::chrono::hours(1);
        bool both_open = false;
    };

    explicit tcp_pair(const plan& what);

    /// Runs until both are over. Gives what went wrong, or nothing.
    std::string run();
    /// Runs until `done` says so or nothing can happen any more.
    template <class Done>
    std::string run_until(Done done) {
        while (error_.empty() && !done() && step()) {
        }
        return error_;
    }
    bool step();

    struct side {
        tcp_environment environment;
        std::unique_ptr<tcp_connection> connection;
        side_plan plan;
        wire_faults faults; // of what it sends
        std::uint64_t written = 0;
        std::uint64_t read = 0;
        double read_credit = 0;
        time_point read_at{};
        time_point link_free{};
        time_point last_arrival{};
        bool saw_end = false;
        std::optional<sequence> last_ack;
        std::optional<sequence> last_edge;
        std::optional<std::uint8_t> scale; // offered in its SYN
        std::uint64_t segments = 0;
        std::uint64_t wire_bytes = 0;
    };
    side& client() { return sides_[0]; }
    side& server() { return sides_[1]; }
    [[nodiscard]] time_point now() const { return now_; }

    /// What the pattern has at a place.
    static std::byte pattern(std::uint64_t place) {
        return static_cast<std::byte>(place * 0x9e37'79b1U >> 13U ^ place >> 20U);
    }

private:
    struct packet {
        int to = 0;
        std::string bytes; // as on the wire, from the TCP header on
        bool ecn_capable = false;
        bool marked = false;
    };

    void act(int which);
    void write_some(side& one);
    void read_some(side& one);
    void check_bytes(side& one, std::span<const std::byte> bytes);
    void flush(int which);
    void put_on_link(int from, packet what);
    void deliver(packet what);
    void check_sent(side& one, const tcp_segment& segment);
    [[nodiscard]] bool over() const;
    void complain(const std::string& what);

    plan plan_;
    prng random_;
    side sides_[2];
    std::multimap<time_point, packet> wire_;
    time_point now_{std::chrono::seconds(1)};
    std::string error_;
};

} // namespace runnel::stack
