// SPDX-License-Identifier: Apache-2.0
//
// TCP of the kernel, over the loopback interface.

#include "tcp_pair.hpp"
#include "transport.hpp"

#include <chrono>
#include <string_view>

namespace runnel::conformance {
namespace {

class tcp_transport final : public transport {
public:
    tcp_transport(std::string name, std::string_view address, host::tcp_options options = {})
        : name_(std::move(name)), address_(address), options_(options) {
        options_.send_buffer = socket_buffer;
        options_.receive_buffer = socket_buffer;
    }

    [[nodiscard]] std::string name() const override { return name_; }
    [[nodiscard]] std::vector<backend_kind> backends() const override { return kernel_backends(); }
    [[nodiscard]] traits properties() const override {
        return {.buffering = buffering, .keeps = std::size_t{128} * 1024};
    }

    task<result<flow_pair>> connect(scope& /*helpers*/) override {
        return connect_pair(address_, options_);
    }

private:
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
