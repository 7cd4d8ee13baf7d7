// SPDX-License-Identifier: Apache-2.0
// Once its queues have grown, a connection allocates nothing for a segment, an acknowledgment, or
// the repair of a loss.
#include "allocation_count.hpp"
#include "runnel/stack/tcp_connection.hpp"

#include <gtest/gtest.h>

namespace {

using namespace runnel;
using namespace runnel::stack;
using namespace std::chrono_literals;

class transfer {
public:
    transfer() {
        client_environment_.config.max_send_buffer = client_environment_.config.send_buffer =
            1U << 20U;
        client_.open(now_);
        pump(0);
        server_open_ = true;
    }

    /// A round trip of sending, dropping each `drop`th segment, and reading all of it.
    void round(std::size_t drop) {
        while (client_.write_room() > 0) {
            buffer data = buffer::allocate(16'384);
            client_.write(data, now_);
        }
        pump(drop);
        now_ += 10ms;
        client_.on_timer(now_);
        server_.on_timer(now_);
        pump(drop);
        while (server_.readable() > 0) {
            received_ += server_.read(now_).size();
        }
        client_.take_events();
        server_.take_events();
    }
    [[nodiscard]] std::uint64_t received() const { return received_; }

private:
    void pump(std::size_t drop) {
        bool moved = true;
        while (moved) {
            moved = deliver(client_, server_, drop);
            moved = deliver(server_, client_, 0) || moved;
        }
    }

    bool deliver(tcp_connection& from, tcp_connection& to, std::size_t drop) {
        bool moved = false;
        while (from.transmit(out_, now_)) {
            moved = true;
            if (&to == &server_ && !server_open_) {
                if (out_.header.is_syn()) {
                    server_.answer(out_.header, now_);
                } else {
                    server_.receive(out_.header, {}, {}, now_);
                }
                continue;
            }
            if (out_.payload.size() == 0) {
                to.receive(out_.header, {}, {}, now_);
                continue;
            }
            tcp_header header = out_.header;
            for (buffer& slice : out_.payload.slices()) {
                const auto size = static_cast<std::uint32_t>(slice.size());
                if (drop == 0 || ++count_ % drop != 0) {
                    to.receive(header, slice.share(), {}, now_);
                }
                header.number += size;
            }
        }
        return moved;
    }

    time_point now_{1s};
    tcp_environment client_environment_;
    tcp_environment server_environment_;
    tcp_connection client_{client_environment_, 1000, 80, sequence(1), 0};
    tcp_connection server_{server_environment_, 80, 1000, sequence(2), 0};
    tcp_segment out_;
    std::size_t count_ = 0;
    std::uint64_t received_ = 0;
    bool server_open_ = false;
};

void expect_no_allocation(std::size_t drop) {
    transfer one;
    for (int i = 0; i < 300; ++i) {
        one.round(drop);
    }
    const std::uint64_t received = one.received();
    const std::uint64_t before = allocation_count();
    for (int i = 0; i < 300; ++i) {
        one.round(drop);
    }
    EXPECT_EQ(allocation_count() - before, 0U);
    EXPECT_GT(one.received() - received, 300'000U);
}

TEST(TcpAllocation, IsNotNeededInTheSteadyState) {
    expect_no_allocation(0);
}

TEST(TcpAllocation, IsNotNeededWhileLossesAreRepaired) {
    expect_no_allocation(50);
}

} // namespace
