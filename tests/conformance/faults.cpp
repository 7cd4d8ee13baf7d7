// SPDX-License-Identifier: Apache-2.0
//
// One conversation, an echo with half-close, and a fault at its n-th operation, for every n. After
// a cancellation the conversation goes on and loses no byte; after an abort both sides learn of it
// and nothing hangs. The fixture checks that nothing leaks.

#include "stage.hpp"

#include "runnel/async/sleep.hpp"
#include "runnel/async/when.hpp"

#include <array>
#include <string>
#include <tuple>

namespace runnel::conformance {
namespace {

const pattern from_a(1);

class Faults : public contract {};
RUNNEL_CONFORMANCE(Faults);

enum class fault : std::uint8_t {
    refuse, ///< the task was asked to stop before the operation began
    cancel, ///< the operation is cancelled after `turns` turns
    abort,  ///< its flow is aborted after `turns` turns
    reset,  ///< the flow at the other end is aborted after `turns` turns
};

/// Hits one operation of a conversation.
class injector {
public:
    injector(fault what, int turns, int target) : what_(what), turns_(turns), countdown_(target) {}

    /// Whether the operation was reached.
    [[nodiscard]] bool hit() const noexcept { return countdown_ < 0; }

    /// Awaits `op` of `self`, whose other end is `peer`, with the fault if it is its turn.
    template <awaitable A>
    task<awaited_t<A>> operator()(flow& self, flow& peer, A op) {
        if (countdown_-- != 0) {
            co_return co_await std::move(op);
        }
        switch (what_) {
        case fault::refuse: {
            stop_source stopped;
            stopped.request_stop();
            co_return co_await stopped_by(stopped, std::move(op));
        }
        case fault::cancel: {
            auto either = co_await when_any(std::move(op), after(turns_));
            co_return std::move(std::get<0>(either.results));
        }
        case fault::abort:
        case fault::reset:
            break;
        }
        flow& target = what_ == fault::abort ? self : peer;
        auto both = co_await when_all(as_task(std::move(op)), abort_later(target));
        co_return std::move(std::get<0>(both));
    }

private:
    task<void> abort_later(flow& target) const {
        co_await after(turns_);
        target.abort();
    }

