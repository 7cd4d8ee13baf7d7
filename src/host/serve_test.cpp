// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/serve.hpp"

#include "host_test.hpp"
#include "runnel/async/sleep.hpp"
#include "runnel/async/when.hpp"
#include "runnel/host/tcp.hpp"

#include <sys/resource.h>

#include <vector>

namespace runnel::host {
namespace {

using namespace runnel::host_test;
using namespace std::chrono_literals;

task<result<void>> echo(flow_ptr with) {
    for (;;) {
        auto piece = co_await with->read();
        if (!piece) {
            break;
        }
        if (const auto written = co_await with->write(std::move(*piece)); !written) {
            co_return fail(written.error());
        }
    }
    co_return co_await with->close();
}

/// A listener, and clients of it.
class Serving : public BackendTest {
protected:
    listener& open(tcp_options options = {}) {
        auto made = listen(loopback(), options);
        EXPECT_TRUE(made) << made.error().message();
        listener_ = std::move(*made);
        return *listener_;
    }
    void TearDown() override { listener_.reset(); }
    [[nodiscard]] ip_endpoint place() const { return *listener_->local().ip(); }
    task<void> expect_echo(std::string text) {
        auto client = co_await connect(place());
        EXPECT_TRUE(client) << client.error().message();
        EXPECT_TRUE(co_await (*client)->write(buffer::copy_of(text)));
        EXPECT_EQ(co_await read_text(**client, text.size()), text);
        EXPECT_TRUE(co_await (*client)->close());
    }

