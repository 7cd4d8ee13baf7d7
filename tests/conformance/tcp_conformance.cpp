// SPDX-License-Identifier: Apache-2.0
//
// TCP of the kernel, over the loopback interface.

#include "transport.hpp"

#include "runnel/async/when.hpp"
#include "runnel/flow/function_flow.hpp"
#include "runnel/flow/proxy.hpp"
#include "runnel/flow/rate_limit.hpp"
#include "runnel/flow/record.hpp"
#include "runnel/host/tcp.hpp"

#include <chrono>
#include <span>
#include <string_view>
#include <tuple>

namespace runnel::conformance {
namespace {

using flow_pair = std::pair<flow_ptr, flow_ptr>;

/// The two ends of a connection.
task<result<flow_pair>> connect_pair(std::string_view address, host::tcp_options options) {
    auto listener = host::listen(ip_endpoint(*ip_address::parse(address), 0), options);
    if (!listener) {
        co_return fail(listener.error());
    }
    const ip_endpoint at = *(*listener)->local().ip();
    auto both = co_await when_all(host::connect(at, options), (*listener)->accept());
    if (!std::get<0>(both)) {
        co_return fail(std::get<0>(both).error());
    }
    if (!std::get<1>(both)) {
        co_return fail(std::get<1>(both).error());
    }
    co_return flow_pair(std::move(*std::get<0>(both)), std::move(*std::get<1>(both)));
}

// Bounded buffers, which the kernel doubles, so that tests of full ones stay small.
constexpr std::uint32_t socket_buffer = 128 * 1024;
constexpr std::size_t buffering = std::size_t{2} << 20;
constexpr host::tcp_options bounded{.send_buffer = socket_buffer, .receive_buffer = socket_buffer};

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

/// Two connections with a proxy between them.
class proxied_transport final : public transport {
public:
    [[nodiscard]] std::string name() const override { return "proxied_tcp"; }
    [[nodiscard]] std::vector<backend_kind> backends() const override { return kernel_backends(); }
    [[nodiscard]] traits properties() const override {
        return {.buffering = 3 * buffering, .keeps = std::size_t{128} * 1024};
    }

    task<result<flow_pair>> connect(scope& helpers) override {
        auto near = co_await connect_pair("127.0.0.1", bounded);
        auto far = co_await connect_pair("127.0.0.1", bounded);
        if (!near || !far) {
            co_return fail(near ? far.error() : near.error());
        }
        helpers.spawn(join(std::move(near->second), std::move(far->first)), "proxy");
        co_return flow_pair(std::move(near->first), std::move(far->second));
    }

private:
    static task<void> join(flow_ptr a, flow_ptr b) {
        co_await proxy(*a, *b, {.linger = std::chrono::milliseconds(20)});
    }
};
const registration proxied(std::make_unique<proxied_transport>());

/// A connection with something around both ends.
class wrapped_transport final : public transport {
public:
    using wrap_function = flow_ptr (*)(flow_ptr below);

    wrapped_transport(std::string name, wrap_function wrap, bool reads_at_once)
        : name_(std::move(name)), wrap_(wrap), reads_at_once_(reads_at_once) {}

    [[nodiscard]] std::string name() const override { return name_; }
    [[nodiscard]] std::vector<backend_kind> backends() const override { return kernel_backends(); }
    [[nodiscard]] traits properties() const override {
        return {.buffering = buffering,
                .keeps = std::size_t{128} * 1024,
                .reads_at_once = reads_at_once_};
    }

    task<result<flow_pair>> connect(scope& /*helpers*/) override {
        auto pair = co_await connect_pair("127.0.0.1", bounded);
        if (!pair) {
            co_return fail(pair.error());
        }
        co_return flow_pair(wrap_(std::move(pair->first)), wrap_(std::move(pair->second)));
    }

private:
    std::string name_;
    wrap_function wrap_;
    bool reads_at_once_;
};

const registration slowed(std::make_unique<wrapped_transport>(
    "rate_limited_tcp",
    [](flow_ptr below) {
        constexpr rate_limit_options fast{.read_rate = std::uint64_t{1} << 40,
                                          .write_rate = std::uint64_t{1} << 40,
                                          .read_burst = 40'000,
                                          .write_burst = 50'000};
        return make_rate_limit(std::move(below), fast);
    },
    false));
const registration recorded(std::make_unique<wrapped_transport>(
    "recorded_tcp",
    [](flow_ptr below) {
        return make_record(std::move(below),
                           make_sink([](std::span<const std::byte> data) { return data.size(); }));
    },
    true));

} // namespace
} // namespace runnel::conformance
