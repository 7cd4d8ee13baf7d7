// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/operation.hpp"
#include "runnel/async/timer.hpp"
#include "runnel/core/buffer_list.hpp"
#include "runnel/stack/tcp_flow.hpp"

#include <cstdint>
#include <memory>
#include <optional>

namespace runnel::inline v0::stack {

class connect_operation;

/// What a listener and its flows share: how many there are.
struct flow_count {
    std::uint64_t accepted = 0;
    std::uint64_t open = 0;
    std::size_t most = 0;
};

/// A flow over a connection of a layer. While the connection lives, what arrives waits in it; when
/// it ends, or during a close, what is still to be read waits here.
class engine_flow final : public tcp_flow, private tcp_user, private timer {
public:
    explicit engine_flow(tcp_driver& driver) noexcept : timer(&nobody_came), driver_(&driver) {}
    ~engine_flow() override;

    /// Begins to use a connection that is open, or being opened.
    void begin(tcp_entry& entry, const tcp_flow_options& options) noexcept;
    /// The flow counts there until it is destroyed.
    void count_in(std::shared_ptr<flow_count> count) noexcept;
    [[nodiscard]] tcp_user& user() noexcept { return *this; }

    /// Tells how opening ended, once; takes it back.
    void await_opening(connect_operation& op) noexcept { opening_ = &op; }
    void stop_opening() noexcept { opening_ = nullptr; }
    [[nodiscard]] std::optional<result<void>> opened() const;

    [[nodiscard]] flow_address local() const override { return {"tcp", key_.here()}; }
    [[nodiscard]] flow_address remote() const override { return {"tcp", key_.there()}; }
    [[nodiscard]] tcp_info info() const override;
    void set_nodelay(bool on) noexcept override;
    void set_cork(bool on) noexcept override;
    void set_keepalive(const tcp_keepalive& probes) noexcept override;
    void set_user_timeout(duration limit) noexcept override;

private:
    void do_read(read_operation& op) override;
    void do_write(write_operation& op) override;
    void do_flush(control_operation& op) override;
    void do_shutdown_write(control_operation& op) override;
    void do_shutdown_read() noexcept override;
    void do_begin_close() noexcept override;
    void do_close(control_operation& op) override;
    void do_abort() noexcept override;
    [[nodiscard]] bool do_cancel(read_operation& op) noexcept override;
    [[nodiscard]] bool do_cancel(write_operation& op) noexcept override;
    void do_cancel(control_operation& op) noexcept override;

    void on_events(tcp_events what) noexcept override;
    void on_disconnect() noexcept override;

    [[nodiscard]] tcp_connection& engine() const noexcept { return entry_->engine(); }
    /// Gives a waiting read what there is. False if it has to wait.
    bool give(read_operation& op) noexcept;
    bool give_from_engine(read_operation& op) noexcept;
    /// Hands a write to the connection as far as there is room.
    void push_in(write_operation& op) noexcept;
    void finish_write() noexcept;
    void settle_control() noexcept;
    void settle() noexcept;
    void keep_what_came() noexcept;
    void let_go() noexcept;
    void watch_for_readers() noexcept;
    static void nobody_came(timer& self) noexcept;
    [[nodiscard]] error end_of_reading() const noexcept;
    [[nodiscard]] errc end_of_writing() const noexcept;

    tcp_driver* driver_;
    tcp_entry* entry_ = nullptr; // null once the connection is over
    connect_operation* opening_ = nullptr;
    tcp_key key_;
    buffer_queue kept_; // comes before what is in the connection
    std::shared_ptr<flow_count> count_;
    std::optional<errc> failure_;
    bool finished_ = false; // the peer's stream was complete when the connection ended
    bool corked_ = false;
    bool closing_ = false;
    bool draining_ = false; // a close keeps in `kept_` what a full connection would hold up
    bool cut_ = false;      // and had to discard some
};

/// Waits until a connection is open, or cannot be.
class connect_operation final : public operation {
public:
    explicit connect_operation(engine_flow& flow) noexcept : flow_(&flow) {}
    connect_operation(connect_operation&& unstarted) noexcept
        : connect_operation(*unstarted.flow_) {}

    [[nodiscard]] std::string_view what() const noexcept override { return "connect"; }
    result<void> await_resume() noexcept { return std::move(result_); }

    void end(result<void> how) noexcept {
        result_ = std::move(how);
        complete();
    }

private:
    void start() override;
    bool stop(stop_reason reason) noexcept override;
    void refuse(stop_reason reason) noexcept override;

    engine_flow* flow_;
    result<void> result_;
};

} // namespace runnel::inline v0::stack
