// SPDX-License-Identifier: Apache-2.0
#include "runnel/async/operation.hpp"
#include "virtual_run.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace runnel {
namespace {

/// What a test wants its operation to do, and what the operation went through.
struct script {
    std::function<void(operation& self)> on_start = [](operation&) {};
    /// Whether a stop takes the operation back.
    bool stop_takes_back = true;
    std::vector<std::string> log;
    operation* waiting = nullptr;
};

class scripted final : public operation {
public:
    explicit scripted(script& plan) : plan_(plan) {}
    [[nodiscard]] std::string_view what() const noexcept override { return "scripted"; }
    stop_reason await_resume() noexcept {
        plan_.log.emplace_back("resumed");
        return refused_;
    }

protected:
    void start() override {
        plan_.log.emplace_back("started");
        plan_.waiting = this;
        plan_.on_start(*this);
    }
    bool stop(stop_reason reason) noexcept override {
        plan_.log.emplace_back("stopped");
        if (plan_.stop_takes_back) {
            refused_ = reason;
        }
        return plan_.stop_takes_back;
    }
    void refuse(stop_reason reason) noexcept override {
        plan_.log.emplace_back("refused");
        refused_ = reason;
    }

private:
    script& plan_;
    stop_reason refused_ = stop_reason::none;
};

using words = std::vector<std::string>;

task<stop_reason> await_scripted(script& plan) {
    co_return co_await scripted(plan);
}

TEST(Operation, GoesOnAtOnceWhenItCompletesWithinStart) {
    script plan;
    plan.on_start = [](operation& self) { self.complete(); };
    const auto loop = virtual_loop();
    EXPECT_EQ(loop->run(await_scripted(plan)), stop_reason::none);
    EXPECT_EQ(plan.log, (words{"started", "resumed"}));
    EXPECT_EQ(loop->statistics().resumed, 0U);
}

TEST(Operation, ResumesItsTaskFromTheLoopWhenItCompletesLater) {
    script plan;
    plan.on_start = [&](operation& self) {
        self.owner().post([&] {
            plan.waiting->complete();
            plan.log.emplace_back("completed");
        });
    };
    const auto loop = virtual_loop();
    EXPECT_EQ(loop->run(await_scripted(plan)), stop_reason::none);
    EXPECT_EQ(plan.log, (words{"started", "completed", "resumed"}));
    EXPECT_EQ(loop->statistics().resumed, 1U);
}

TEST(Operation, IsRefusedWhenItsTaskWasStoppedBefore) {
    script plan;
    const auto loop = virtual_loop();
    loop->stop().request_stop();
    EXPECT_EQ(loop->run(await_scripted(plan)), stop_reason::cancelled);
    EXPECT_EQ(plan.log, (words{"refused", "resumed"}));
}

TEST(Operation, EndsWhenAStopTakesItBack) {
    script plan;
    plan.on_start = [](operation& self) {
        self.owner().post([&self] { self.owner().stop().request_stop(stop_reason::deadline); });
    };
    EXPECT_EQ(run_virtual(await_scripted(plan)), stop_reason::deadline);
    EXPECT_EQ(plan.log, (words{"started", "stopped", "resumed"}));
}

TEST(Operation, WaitsForItsEndWhenAStopOnlyAsksForIt) {
    script plan;
    plan.stop_takes_back = false;
    plan.on_start = [](operation& self) {
        self.owner().post([&self] {
            EXPECT_EQ(self.stopped(), stop_reason::none);
            self.owner().stop().request_stop();
            EXPECT_EQ(self.stopped(), stop_reason::cancelled);
            self.owner().post([&self] { self.complete(); });
        });
    };
    EXPECT_EQ(run_virtual(await_scripted(plan)), stop_reason::none);
    EXPECT_EQ(plan.log, (words{"started", "stopped", "resumed"}));
}

TEST(Operation, KeepsItsResultWhenTheStopComesAfterTheEnd) {
    script plan;
    plan.on_start = [](operation& self) {
        self.owner().post([&self] {
            self.complete();
            self.owner().stop().request_stop();
        });
    };
    EXPECT_EQ(run_virtual(await_scripted(plan)), stop_reason::none);
    EXPECT_EQ(plan.log, (words{"started", "resumed"}));
}

TEST(Operation, IsStoppedWhenStartingItStopsItsOwnTask) {
    script plan;
    plan.on_start = [](operation& self) { self.owner().stop().request_stop(); };
    EXPECT_EQ(run_virtual(await_scripted(plan)), stop_reason::cancelled);
    EXPECT_EQ(plan.log, (words{"started", "stopped", "resumed"}));
}

TEST(Operation, MayBeMovedBeforeItIsAwaited) {
    script plan;
    plan.on_start = [](operation& self) { self.complete(); };
    const auto moved = [](scripted unstarted) -> task<stop_reason> {
        scripted again(std::move(unstarted));
        co_return co_await std::move(again);
    };
    EXPECT_EQ(run_virtual(moved(scripted(plan))), stop_reason::none);
    EXPECT_EQ(plan.log, (words{"started", "resumed"}));
}

TEST(Operation, ThatAlwaysCompletesAtOnceDoesNotStarveOtherTasks) {
    script plan;
    plan.on_start = [](operation& self) { self.complete(); };
    bool other_ran = false;
    const auto greedy = [&]() -> task<int> {
        int count = 0;
        while (!other_ran) {
            co_await scripted(plan);
            plan.log.clear();
            ++count;
        }
        co_return count;
    };
    const auto other = [&]() -> task<void> {
        co_await yield();
        other_ran = true;
    };
    const auto both = [&]() -> task<int> {
        auto done = co_await when_all(greedy(), other());
        co_return std::get<0>(done);
    };
    EXPECT_LE(run_virtual(both), 256);
}

} // namespace
} // namespace runnel
