// SPDX-License-Identifier: Apache-2.0
//
// The contract of a flow through `runnel vsock-device` on the host, which leads what comes to its
// port 6000 back to port 7002 of the guest: out through the guest's kernel and the device, and in
// again, so that both ways of opening a connection are part of each flow. And many connections to
// port 5000, which echoes.

#include "../conformance/transport.hpp"
#include "here.hpp"

#include "runnel/async/when.hpp"
#include "runnel/host/vsock.hpp"

#include <gtest/gtest.h>

#include <string_view>
#include <tuple>
#include <vector>

namespace runnel::conformance {
namespace {

constexpr std::uint32_t port_of_host = 6000;
constexpr std::uint32_t port_of_guest = 7002;

// An abort looks like an end, and whatever is under way may be cut off by it.
class device_transport final : public transport {
public:
    [[nodiscard]] std::string name() const override { return "device"; }
    [[nodiscard]] std::vector<backend_kind> backends() const override {
        return {backend_kind::epoll};
    }
    [[nodiscard]] traits properties() const override {
        return {.buffering = std::size_t{6} << 20,
                .keeps = std::size_t{64} * 1024,
                .tells_reset = false,
                .bulk = std::size_t{4} << 20}; // a guest that is emulated is slow
    }

    task<result<std::pair<flow_ptr, flow_ptr>>> connect(scope& /*helpers*/) override {
        if (!guest::is_test_guest()) {
            co_return fail(errc::permission_denied, "vsock is tested in a guest only");
        }
        using host::vsock_address;
        auto listener = host::listen(vsock_address(vsock_address::any, port_of_guest));
        if (!listener) {
            co_return fail(listener.error());
        }
        auto both = co_await when_all(
            host::connect(vsock_address(vsock_address::host, port_of_host)), (*listener)->accept());
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

const registration device(std::make_unique<device_transport>());

constexpr host::vsock_address echo_of_host(host::vsock_address::host, 5000);

template <class F>
void run(F body) {
    ASSERT_TRUE(guest::is_test_guest()) << "vsock is tested in a guest only";
    (*loop::create({.backend = backend_kind::epoll}))->run(body());
}

/// One word there and back.
task<bool> is_echoed(flow& by) {
    constexpr std::string_view word = "ping";
    const auto sent = co_await by.write(buffer::of_static(word));
    std::size_t back = 0;
    while (sent && back < word.size()) {
        const auto got = co_await by.read();
        if (!got) {
            break;
        }
        back += got->size();
    }
    co_return back == word.size();
}

TEST(Device, CarriesAThousandConnectionsOneAfterTheOther) {
    run([]() -> task<void> {
        for (int i = 0; i < 1000; ++i) {
            const auto one = co_await host::connect(echo_of_host);
            EXPECT_TRUE(one) << i;
            if (!one) {
                break;
            }
            const bool echoed = co_await is_echoed(**one);
            EXPECT_TRUE(echoed) << i;
            const auto closed = co_await (*one)->close();
            EXPECT_TRUE(closed) << i;
        }
    });
}

TEST(Device, CarriesManyConnectionsAtATime) {
    run([]() -> task<void> {
        std::vector<flow_ptr> all;
        for (int i = 0; i < 200; ++i) {
            auto one = co_await host::connect(echo_of_host);
            EXPECT_TRUE(one) << i;
            if (!one) {
                co_return;
            }
            all.push_back(std::move(*one));
        }
        for (const flow_ptr& one : all) {
            const bool echoed = co_await is_echoed(*one);
            EXPECT_TRUE(echoed);
        }
    });
}

TEST(Device, EndsAConnectionToAPortThatLeadsNowhere) {
    run([]() -> task<void> {
        const auto none = co_await host::connect(host::vsock_address(host::vsock_address::host, 9));
        if (none) { // the device answers before it knows, and then takes it back
            const auto got = co_await (*none)->read();
            EXPECT_FALSE(got);
        }
    });
}

} // namespace
} // namespace runnel::conformance
