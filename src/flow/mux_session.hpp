// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "mux_frame.hpp"
#include "runnel/async/event.hpp"
#include "runnel/async/wait_queue.hpp"
#include "runnel/flow/credit_flow.hpp"
#include "runnel/flow/mux.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <unordered_map>

namespace runnel::inline v0 {

class mux_session;

/// One of the flows over a link.
class mux_channel final : public credit_flow, public queue_link {
public:
    mux_channel(std::shared_ptr<mux_session> session, std::uint32_t id, std::size_t window);
    mux_channel(const mux_channel&) = delete;
    mux_channel& operator=(const mux_channel&) = delete;
    ~mux_channel() override { abort(); }

    [[nodiscard]] std::uint32_t id() const noexcept { return id_; }
    [[nodiscard]] flow_address local() const override;
    [[nodiscard]] flow_address remote() const override;

    /// Set when the peer has answered to our opening, or cannot any more; `refusal` says why.
    event answered;
    bool opening = false;
    bool answer_is_due = false;
    [[nodiscard]] const std::optional<error>& refusal() const noexcept { return failure(); }

private:
    void something_to_tell() noexcept override;
    void left(bool cleanly) noexcept override;
    [[nodiscard]] bool has_left() const noexcept override;

    std::shared_ptr<mux_session> session_;
    std::uint32_t id_;
};

/// A link, and what the channels and the two pumps share. Lives until the pumps are done.
class mux_session : public std::enable_shared_from_this<mux_session> {
public:
    mux_session(flow_ptr link, mux_side side, const mux_options& options);

    void start();
    /// The owner opens and accepts no more.
    void retire() noexcept;
    static task<result<flow_ptr>> connect(std::shared_ptr<mux_session> self);
    static task<result<flow_ptr>> accept(std::shared_ptr<mux_session> self);

    [[nodiscard]] bool usable() const noexcept {
        return !broken_ && !input_over_ && !retired_ && !peer_retired_;
    }
    [[nodiscard]] std::size_t size() const noexcept { return channels_.size(); }
    [[nodiscard]] const flow& link() const noexcept { return *link_; }

    // For channels.
    void speak_soon(mux_channel& one) noexcept;
    void forget(mux_channel& one, bool cleanly) noexcept;
    [[nodiscard]] bool all_has_left() noexcept;

private:
    static task<void> pump_input(std::shared_ptr<mux_session> self);
    static task<void> pump_output(std::shared_ptr<mux_session> self);
    task<void> send_all();
    task<result<void>> send_some();
    void tell(mux_kind kind, std::uint32_t channel, std::uint32_t value = 0);
    void speak(mux_channel& one);
    void fill_outbox();
    void hear(buffer data);
    [[nodiscard]] bool hear_frame();
    [[nodiscard]] bool hear_of(mux_channel& one);
    [[nodiscard]] bool hear_hello();
    [[nodiscard]] bool hear_open();
    [[nodiscard]] bool is_ours(std::uint32_t id) const noexcept { return id % 2 == next_ % 2; }
    [[nodiscard]] mux_channel* find(std::uint32_t id) noexcept;
    [[nodiscard]] bool was_open(std::uint32_t id) const noexcept;
    [[nodiscard]] bool is_over() const noexcept;
    void input_ended(const error& why) noexcept;
    void break_down(const error& why) noexcept;

    flow_ptr link_;
    mux_options options_;
    mux_parser parser_;
    std::unordered_map<std::uint32_t, mux_channel*> channels_;
    std::deque<std::unique_ptr<mux_channel>> arrived_; // and not yet accepted
    wait_queue<mux_channel> speakers_;                 // with something to tell, in turn
    buffer_queue outbox_;
    event work_{event_reset::automatic};    // for the output
    event arrival_{event_reset::automatic}; // for who accepts
    std::optional<error> end_;              // of the link
    std::uint32_t next_;                    // channel that we open
    std::uint32_t last_heard_ = 0;          // that the peer opened
    std::uint32_t room_ = 0;                // of each channel of the peer at first
    bool accepting_ = false;                // somebody waits for a channel
    bool departures_wanted_ = false;        // somebody waits for the outbox to leave
    bool speaking_ = false;                 // a message is being fetched
    bool retired_ = false;
    bool close_told_ = false;
    bool peer_retired_ = false;
    bool input_over_ = false;
    bool broken_ = false;
};

} // namespace runnel::inline v0