    fault what_;
    int turns_;
    int countdown_;
};

/// One end of the conversation.
struct side {
    side(injector& plan, flow& own, flow& other) : faults(&plan), self(&own), peer(&other) {}
    template <awaitable A>
    task<awaited_t<A>> operator()(A op) const {
        return (*faults)(*self, *peer, std::move(op));
    }
    injector* faults;
    flow* self;
    flow* peer;
};

constexpr std::array<std::size_t, 4> messages{1, 5000, 70'000, 3};
constexpr std::uint64_t total = 1 + 5000 + 70'000 + 3;

bool again(const error& what) {
    return what == errc::cancelled;
}

/// Writes all of `data`, however often it is cancelled.
task<sent> write_all(const side& at, buffer data) {
    sent all;
    while (true) {
        const auto outcome = co_await at(at.self->write(data.share()));
        all.bytes += outcome.accepted();
        data.remove_prefix(outcome.accepted());
        if (outcome) {
            co_return all;
        }
        if (!again(outcome.error())) {
            all.end = outcome.error().kind();
            co_return all;
        }
    }
}

task<errc> finish(const side& at) {
    while (true) {
        const auto ended = co_await at(at.self->shutdown(direction::write));
        if (ended || !again(ended.error())) {
            co_return ended ? errc{} : ended.error().kind();
        }
    }
}

task<errc> flush(const side& at) {
    while (true) {
        const auto flushed = co_await at(at.self->flush());
        if (flushed || !again(flushed.error())) {
            co_return flushed ? errc{} : flushed.error().kind();
        }
    }
}

task<sent> ask(const side& at) {
    sent all;
    for (const std::size_t size : messages) {
        const auto part = co_await write_all(at, from_a.cut(all.bytes, size));
        all.bytes += part.bytes;
        if (part.end != errc{}) {
            all.end = part.end;
            co_return all;
        }
    }
    all.end = co_await flush(at);
    if (all.end == errc{}) {
        all.end = co_await finish(at);
    }
    co_return all;
}

task<received> listen(const side& at) {
    received all;
    while (true) {
        const auto data = co_await at(at.self->read());
        if (data) {
            all.intact = all.intact && from_a.matches(all.bytes, data->span());
            all.bytes += data->size();
        } else if (!again(data.error())) {
            all.end = data.error().kind();
            co_return all;
        }
    }
}

task<sent> answer(const side& at) {
    sent all;
    while (true) {
        auto data = co_await at(at.self->read(9000));
        if (!data) {
            if (again(data.error())) {
                continue;
            }
            all.end = data.error() == errc::end ? co_await finish(at) : data.error().kind();
            co_return all;
        }
        const auto part = co_await write_all(at, std::move(*data));
        all.bytes += part.bytes;
        if (part.end != errc{}) {
            all.end = part.end;
            co_return all;
        }
    }
}

task<result<void>> hang_up(const side& at) {
    co_return co_await at(at.self->close());
}

bool kills(fault what) {
    return what == fault::abort || what == fault::reset;
}

task<void> converse(stage& s, injector& plan, bool deadly) {
    const side a(plan, *s.a, *s.b);
    const side b(plan, *s.b, *s.a);
    const auto all = co_await when_all(ask(a), listen(a), answer(b));
    const received& echo = std::get<1>(all);
    EXPECT_TRUE(echo.intact);
    if (!deadly || !plan.hit()) {
        EXPECT_EQ(std::get<0>(all), (sent{.bytes = total}));
        EXPECT_EQ(echo, (received{.bytes = total, .end = errc::end}));
        EXPECT_EQ(std::get<2>(all), (sent{.bytes = total}));
    }
    const bool before = plan.hit();
    const auto closed = co_await when_all(as_task(s.a->flush()), hang_up(a), hang_up(b));
    if (!plan.hit()) {
        expect_success(std::get<1>(closed));
        expect_success(std::get<2>(closed));
    } else if (!before && !deadly) { // a close was hit, which makes it an abort
        for (const auto* outcome : {&std::get<1>(closed), &std::get<2>(closed)}) {
            if (!*outcome) {
                expect_error(*outcome, errc::aborted | errc::reset);
            }
        }
    }
}

task<void> converse_with_every_fault(stage& s, fault what, int turns) {
    for (int target = 0;; ++target) {
        if (!co_await s.connect()) {
            co_return;
        }
        injector plan(what, turns, target);
        co_await converse(s, plan, kills(what));
        if (testing::Test::HasFailure()) {
            ADD_FAILURE() << "with the fault at operation " << target << ", after " << turns
                          << " turns";
            co_return;
        }
        if (!plan.hit()) {
            EXPECT_GT(target, 10);
            co_return;
        }
    }
}

TEST_P(Faults, AnyOperationMayBeRefused) {
    run_unconnected([](stage& s) { return converse_with_every_fault(s, fault::refuse, 0); });
}

TEST_P(Faults, AnyOperationMayBeCancelledAtAnyMoment) {
    run_unconnected([](stage& s) -> task<void> {
        for (int turns = 0; turns < 4 && !HasFailure(); ++turns) {
            co_await converse_with_every_fault(s, fault::cancel, turns);
        }
    });
}

TEST_P(Faults, OurFlowMayBeAbortedInAnyOperation) {
    run_unconnected([](stage& s) -> task<void> {
        for (int turns = 0; turns < 3 && !HasFailure(); ++turns) {
            co_await converse_with_every_fault(s, fault::abort, turns);
        }
    });
}

TEST_P(Faults, ThePeerMayAbortInAnyOperation) {
    run_unconnected([](stage& s) -> task<void> {
        for (int turns = 0; turns < 3 && !HasFailure(); ++turns) {
            co_await converse_with_every_fault(s, fault::reset, turns);
        }
    });
}

} // namespace
} // namespace runnel::conformance
