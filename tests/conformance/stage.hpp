// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "background.hpp"
#include "steps.hpp"
#include "transport.hpp"

#include "runnel/async/loop.hpp"
#include "runnel/async/scope.hpp"
#include "runnel/async/task.hpp"
#include "runnel/core/buffer_pool.hpp"
#include "runnel/flow/flow.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

namespace runnel::conformance {

/// What a test plays with: two flows connected with each other.
class stage {
public:
    stage(transport& how, scope& tasks) : can(how.properties()), how_(&how), tasks_(&tasks) {}

    flow_ptr a;
    flow_ptr b;
    traits can;

    /// Connects `a` with `b` anew, after dropping what was there. False, with a failure of the test
    /// noted, if that did not work.
    task<bool> connect();

    /// Begins an operation beside the test, in the next turn.
    template <awaitable A>
    [[nodiscard]] background<awaited_t<A>> start(A op, place where = place::current()) {
        return background<awaited_t<A>>(*tasks_, std::move(op), where);
    }

    /// Lets happen what can happen by itself: in virtual time all of it; otherwise enough turns of
    /// the loop that whoever does what it must not is caught at it.
    task<void> settle();

    /// Runs `close` of both flows, and expects that they succeed.
    task<void> close_both(place where = place::current());

private:
    transport* how_;
    scope* tasks_;
};

/// The fixture of all tests of the suite. Each test gets a loop of its own; at its end nothing may
/// be left: no operation, no buffer, no descriptor.
class contract : public testing::TestWithParam<setting> {
protected:
    using play = std::function<task<void>(stage&)>;

    void SetUp() override;
    void TearDown() override;

    /// Connects two flows and runs `body` with them, in the test's loop. A test that hangs is
    /// stopped, and fails with a report of what it waited for.
    void run(const play& body);
    /// The same, with flows of `body`'s own making only.
    void run_unconnected(const play& body);

    [[nodiscard]] static traits can() { return GetParam().how->properties(); }
    [[nodiscard]] loop& the_loop() noexcept { return *loop_; }

private:
    task<void> perform(const play& body, bool connected);

    std::unique_ptr<loop> loop_;
    std::uint64_t buffers_ = 0;
    std::size_t descriptors_ = 0;
};

/// Whether this build checks so much that long tests should be shorter.
[[nodiscard]] bool is_slow_build();

/// Runs the tests of a fixture on every setting of the program.
#define RUNNEL_CONFORMANCE(fixture)                                                                \
    GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(fixture);                                        \
    INSTANTIATE_TEST_SUITE_P(                                                                      \
        Flow, fixture, testing::ValuesIn(::runnel::conformance::settings()),                       \
        [](const auto& one) { return ::runnel::conformance::to_string(one.param); })

} // namespace runnel::conformance
