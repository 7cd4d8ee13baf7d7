// SPDX-License-Identifier: Apache-2.0
//
// TCP of the kernel, over the loopback interface.

#include "transport.hpp"

#include "runnel/async/when.hpp"
#include "runnel/host/tcp.hpp"

#include <chrono>
#include <string_view>
#include <tuple>

namespace runnel::conformance {
namespace {

class tcp_transport final : public transport {
public:
    tcp_transport(std::string name, std::string_view address, host::tcp_options options = {})
        : name_(std::move(name)), address_(address), options_(options) {
        // Bounded buffers, which the kernel doubles, so that tests of full ones stay small.
        options_.send_buffer = socket_buffer;
        options_.receive_buffer = socket_buffer;
    }

    [[nodiscard]] std::string name() const override { return name_; }
    [[nodiscard]] std::vector<backend_kind> backends() const override { return kernel_backends(); }
    [[nodiscard]] traits properties() const override {
        return {.buffering = buffering, .keeps = std::size_t{128} * 1024};
    }

    task<result<std::pair<flow_ptr, flow_ptr>>> connect(scope& /*helpers*/) override {
        const ip_address here = *ip_address::parse(address_);
        auto listener = host::listen(ip_endpoint(here, 0), options_);
        if (!listener) {
            co_return fail(listener.error());
        }
        const ip_endpoint at = *(*listener)->local().ip();
        auto both = co_await when_all(host::connect(at, options_), (*listener)->accept());
        if (!std::get<0>(both)) {
            co_return fail(std::get<0>(both).error());
        }
        if (!std::get<1>(both)) {
            co_return fail(std::get<1>(both).error());
        }
        co_return std::pair<flow_ptr, flow_ptr>(std::move(*std::get<0>(both)),
                                                std::move(*std::get<1>(both)));
    }

private:
    static constexpr std::uint32_t socket_buffer = 128 * 1024;
    static constexpr std::size_t buffering = std::size_t{2} << 20;

    std::string name_;
    std::string_view address_;
    host::tcp_options options_;
};

const registration v4(std::make_unique<tcp_transport>("tcp_v4", "127.0.0.1"));
const registration v6(std::make_unique<tcp_transport>("tcp_v6", "::1"));
const registration lingering(std::make_unique<tcp_transport>(
    "tcp_linger", "127.0.0.1", host::tcp_options{.linger = std::chrono::seconds(10)}));

} // namespace
} // namespace runnel::conformance
