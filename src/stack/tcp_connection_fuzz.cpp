// SPDX-License-Identifier: Apache-2.0
// A peer that sends any segments in any order, and a program that does anything, with a connection
// between them. Whatever they do: what is sent makes sense, what is held is bounded, and every
// timer lies in the future once it has been served.

#include "runnel/core/check.hpp"
#include "runnel/stack/tcp_connection.hpp"
#include "runnel/stack/tcp_wire.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace {

using namespace runnel;
using namespace runnel::stack;

class script {
public:
    explicit script(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}
    [[nodiscard]] bool empty() const { return bytes_.empty(); }
    std::uint32_t byte() {
        if (bytes_.empty()) {
            return 0;
        }
        const std::uint32_t value = bytes_[0];
        bytes_ = bytes_.subspan(1);
        return value;
    }
    std::uint32_t half() { return byte() << 8U | byte(); }
    /// Mostly near 0, in both directions; sometimes anywhere.
    std::uint32_t offset() {
        const std::uint32_t kind = byte();
        const std::uint32_t value = half();
        switch (kind % 4) {
        case 0:
            return value % 4096;
        case 1:
            return 0U - value % 4096;
        case 2:
            return value * 64;
        default:
            return value << 16U | kind << 8U;
        }
    }

private:
    std::span<const std::uint8_t> bytes_;
};

class machine {
public:
    explicit machine(script& input) : input_(input), connection_(setup(), 1, 2, sequence(0), 0) {}

    void run() {
        if (input_.byte() % 2 == 0) {
            connection_.open(now_);
        } else {
            connection_.answer(segment(tcp_control::syn), now_);
        }
        transmit();
        while (!input_.empty()) {
            step();
            transmit();
            check_bounds();
        }
        connection_.abort(now_);
        transmit();
        check(connection_.deadline() == never || connection_.state() == tcp_state::time_wait,
              "nothing is left after an abort");
    }

private:
    tcp_environment& setup() {
        tcp_config& config = environment_.config;
        const std::uint32_t bits = input_.byte();
        config.timestamps = (bits & 1U) != 0;
        config.selective_ack = (bits & 2U) != 0;
        config.window_scaling = (bits & 4U) != 0;
        config.ecn = (bits & 8U) != 0;
        config.congestion = static_cast<congestion_kind>((bits >> 4U) % 3);
        config.max_segment_size = 1460;
        config.receive_buffer = 30'000;
        config.max_receive_buffer = 60'000;
        config.send_buffer = 30'000;
        config.max_send_buffer = 60'000;
        if ((bits & 128U) != 0) {
            config.keepalive.after = std::chrono::seconds(10);
        }
        return environment_;
    }

    tcp_header segment(tcp_control control) {
        tcp_header header;
        header.control = control;
        header.number = sequence(1000) + static_cast<std::uint32_t>(received_) + input_.offset();
        header.ack = sent_ + input_.offset();
        const std::uint32_t bits = input_.byte();
        header.acknowledges = (bits & 7U) != 0;
        header.ece = (bits & 8U) != 0;
        header.cwr = (bits & 16U) != 0;
        header.window = static_cast<std::uint16_t>(input_.half());
        if ((bits & 32U) != 0) {
            header.timestamps = tcp_timestamps{input_.offset(), input_.offset()};
        }
        for (std::uint32_t i = 0; i < bits >> 6U; ++i) {
            const sequence begin = sent_ + input_.offset();
            header.sack.add({begin, begin + input_.offset()});
        }
        if (control == tcp_control::syn) {
            header.syn.max_segment_size = static_cast<std::uint16_t>(input_.half());
            header.syn.window_scale = static_cast<std::uint8_t>(input_.byte() % 15);
            header.syn.sack_permitted = true;
        }
        return header;
    }

