// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/layer.hpp"

#include "runnel/core/check.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace runnel::inline v0 {
namespace {

/// The four pieces a `buffer_list` holds without allocating are enough at a time.
constexpr std::size_t pieces_at_once = 4;

/// What the coroutines of a layered flow share with it. Lives until the flow is gone and the last
/// coroutine is done.
struct layered_core : std::enable_shared_from_this<layered_core> {
    std::unique_ptr<layer> implementation;
    buffer_queue stash; // read from the layer, more than was asked for
    read_operation* reader = nullptr;
    write_operation* writer = nullptr;
    control_operation* control = nullptr;
    /// Begin when the one that was forgotten, but goes on, is done: at most a flush, a shutdown and
    /// a close. Only `control` may be a flush.
    std::vector<task<result<void>>> next_controls;
    bool newest_is_flush = false;
    bool aborted = false;

    void read_done(result<buffer> outcome);
    void write_done(result<void> outcome);
    void control_done(result<void> outcome);
};

/// A coroutine of the layer while it runs, with what stops it.
template <class T>
class layer_run {
public:
    using done_function = void (layered_core::*)(T outcome);

    explicit layer_run(done_function done) noexcept : done_(done) {}

    /// Runs `work` and then calls the core's function, within this call or later.
    void start(const std::shared_ptr<layered_core>& core, task<T> work) {
        stop_.emplace();
        const auto frame = std::move(work).release();
        promise<T>& started = frame.promise();
        core_ = core;
        started.adopt_as_root(frame, &finished, this, &*stop_, nullptr, "layer");
        if (started.run_inline(frame)) {
            finished(started);
        }
    }

    [[nodiscard]] bool running() const noexcept { return core_ != nullptr; }

    void request_stop(stop_reason reason) noexcept {
        if (core_ != nullptr) {
            stop_->request_stop(reason);
        }
    }

private:
    static void finished(promise_base& base) noexcept {
        auto& ended = static_cast<promise<T>&>(base);
        auto& self = *static_cast<layer_run*>(base.owner());
        // A layer gives its errors as results; an exception is a mistake in it and ends the
        // program.
        T outcome = ended.take();
        std::coroutine_handle<promise<T>>::from_promise(ended).destroy();
        const std::shared_ptr<layered_core> core = std::move(self.core_); // may free `self`, too
        (core.get()->*self.done_)(std::move(outcome));
    }

    done_function done_;
    std::optional<stop_source> stop_;
    std::shared_ptr<layered_core> core_; // set while it runs
};

/// The core together with its three runs, so that they live equally long.
struct layered_state : layered_core {
    layer_run<result<buffer>> reading{&layered_core::read_done};
    layer_run<result<void>> writing{&layered_core::write_done};
    layer_run<result<void>> controlling{&layered_core::control_done};
};

/// Whether a coroutine ended because it was asked to, by its task or by `shutdown(read)`.
template <class T>
bool ended_by_stop(const operation& op, const result<T>& outcome) {
    if (outcome) {
        return op.stopped() != stop_reason::none;
    }
    const errc kind = outcome.error().kind();
    return kind == errc::cancelled ||
           (op.stopped() != stop_reason::none && kind == to_error(op.stopped()).kind());
}

void layered_core::read_done(result<buffer> outcome) {
    if (outcome) {
        stash.push_back(std::move(*outcome));
    }
    read_operation* op = std::exchange(reader, nullptr);
    if (op == nullptr) {
        return;
    }
    if (aborted) {
        op->fail(errc::aborted);
    } else if (ended_by_stop(*op, outcome)) {
        op->fail_stopped();
    } else if (outcome) {
        op->succeed_from(stash);
    } else {
        op->fail(std::move(outcome.error()));
    }
}

void layered_core::write_done(result<void> outcome) {
    write_operation* op = std::exchange(writer, nullptr);
    if (op == nullptr) {
        return;
    }
    if (op->remaining() == 0 && outcome) {
        op->succeed();
    } else if (aborted) {
        op->fail(errc::aborted);
    } else if (ended_by_stop(*op, outcome)) {
        op->fail_stopped();
    } else {
        check(!outcome.has_value(), "a layer takes all of a write that succeeds");
        op->fail(std::move(outcome.error()));
    }
}

void layered_core::control_done(result<void> outcome) {
    const bool forgotten = !next_controls.empty();
    if (forgotten && !aborted) {
        task<result<void>> next = std::move(next_controls.front());
        next_controls.erase(next_controls.begin());
        static_cast<layered_state&>(*this).controlling.start(shared_from_this(), std::move(next));
        return;
    }
    next_controls.clear();
    control_operation* op = std::exchange(control, nullptr);
    if (op == nullptr) {
        return;
    }
    if (outcome && !forgotten) {
        op->succeed();
    } else if (aborted) {
        op->fail(errc::aborted);
    } else {
        op->fail(std::move(outcome.error()));
    }
}

class layered_flow final : public flow {
public:
    explicit layered_flow(std::unique_ptr<layer> implementation)
        : state_(std::make_shared<layered_state>()) {
        state_->implementation = std::move(implementation);
    }
    layered_flow(const layered_flow&) = delete;
    layered_flow& operator=(const layered_flow&) = delete;
    ~layered_flow() override { abort(); }

