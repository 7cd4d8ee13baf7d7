// SPDX-License-Identifier: Apache-2.0
//
// What is put around flows, around TCP of the kernel.

#include "tcp_pair.hpp"
#include "transport.hpp"

#include "runnel/flow/function_flow.hpp"
#include "runnel/flow/proxy.hpp"
#include "runnel/flow/rate_limit.hpp"
#include "runnel/flow/record.hpp"

#include <chrono>
#include <span>

namespace runnel::conformance {
namespace {

/// Two connections with a proxy between them.
class proxied_transport final : public transport {
public:
    [[nodiscard]] std::string name() const override { return "proxied_tcp"; }
    [[nodiscard]] std::vector<backend_kind> backends() const override { return kernel_backends(); }
    [[nodiscard]] traits properties() const override {
        return {.buffering = 3 * buffering, .keeps = std::size_t{128} * 1024, .keeps_pipes = true};
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
