// SPDX-License-Identifier: Apache-2.0
//
// Connections through a vsock device, to a guest that this process plays: opened by the guest, and
// by its host.

#include "../../src/host/test_guest.hpp"
#include "transport.hpp"

#include "runnel/async/when.hpp"

#include <tuple>

namespace runnel::conformance {
namespace {

constexpr std::size_t window = std::size_t{64} * 1024;

class device_transport final : public transport {
public:
    explicit device_transport(bool from_guest) : from_guest_(from_guest) {}

    [[nodiscard]] std::string name() const override {
        return from_guest_ ? "device_from_guest" : "device_to_guest";
    }
    [[nodiscard]] std::vector<backend_kind> backends() const override {
        return {backend_kind::virtual_time, backend_kind::epoll};
    }
    [[nodiscard]] traits properties() const override {
        return {.buffering = 4 * window, .keeps = window / 2, .delivers_before_reset = true};
    }

    task<result<std::pair<flow_ptr, flow_ptr>>> connect(scope& /*helpers*/) override {
        machine_ = std::make_unique<host::test_machine>(window);
        const std::shared_ptr<host::vsock_hub> device = machine_->device;
        const std::shared_ptr<host::vsock_hub> guest = machine_->guest;
        const auto listener = (from_guest_ ? device : guest)->listen(1024);
        if (!listener) {
            co_return fail(listener.error());
        }
        auto both = co_await when_all(host::vsock_hub::connect(from_guest_ ? guest : device, 1024),
                                      (*listener)->accept());
        if (!std::get<0>(both)) {
            co_return fail(std::get<0>(both).error());
        }
        if (!std::get<1>(both)) {
            co_return fail(std::get<1>(both).error());
        }
        co_return std::pair(std::move(*std::get<0>(both)), std::move(*std::get<1>(both)));
    }

    void disconnect() override { machine_.reset(); }

private:
    bool from_guest_;
    std::unique_ptr<host::test_machine> machine_;
};

const registration by_guest(std::make_unique<device_transport>(true));
const registration by_host(std::make_unique<device_transport>(false));

} // namespace
} // namespace runnel::conformance
