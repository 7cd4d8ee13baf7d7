// SPDX-License-Identifier: Apache-2.0
//
// The contract of a flow over vsock's loopback in the kernel.

#include "../conformance/transport.hpp"
#include "here.hpp"

#include "runnel/async/when.hpp"
#include "runnel/host/vsock.hpp"

#include <tuple>

namespace runnel::conformance {
namespace {

// An abort looks like an end.
class vsock_transport final : public transport {
public:
    [[nodiscard]] std::string name() const override { return "vsock"; }
    [[nodiscard]] std::vector<backend_kind> backends() const override { return kernel_backends(); }
    [[nodiscard]] traits properties() const override {
        return {.buffering = std::size_t{2} << 20,
                .keeps = std::size_t{64} * 1024,
                .tells_reset = false,
                .delivers_before_reset = true,
                .bulk = std::size_t{8} << 20}; // a guest that is emulated is slow
    }

    task<result<std::pair<flow_ptr, flow_ptr>>> connect(scope& /*helpers*/) override {
        if (!guest::is_test_guest()) {
            co_return fail(errc::permission_denied, "vsock is tested in a guest only");
        }
        using host::vsock_address;
        auto listener = host::listen(vsock_address(vsock_address::any, vsock_address::any_port));
        if (!listener) {
            co_return fail(listener.error());
        }
        const std::string text = (*listener)->local().to_string();
        const auto port = static_cast<std::uint32_t>(std::stoul(text.substr(text.rfind(':') + 1)));
        auto both = co_await when_all(host::connect(vsock_address(vsock_address::local, port)),
                                      (*listener)->accept());
        if (!std::get<0>(both)) {
            co_return fail(std::get<0>(both).error());
        }
        if (!std::get<1>(both)) {
            co_return fail(std::get<1>(both).error());
        }
        co_return std::pair<flow_ptr, flow_ptr>(std::move(*std::get<0>(both)),
                                                std::move(*std::get<1>(both)));
    }
};

const registration vsock(std::make_unique<vsock_transport>());

} // namespace
} // namespace runnel::conformance