    listener_ptr listener_;
};

TEST_P(Serving, RunsAHandlerForEachFlowUntilTheListenerIsClosed) {
    run([this]() -> task<void> {
        listener& from = open();
        serve_statistics counters;
        auto clients = [&]() -> task<void> {
            for (int i = 0; i < 20; ++i) {
                co_await expect_echo(pattern(static_cast<std::size_t>(i) * 100 + 1));
            }
            from.close();
        };
        const auto both = co_await when_all(serve(from, echo, {.live = &counters}), clients());
        EXPECT_TRUE(std::get<0>(both));
        EXPECT_EQ(counters.served, 20U);
        EXPECT_EQ(counters.active, 0U);
        EXPECT_EQ(counters.failed, 0U);
        EXPECT_EQ(from.statistics().accepted, 20U);
        EXPECT_EQ(from.statistics().open, 0U);
    });
}

TEST_P(Serving, DrainsByWaitingForHandlersThatEndInTime) {
    run([this]() -> task<void> {
        listener& from = open();
        const raw_peer peer = raw_peer::connect(place().port());
        bool finished = false;
        auto slow = [&](flow_ptr with) -> task<void> {
            from.close();
            static_cast<void>(co_await sleep_for(5ms));
            EXPECT_TRUE(co_await with->write(buffer::copy_of("done")));
            finished = true;
        };
        EXPECT_TRUE(co_await serve(from, slow));
        EXPECT_TRUE(finished);
        EXPECT_EQ(peer.receive(4), "done");
    });
}

TEST_P(Serving, StopsHandlersThatDoNotEndInTime) {
    run([this]() -> task<void> {
        listener& from = open();
        const raw_peer peer = raw_peer::connect(place().port());
        errc seen{};
        auto stuck = [&](flow_ptr with) -> task<void> {
            from.close();
            seen = (co_await with->read()).error().kind();
        };
        EXPECT_TRUE(co_await serve(from, stuck, {.drain = 5ms}));
        EXPECT_EQ(seen, errc::cancelled);
    });
}

TEST_P(Serving, CountsFailedHandlersAndGoesOn) {
    run([this]() -> task<void> {
        listener& from = open();
        serve_statistics counters;
        auto clients = [&]() -> task<void> {
            raw_peer::connect(place().port()).reset();
            while (counters.failed == 0) {
                static_cast<void>(co_await sleep_for(100us));
            }
            co_await expect_echo("hello");
            from.close();
        };
        auto reading = [](flow_ptr with) -> task<result<void>> {
            for (;;) {
                auto piece = co_await with->read();
                if (!piece) {
                    if (piece.error() == errc::end) {
                        co_return co_await with->close();
                    }
                    co_return fail(piece.error());
                }
                static_cast<void>(co_await with->write(std::move(*piece)));
            }
        };
        const auto both = co_await when_all(serve(from, reading, {.live = &counters}), clients());
        EXPECT_TRUE(std::get<0>(both));
        EXPECT_EQ(counters.failed, 1U);
        EXPECT_EQ(counters.served, 2U);
    });
}

TEST_P(Serving, LosesNoFlowWhenAnAcceptIsCancelled) {
    run([this]() -> task<void> {
        listener& from = open();
        std::vector<raw_peer> peers;
        std::vector<flow_ptr> flows;
        for (int round = 0; flows.size() < 50; ++round) {
            if (peers.size() < 50) {
                peers.push_back(raw_peer::connect(place().port()));
            }
            auto got = co_await with_timeout(duration(round % 5 * 20'000), from.accept());
            if (got) {
                flows.push_back(std::move(*got));
            } else {
                EXPECT_EQ(got.error(), errc::timed_out);
            }
        }
        for (std::size_t i = 0; i < peers.size(); ++i) {
            EXPECT_TRUE(co_await flows[i]->write(buffer::copy_of(std::to_string(i) + "\n")));
        }
        for (const raw_peer& peer : peers) {
            EXPECT_NE(peer.receive(2), "");
        }
    });
}

TEST_P(Serving, EndsAnAcceptThatWaitsWhenTheListenerIsClosedOrDropped) {
    run([this]() -> task<void> {
        for (const bool dropped : {false, true}) {
            listener& from = open();
            auto closing = [&]() -> task<void> {
                if (dropped) {
                    listener_.reset();
                } else {
                    from.close();
                }
                co_return;
            };
            const auto both = co_await when_all(from.accept(), closing());
            EXPECT_EQ(std::get<0>(both).error(), errc::closed);
            if (!dropped) {
                EXPECT_EQ((co_await from.accept()).error(), errc::closed);
            }
        }
    });
}

TEST_P(Serving, RefusesASecondAcceptAtATime) {
    run([this]() -> task<void> {
        listener& from = open();
        auto second = [&]() -> task<errc> {
            const errc kind = (co_await from.accept()).error().kind();
            from.close();
            co_return kind;
        };
        const auto both = co_await when_all(from.accept(), second());
        EXPECT_EQ(std::get<1>(both), errc::busy);
        EXPECT_EQ(std::get<0>(both).error(), errc::closed);
    });
}

TEST_P(Serving, LeavesNewcomersInTheKernelWhileTooManyFlowsAreOpen) {
    run([this]() -> task<void> {
        listener& from = open({.max_connections = 2});
        std::vector<raw_peer> peers;
        for (int i = 0; i < 3; ++i) {
            peers.push_back(raw_peer::connect(place().port()));
        }
        auto first = co_await from.accept();
        auto second = co_await from.accept();
        const auto third = co_await with_timeout(5ms, from.accept());
        EXPECT_EQ(third.error(), errc::timed_out);
        EXPECT_EQ(from.statistics().open, 2U);
        auto dropping = [&]() -> task<void> {
            first->reset();
            co_return;
        };
        auto both = co_await when_all(from.accept(), dropping());
        EXPECT_TRUE(std::get<0>(both));
        EXPECT_EQ(from.statistics().open, 2U);
        EXPECT_EQ(from.statistics().accepted, 3U);
    });
}

/// Lowers the limit of descriptors to what is open now.
class no_more_descriptors {
public:
    no_more_descriptors() {
        ::getrlimit(RLIMIT_NOFILE, &before_);
        const int next = ::dup(0);
        rlimit low = before_;
        low.rlim_cur = static_cast<rlim_t>(next);
        ::close(next);
        ::setrlimit(RLIMIT_NOFILE, &low);
    }
    no_more_descriptors(const no_more_descriptors&) = delete;
    no_more_descriptors& operator=(const no_more_descriptors&) = delete;
    ~no_more_descriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

private:
    rlimit before_{};
};

TEST_P(Serving, PausesWhileTheProcessIsOutOfDescriptorsAndGoesOnAfterwards) {
    run([this]() -> task<void> {
        listener& from = open();
        std::vector<duration> pauses;
        from.on_pause([&pauses](const error& why, duration pause) {
            EXPECT_EQ(why, errc::limit_exceeded) << why.message();
            pauses.push_back(pause);
        });
        const raw_peer peer = raw_peer::connect(place().port());
        {
            const no_more_descriptors out;
            EXPECT_EQ((co_await connect(place())).error(), errc::limit_exceeded);
            const auto got = co_await with_timeout(40ms, from.accept());
            EXPECT_EQ(got.error(), errc::timed_out);
        }
        EXPECT_GE(pauses.size(), 2U);
        EXPECT_EQ(pauses.front(), 5ms);
        EXPECT_EQ(pauses[1], 10ms);
        EXPECT_EQ(from.statistics().pauses, pauses.size());
        const auto got = co_await from.accept();
        EXPECT_TRUE(got);
        EXPECT_TRUE(co_await (*got)->write(buffer::copy_of("at last")));
        EXPECT_EQ(peer.receive(7), "at last");
    });
}

INSTANTIATE_TEST_SUITE_P(Kernel, Serving, kernel_backends(), backend_name);

} // namespace
} // namespace runnel::host
