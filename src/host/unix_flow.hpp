// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "acceptor.hpp"
#include "runnel/host/unix.hpp"
#include "stream_flow.hpp"

#include <memory>
#include <vector>

namespace runnel::inline v0::host {

/// A connected Unix stream socket as a flow.
class kernel_unix_flow final : public stream_flow<unix_flow> {
public:
    /// An address that is not given is asked of the socket when it is needed.
    using shared_address = std::shared_ptr<const flow_address>;
    kernel_unix_flow(stream_ptr carried, shared_address local, shared_address remote,
                     accepted_slot slot = {});
    kernel_unix_flow(const kernel_unix_flow&) = delete;
    kernel_unix_flow& operator=(const kernel_unix_flow&) = delete;
    ~kernel_unix_flow() override;

    [[nodiscard]] flow_address local() const override;
    [[nodiscard]] flow_address remote() const override;

    [[nodiscard]] result<peer_credentials> peer() const override;
    [[nodiscard]] task<result<void>> send_descriptors(buffer data,
                                                      std::vector<int> descriptors) override;
    [[nodiscard]] task<result<received_descriptors>> receive_descriptors(std::size_t most) override;

private:
    void do_close(control_operation& op) override;
    void do_abort() noexcept override;
    void learn_addresses() const;

    mutable shared_address local_;
    mutable shared_address remote_;
    accepted_slot slot_;
    bool dying_ = false; // nobody will ask for an address any more
};

/// A listener of a non-blocking socket that listens already; its file, if it has one, stays.
[[nodiscard]] result<listener_ptr> make_unix_listener(unique_fd listening);

/// A flow of a connected, non-blocking Unix stream socket.
[[nodiscard]] result<unix_flow_ptr> make_unix_flow(unique_fd socket,
                                                   kernel_unix_flow::shared_address local = {},
                                                   kernel_unix_flow::shared_address remote = {});

} // namespace runnel::inline v0::host
