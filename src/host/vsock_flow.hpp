// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "acceptor.hpp"
#include "runnel/host/vsock.hpp"
#include "stream_flow.hpp"

#include <utility>

namespace runnel::inline v0::host {

/// A connected vsock stream socket as a flow.
class kernel_vsock_flow final : public stream_flow<vsock_flow> {
public:
    kernel_vsock_flow(stream_ptr carried, vsock_address own, vsock_address peer,
                      accepted_slot slot = {})
        : stream_flow(std::move(carried)), own_(own), peer_(peer), slot_(std::move(slot)) {}
    kernel_vsock_flow(const kernel_vsock_flow&) = delete;
    kernel_vsock_flow& operator=(const kernel_vsock_flow&) = delete;
    ~kernel_vsock_flow() override { abort(); }

    [[nodiscard]] flow_address local() const override { return own_.to_flow_address(); }
    [[nodiscard]] flow_address remote() const override { return peer_.to_flow_address(); }
    [[nodiscard]] vsock_address own() const noexcept override { return own_; }
    [[nodiscard]] vsock_address peer() const noexcept override { return peer_; }

private:
    vsock_address own_;
    vsock_address peer_;
    accepted_slot slot_;
};

} // namespace runnel::inline v0::host
