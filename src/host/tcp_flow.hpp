// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "acceptor.hpp"
#include "runnel/core/ip_endpoint.hpp"
#include "runnel/host/tcp.hpp"
#include "runnel/host/unique_fd.hpp"
#include "stream_flow.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <string_view>

namespace runnel::inline v0::host {

/// What a stream needs to know of the options of its socket.
[[nodiscard]] stream_options stream_options_of(const tcp_options& options) noexcept;

/// A listener of a non-blocking socket that listens already.
[[nodiscard]] result<listener_ptr> make_tcp_listener(unique_fd listening,
                                                     const tcp_options& options);

/// A connected TCP socket as a flow.
class kernel_tcp_flow final : public stream_flow<tcp_flow> {
public:
    /// An address that is not given is asked of the socket: the peer's now, ours when it is needed.
    kernel_tcp_flow(stream_ptr carried, std::optional<ip_endpoint> local,
                    std::optional<ip_endpoint> remote, accepted_slot slot = {});
    kernel_tcp_flow(const kernel_tcp_flow&) = delete;
    kernel_tcp_flow& operator=(const kernel_tcp_flow&) = delete;
    ~kernel_tcp_flow() override;

    [[nodiscard]] flow_address local() const override;
    [[nodiscard]] flow_address remote() const override;

    [[nodiscard]] result<tcp_information> info() const override;
    [[nodiscard]] result<void> set_nodelay(bool on) override;
    [[nodiscard]] result<void> set_cork(bool on) override;
    [[nodiscard]] result<void> set_quick_ack(bool on) override;
    [[nodiscard]] result<void> set_keepalive(std::optional<tcp_keepalive> probes) override;
    [[nodiscard]] result<void> set_user_timeout(std::chrono::milliseconds limit) override;
    [[nodiscard]] result<void> set_congestion_control(std::string_view name) override;

private:
    void do_close(control_operation& op) override;
    void do_abort() noexcept override;
    [[nodiscard]] result<int> socket() const;
    void learn_local() const;

    mutable std::optional<ip_endpoint> local_;
    std::optional<ip_endpoint> remote_;
    accepted_slot slot_;
    bool dying_ = false; // nobody will ask for the address any more
};

} // namespace runnel::inline v0::host