    void step() {
        switch (input_.byte() % 12) {
        case 0:
        case 1:
        case 2:
        case 3:
            receive(static_cast<tcp_control>(input_.byte() % 8 < 5 ? input_.byte() % 2
                                                                   : input_.byte() % 5));
            break;
        case 4:
        case 5: {
            buffer data = buffer::allocate(1 + input_.half() % 5000);
            std::ranges::fill(data.writable(), std::byte{7});
            connection_.write(data, now_);
            break;
        }
        case 6: {
            const buffer data = connection_.read(now_);
            break;
        }
        case 7:
            now_ += std::chrono::microseconds(input_.half());
            break;
        case 8:
            now_ += std::chrono::milliseconds(input_.half());
            break;
        case 9:
            if (connection_.deadline() != never) {
                now_ = std::max(now_, connection_.deadline());
            }
            break;
        case 10:
            act();
            break;
        default:
            acknowledge();
            break;
        }
        for (int i = 0; connection_.deadline() <= now_; ++i) {
            connection_.on_timer(now_);
            transmit();
            check(i < 100, "timers are served and then lie in the future");
        }
    }

    void act() {
        switch (input_.byte() % 6) {
        case 0:
            connection_.shutdown_write(now_);
            break;
        case 1:
            connection_.shutdown_read();
            break;
        case 2:
            connection_.on_icmp_too_big(sent_, static_cast<std::uint16_t>(input_.half()), now_);
            break;
        case 3:
            connection_.set_no_delay(true);
            break;
        case 4:
            connection_.set_cork(input_.byte() % 2 == 0);
            break;
        default:
            connection_.push();
            break;
        }
    }

    void receive(tcp_control control) {
        buffer payload = buffer::allocate(input_.byte() % 4 == 0 ? input_.half() % 3000 : 0);
        std::ranges::fill(payload.writable(), std::byte{9});
        connection_.receive(segment(control), std::move(payload), {input_.byte() % 8 == 0}, now_);
    }

    /// What a right peer would say, so that the others meet a connection that lives.
    void acknowledge() {
        if (!last_) {
            return;
        }
        tcp_header header;
        header.number = last_->ack;
        header.ack = sent_;
        header.window = 60'000;
        if (last_->is_syn()) {
            header.control = last_->acknowledges ? tcp_control::none : tcp_control::syn;
            header.number = last_->acknowledges ? last_->ack : sequence(999);
            header.syn.sack_permitted = true;
            header.syn.max_segment_size = 500;
        }
        if (last_->timestamps) {
            header.timestamps = tcp_timestamps{last_->timestamps->echo, last_->timestamps->value};
        }
        connection_.receive(header, {}, {}, now_);
    }

    void transmit() {
        tcp_segment out;
        for (int i = 0; connection_.transmit(out, now_); ++i) {
            check(i < 1000, "a connection does not send for ever");
            std::array<std::byte, max_tcp_header_size> bytes;
            const std::size_t size = write_tcp(out.header, bytes);
            check(parse_tcp(std::span(bytes).first(size)).has_value(), "what is sent is legal");
            if (out.header.is_reset()) {
                continue;
            }
            if (last_ && !last_->is_syn() && !out.header.is_syn()) {
                check(out.header.ack >= last_->ack, "acknowledgments never go back");
            }
            last_ = out.header;
            received_ = out.header.acknowledges ? (out.header.ack - sequence(1000)) : received_;
            sent_ = later(sent_, out.header.number + out.header.length(out.payload.bytes()));
        }
    }

    void check_bounds() {
        check(connection_.readable() <= 65'000, "no more is held than the buffer");
        check(connection_.receiver().queue().intervals() <= receive_queue::max_intervals,
              "holes are bounded");
        check(connection_.sender().board().size() <= scoreboard::max_transmissions + 64,
              "parts are bounded");
        check(connection_.sender().unacknowledged() <= 130'000, "the send buffer is bounded");
        check(connection_.sender().una() <= connection_.sender().next(), "una <= nxt");
    }

    script& input_;
    tcp_environment environment_;
    tcp_connection connection_;
    time_point now_{std::chrono::seconds(1)};
    std::optional<tcp_header> last_;
    sequence sent_;
    std::uint32_t received_ = 0;
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    script input(std::span(data, size));
    machine(input).run();
    return 0;
}
