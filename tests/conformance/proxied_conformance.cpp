// SPDX-License-Identifier: Apache-2.0
//
// Two pipes with a proxy between them.

#include "transport.hpp"

#include "runnel/flow/pipe.hpp"
#include "runnel/flow/proxy.hpp"

#include <chrono>

namespace runnel::conformance {
namespace {

constexpr std::size_t capacity = std::size_t{16} * 1024;

task<void> join(flow_ptr a, flow_ptr b) {
    // Reads of a bounded size, because a pipe otherwise gives all of a large write at once.
    co_await proxy(*a, *b, {.read_hint = capacity, .linger = std::chrono::milliseconds(2)});
}

class proxied_transport final : public transport {
public:
    [[nodiscard]] std::string name() const override { return "proxied"; }
    [[nodiscard]] std::vector<backend_kind> backends() const override { return every_backend(); }
    [[nodiscard]] traits properties() const override {
        return {.buffering = 32 * capacity, .keeps = capacity};
    }

    task<result<std::pair<flow_ptr, flow_ptr>>> connect(scope& helpers) override {
        auto near = make_pipe({.capacity = capacity});
        auto far = make_pipe({.capacity = capacity});
        helpers.spawn(join(std::move(near.second), std::move(far.first)), "proxy");
        co_return std::pair(std::move(near.first), std::move(far.second));
    }
};

const registration proxied(std::make_unique<proxied_transport>());

} // namespace
} // namespace runnel::conformance
