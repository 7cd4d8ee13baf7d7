// SPDX-License-Identifier: Apache-2.0
//
// Flows over another flow, on either end of a pipe.

#include "transport.hpp"

#include "runnel/async/when.hpp"
#include "runnel/flow/concat.hpp"
#include "runnel/flow/duplex.hpp"
#include "runnel/flow/function_flow.hpp"
#include "runnel/flow/layer.hpp"
#include "runnel/flow/limit.hpp"
#include "runnel/flow/mux.hpp"
#include "runnel/flow/pipe.hpp"
#include "runnel/flow/rate_limit.hpp"
#include "runnel/flow/record.hpp"
#include "runnel/flow/tee.hpp"
#include "runnel/flow/timeout.hpp"
#include "runnel/flow/virtsock.hpp"

#include <chrono>
#include <cstddef>
#include <span>
#include <tuple>

namespace runnel::conformance {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t capacity = std::size_t{64} * 1024;

class wrapped_transport final : public transport {
public:
    using wrap_function = flow_ptr (*)(flow_ptr below);

    wrapped_transport(std::string name, wrap_function wrap, bool reads_at_once = true)
        : name_(std::move(name)), wrap_(wrap), reads_at_once_(reads_at_once) {}

    [[nodiscard]] std::string name() const override { return name_; }
    [[nodiscard]] std::vector<backend_kind> backends() const override { return every_backend(); }
    [[nodiscard]] traits properties() const override {
        return {.buffering = capacity,
                .keeps = capacity,
                .delivers_before_reset = true,
                .reads_at_once = reads_at_once_};
    }

    task<result<std::pair<flow_ptr, flow_ptr>>> connect(scope& /*helpers*/) override {
        auto pipe = make_pipe({.capacity = capacity});
        co_return std::pair(wrap_(std::move(pipe.first)), wrap_(std::move(pipe.second)));
    }

private:
    std::string name_;
    wrap_function wrap_;
    bool reads_at_once_;
};

/// A flow whose functions use the one below.
flow_ptr make_functions_of(flow_ptr below) {
    const std::shared_ptr<flow> shared = std::move(below);
    flow_functions functions;
    functions.read = [shared](std::size_t hint) -> task<result<buffer>> {
        co_return co_await shared->read(hint);
    };
    functions.write = [shared](buffer data) -> task<write_result> {
        co_return co_await shared->write(std::move(data));
    };
    functions.flush = [shared] { return as_task(shared->flush()); };
    functions.shutdown_read = [shared] { shared->shutdown_read(); };
    functions.begin_close = [shared] { shared->begin_close(); };
    functions.shutdown_write = [shared] { return as_task(shared->shutdown(direction::write)); };
    functions.close = [shared] { return as_task(shared->close()); };
    functions.abort = [shared] { shared->abort(); };
    return make_function_flow(std::move(functions));
}

const registration passing(std::make_unique<wrapped_transport>("layer", [](flow_ptr below) {
    return make_layered(std::make_unique<passing_layer>(std::move(below)));
}));
const registration functions(std::make_unique<wrapped_transport>("functions", make_functions_of));
const registration limited(std::make_unique<wrapped_transport>("limited", [](flow_ptr below) {
    constexpr limit_options far{.read = std::uint64_t{1} << 40, .write = std::uint64_t{1} << 40};
    return make_limit(std::move(below), far);
}));
const registration slowed(std::make_unique<wrapped_transport>(
    "rate_limited",
    [](flow_ptr below) {
        // A burst is also the largest piece.
        constexpr rate_limit_options fast{.read_rate = std::uint64_t{1} << 40,
                                          .write_rate = std::uint64_t{1} << 40,
                                          .read_burst = 40'000,
                                          .write_burst = 50'000};
        return make_rate_limit(std::move(below), fast);
    },
    false));
const registration timed(std::make_unique<wrapped_transport>("timeout", [](flow_ptr below) {
    constexpr timeout_options patient{.idle = 240h, .read = 240h, .write = 240h};
    return make_timeout(std::move(below), patient);
}));
flow_ptr make_nowhere() {
    return make_sink([](std::span<const std::byte> data) { return data.size(); });
}

const registration copied(std::make_unique<wrapped_transport>("tee", [](flow_ptr below) {
    return make_tee(std::move(below), make_nowhere());
}));
const registration recorded(std::make_unique<wrapped_transport>("recorded", [](flow_ptr below) {
    return make_record(std::move(below), make_nowhere());
}));
const registration chained(std::make_unique<wrapped_transport>("concat", [](flow_ptr below) {
    return make_concat(make_source(std::string()), std::move(below));
}));

/// Words within the stream say how it ends; each end keeps as much again as the pipe below.
class virtsock_transport final : public transport {
public:
    [[nodiscard]] std::string name() const override { return "virtsock"; }
    [[nodiscard]] std::vector<backend_kind> backends() const override {
        return {backend_kind::virtual_time, backend_kind::epoll};
    }
    [[nodiscard]] traits properties() const override {
        return {.buffering = 8 * capacity, .keeps = capacity};
    }

    task<result<std::pair<flow_ptr, flow_ptr>>> connect(scope& /*helpers*/) override {
        auto pipe = make_pipe({.capacity = capacity});
        co_return std::pair(make_virtsock(std::move(pipe.first)),
                            make_virtsock(std::move(pipe.second)));
    }
};
const registration virtsock_words(std::make_unique<virtsock_transport>());

/// A channel of a multiplexer; other links with other channels live on beside it.
class mux_transport final : public transport {
public:
    [[nodiscard]] std::string name() const override { return "mux"; }
    [[nodiscard]] std::vector<backend_kind> backends() const override {
        return {backend_kind::virtual_time, backend_kind::epoll};
    }
    [[nodiscard]] traits properties() const override {
        return {.buffering = 8 * capacity, .keeps = capacity / 2, .delivers_before_reset = true};
    }

    task<result<std::pair<flow_ptr, flow_ptr>>> connect(scope& /*helpers*/) override {
        auto pipe = make_pipe({.capacity = capacity});
        constexpr mux_options options{.window = capacity};
        mux near(std::move(pipe.first), mux_side::connecting, options);
        mux far(std::move(pipe.second), mux_side::listening, options);
        auto both = co_await when_all(near.connect(), far.accept());
        if (!std::get<0>(both)) {
            co_return fail(std::get<0>(both).error());
        }
        if (!std::get<1>(both)) {
            co_return fail(std::get<1>(both).error());
        }
        co_return std::pair(std::move(*std::get<0>(both)), std::move(*std::get<1>(both)));
    }
};
const registration multiplexed(std::make_unique<mux_transport>());

/// Two pipes of which each end uses one way only.
class duplex_transport final : public transport {
public:
    [[nodiscard]] std::string name() const override { return "duplex"; }
    [[nodiscard]] std::vector<backend_kind> backends() const override { return every_backend(); }
    [[nodiscard]] traits properties() const override {
        return {.buffering = capacity, .keeps = capacity, .delivers_before_reset = true};
    }

    task<result<std::pair<flow_ptr, flow_ptr>>> connect(scope& /*helpers*/) override {
        auto there = make_pipe({.capacity = capacity});
        auto back = make_pipe({.capacity = capacity});
        co_return std::pair(make_duplex(std::move(back.first), std::move(there.first)),
                            make_duplex(std::move(there.second), std::move(back.second)));
    }
};
const registration duplex(std::make_unique<duplex_transport>());

} // namespace
} // namespace runnel::conformance