    [[nodiscard]] flow_address local() const override { return state_->implementation->local(); }
    [[nodiscard]] flow_address remote() const override { return state_->implementation->remote(); }

private:
    void do_read(read_operation& op) override {
        if (!state_->stash.empty()) {
            op.succeed_from(state_->stash);
            return;
        }
        state_->reader = &op;
        state_->reading.start(state_, state_->implementation->read(op.hint()));
    }

    void do_write(write_operation& op) override {
        state_->writer = &op;
        state_->writing.start(state_, state_->implementation->write(op));
    }

    void do_flush(control_operation& op) override {
        run(op, state_->implementation->flush(), true);
    }
    void do_shutdown_write(control_operation& op) override {
        run(op, state_->implementation->shutdown_write(), false);
    }
    void do_close(control_operation& op) override {
        run(op, state_->implementation->close(), false);
    }

    void do_shutdown_read() noexcept override {
        state_->stash.clear();
        state_->implementation->shutdown_read();
    }

    void do_begin_close() noexcept override { state_->implementation->begin_close(); }

    void do_abort() noexcept override {
        const std::shared_ptr<layered_state> state = state_;
        state->aborted = true;
        state->stash.clear();
        state->implementation->abort();
        state->reading.request_stop(stop_reason::cancelled);
        state->writing.request_stop(stop_reason::cancelled);
        state->controlling.request_stop(stop_reason::cancelled);
    }

    bool do_cancel(read_operation& op) noexcept override {
        state_->reading.request_stop(op.stopped() != stop_reason::none ? op.stopped()
                                                                       : stop_reason::cancelled);
        return false;
    }

    bool do_cancel(write_operation& op) noexcept override {
        state_->writing.request_stop(op.stopped());
        return false;
    }

    void do_cancel(control_operation& /*op*/) noexcept override {
        state_->control = nullptr;
        if (state_->newest_is_flush && !state_->next_controls.empty()) {
            state_->next_controls.pop_back(); // it has not begun, and nobody waits for it
        }
        state_->newest_is_flush = false;
    }

    void run(control_operation& op, task<result<void>> work, bool flush) {
        state_->control = &op;
        state_->newest_is_flush = flush;
        if (state_->controlling.running()) {
            state_->next_controls.push_back(std::move(work));
        } else {
            state_->controlling.start(state_, std::move(work));
        }
    }

    std::shared_ptr<layered_state> state_;
};

} // namespace

flow_ptr make_layered(std::unique_ptr<layer> implementation) {
    return std::make_unique<layered_flow>(std::move(implementation));
}

task<result<buffer>> passing_layer::read(std::size_t hint) {
    co_return co_await below_->read(hint);
}

task<result<void>> passing_layer::write(write_operation& op) {
    return write_front(op, op.remaining());
}

task<result<void>> passing_layer::write_front(write_operation& op, std::size_t limit) {
    std::size_t left = std::min(limit, op.remaining());
    while (left != 0) {
        // Shares go down, so that what the flow below does not accept stays with the operation.
        buffer_list pieces;
        for (const buffer& piece : op.rest()) {
            if (left == 0 || pieces.size() == pieces_at_once) {
                break;
            }
            pieces.push_back(piece.share(0, std::min(left, piece.size())));
            left -= pieces[pieces.size() - 1].size();
        }
        const write_result outcome =
            co_await writev_awaiter(*below_, std::move(pieces), op.nodelay());
        op.accept(outcome.accepted());
        if (!outcome) {
            co_return fail(outcome.error());
        }
    }
    co_return result<void>();
}

task<result<void>> passing_layer::flush() {
    co_return co_await below_->flush();
}

task<result<void>> passing_layer::shutdown_write() {
    co_return co_await below_->shutdown(direction::write);
}

void passing_layer::shutdown_read() noexcept {
    below_->shutdown_read();
}

void passing_layer::begin_close() noexcept {
    below_->begin_close();
}

task<result<void>> passing_layer::close() {
    co_return co_await below_->close();
}

} // namespace runnel::inline v0
