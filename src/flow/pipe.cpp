// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/pipe.hpp"

#include <algorithm>
#include <array>
#include <memory>

namespace runnel::inline v0 {
namespace {

/// One direction. The writing end fills it, the reading end drains it; either may go away first.
struct channel : private timer {
    channel() noexcept : timer(&nobody_came) {}

    buffer_queue queue;
    std::size_t capacity = 0;
    read_operation* reader = nullptr;
    write_operation* writer = nullptr;
    control_operation* closer = nullptr; // a close of the reading end that waits for our end
    bool finished = false;               // the writer has said that no more comes
    bool writer_gone = false;            // the writer aborted before it finished
    bool reader_gone = false;            // the reader aborted before the writer finished
    bool discarding = false;             // the reader wants no more
    bool closing = false;                // the reader's close has begun
    bool cut = false;                    // that close discarded bytes: reading ends with `closed`

    /// Moves bytes as far as they go, and ends every operation that this completes.
    void pump() noexcept;
    bool move_some() noexcept;
    void end_reader() noexcept;
    void end_closer() noexcept;
    void wait_for_reader() noexcept;
    static void nobody_came(timer& self) noexcept;
};

/// Moves one piece out of the waiting write. False if nothing can move.
bool channel::move_some() noexcept {
    if (discarding || cut) {
        writer->accept(writer->remaining());
    } else if (reader != nullptr && queue.empty() && !reader->into_memory()) {
        const std::size_t limit = reader->hint() != 0 ? reader->hint() : buffer::max_size;
        std::exchange(reader, nullptr)->succeed(writer->take(limit));
    } else if (queue.bytes() < capacity) {
        queue.push_back(writer->take(capacity - queue.bytes()));
    } else if (reader != nullptr) { // into memory, and no capacity: from hand to hand
        queue.push_back(writer->take(reader->hint()));
    } else {
        if (closing) {
            wait_for_reader();
        }
        return false;
    }
    if (reader != nullptr && !queue.empty()) {
        std::exchange(reader, nullptr)->succeed_from(queue);
    }
    return true;
}

void channel::pump() noexcept {
    if (reader != nullptr && !queue.empty()) {
        std::exchange(reader, nullptr)->succeed_from(queue);
    }
    if (writer != nullptr && reader_gone) {
        std::exchange(writer, nullptr)->fail(errc::reset);
    }
    while (writer != nullptr && writer->remaining() != 0 && move_some()) {
    }
    if (writer != nullptr && writer->remaining() == 0) {
        std::exchange(writer, nullptr)->succeed();
    }
    if (finished || writer_gone || cut) {
        end_reader();
        end_closer();
    }
}

/// A reader that was just given something has a turn of the loop to come again.
void channel::wait_for_reader() noexcept {
    loop& here = loop::current();
    here.arm(*this, here.now());
}

void channel::nobody_came(timer& self) noexcept {
    auto& way = static_cast<channel&>(self);
    way.cut = way.writer != nullptr && way.reader == nullptr && way.queue.bytes() >= way.capacity;
    way.pump();
}

void channel::end_reader() noexcept {
    if (reader == nullptr || !queue.empty()) {
        return;
    }
    const errc why = cut ? errc::closed : finished ? errc::end : errc::reset;
    std::exchange(reader, nullptr)->fail(why);
}

void channel::end_closer() noexcept {
    if (closer == nullptr) {
        return;
    }
    if (finished) {
        std::exchange(closer, nullptr)->succeed();
    } else if (writer_gone) {
        std::exchange(closer, nullptr)->fail(errc::reset);
    }
}

using pipe_state = std::array<channel, 2>;

class pipe_end final : public flow {
public:
    pipe_end(std::shared_ptr<pipe_state> state, std::size_t side)
        : state_(std::move(state)), in_((*state_)[side]), out_((*state_)[1 - side]) {}
    pipe_end(const pipe_end&) = delete;
    pipe_end& operator=(const pipe_end&) = delete;
    ~pipe_end() override { abort(); }

    [[nodiscard]] flow_address local() const override { return flow_address("pipe"); }
    [[nodiscard]] flow_address remote() const override { return flow_address("pipe"); }

private:
    void do_read(read_operation& op) override {
        if (in_.writer == nullptr && !in_.queue.empty()) { // the common case, short
            op.succeed_from(in_.queue);
            return;
        }
        in_.reader = &op;
        in_.pump();
    }

    void do_write(write_operation& op) override {
        out_.writer = &op;
        out_.pump();
    }

    void do_flush(control_operation& op) override { op.succeed(); }

    void do_shutdown_write(control_operation& op) override {
        out_.finished = true;
        out_.pump();
        op.succeed();
    }

    void do_shutdown_read() noexcept override {
        in_.discarding = true;
        in_.queue.clear();
        in_.pump();
    }

    void do_begin_close() noexcept override {
        in_.closing = true;
        in_.pump();
    }

    void do_close(control_operation& op) override {
        if (!out_.finished && out_.reader_gone) {
            op.fail(errc::reset);
            return;
        }
        out_.finished = true;
        out_.pump();
        in_.closing = true;
        in_.closer = &op;
        in_.pump();
    }

    void do_abort() noexcept override {
        in_.reader_gone = !in_.finished;
        in_.queue.clear();
        if (in_.reader != nullptr) {
            std::exchange(in_.reader, nullptr)->fail(errc::aborted);
        }
        if (in_.closer != nullptr) {
            std::exchange(in_.closer, nullptr)->fail(errc::aborted);
        }
        if (out_.writer != nullptr) {
            std::exchange(out_.writer, nullptr)->fail(errc::aborted);
        }
        out_.writer_gone = !out_.finished;
        in_.pump();
        out_.pump();
    }

    bool do_cancel(read_operation& /*op*/) noexcept override {
        in_.reader = nullptr;
        in_.pump();
        return true;
    }

    bool do_cancel(write_operation& /*op*/) noexcept override {
        out_.writer = nullptr;
        return true;
    }

    void do_cancel(control_operation& /*op*/) noexcept override { in_.closer = nullptr; }

    std::shared_ptr<pipe_state> state_;
    channel& in_;
    channel& out_;
};

} // namespace

std::pair<flow_ptr, flow_ptr> make_pipe(pipe_options options) {
    auto state = std::make_shared<pipe_state>();
    for (channel& direction : *state) {
        direction.capacity = options.capacity;
    }
    return {std::make_unique<pipe_end>(state, 0), std::make_unique<pipe_end>(state, 1)};
}

} // namespace runnel::inline v0
