// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/layer.hpp"

#include "runnel/async/deadline.hpp"
#include "runnel/async/event.hpp"
#include "runnel/async/sleep.hpp"
#include "runnel/async/when.hpp"
#include "runnel/flow/pipe.hpp"
#include "virtual_run.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

using namespace std::chrono_literals;

namespace runnel {
namespace {

/// What a test sees of a `slow_layer`, which the flow owns.
struct slow_record {
    event released;
    int at_once = 0;
    int most_at_once = 0;
    std::string order;
};

/// A layer whose flush, shutdown and close wait until the test releases them.
class slow_layer final : public passing_layer {
public:
    slow_layer(flow_ptr below, slow_record& record) noexcept
        : passing_layer(std::move(below)), record_(&record) {}

    task<result<void>> flush() override { return wait("flush "); }
    task<result<void>> shutdown_write() override { return wait("shutdown "); }
    task<result<void>> close() override { return wait("close "); }

private:
    task<result<void>> wait(const char* name) {
        record_->order += name;
        ++record_->at_once;
        record_->most_at_once = std::max(record_->most_at_once, record_->at_once);
        result<void> released = co_await record_->released.wait();
        --record_->at_once;
        co_return released;
    }

    slow_record* record_;
};

flow_ptr make_slow(slow_record& record) {
    return make_layered(std::make_unique<slow_layer>(make_pipe().first, record));
}

task<void> release_at(slow_record& record, duration when) {
    co_await sleep_for(when);
    record.released.set();
}

TEST(Layer, BeginsAShutdownWhenTheFlushBeforeItIsDone) {
    run_virtual([]() -> task<void> {
        slow_record record;
        const flow_ptr slow = make_slow(record);
        EXPECT_EQ(outcome_of(co_await with_timeout(1s, slow->flush())),
                  "<" + std::string(describe(errc::timed_out)) + ">");
        auto done = co_await when_all(slow->shutdown(direction::write), release_at(record, 5s));
        EXPECT_EQ(outcome_of(std::get<0>(done)), "ok");
        EXPECT_EQ(virtual_time(), 6s);
        EXPECT_EQ(record.order, "flush shutdown ");
        EXPECT_EQ(record.most_at_once, 1);
    });
}

TEST(Layer, ForgetsFlushesThatWereCancelledBeforeTheyBegan) {
    run_virtual([]() -> task<void> {
        slow_record record;
        const flow_ptr slow = make_slow(record);
        for (int i = 0; i < 100; ++i) {
            EXPECT_FALSE((co_await with_timeout(1s, slow->flush())).has_value());
        }
        auto done = co_await when_all(slow->close(), release_at(record, 5s));
        EXPECT_EQ(outcome_of(std::get<0>(done)), "ok");
        EXPECT_EQ(record.order, "flush close ");
        EXPECT_EQ(record.most_at_once, 1);
    });
}

TEST(Layer, KeepsAShutdownThatWasCancelledBeforeItBegan) {
    run_virtual([]() -> task<void> {
        slow_record record;
        const flow_ptr slow = make_slow(record);
        EXPECT_FALSE((co_await with_timeout(1s, slow->flush())).has_value());
        EXPECT_FALSE((co_await with_timeout(1s, slow->shutdown(direction::write))).has_value());
        auto done = co_await when_all(slow->close(), release_at(record, 5s));
        EXPECT_EQ(outcome_of(std::get<0>(done)), "ok");
        EXPECT_EQ(record.order, "flush shutdown close ");
    });
}

TEST(Layer, EndsWhatWaitsForAForgottenFlushAtAnAbort) {
    run_virtual([]() -> task<void> {
        slow_record record;
        const flow_ptr slow = make_slow(record);
        EXPECT_FALSE((co_await with_timeout(1s, slow->flush())).has_value());
        auto done = co_await when_all(slow->shutdown(direction::write), [](flow& f) -> task<void> {
            co_await sleep_for(1s);
            f.abort();
        }(*slow));
        EXPECT_EQ(outcome_of(std::get<0>(done)), "<" + std::string(describe(errc::aborted)) + ">");
        EXPECT_EQ(record.order, "flush ");
        EXPECT_EQ(record.at_once, 0);
    });
}

} // namespace
} // namespace runnel
