// SPDX-License-Identifier: Apache-2.0
#include "host_test.hpp"
#include "kernel_pipe.hpp"
#include "runnel/async/deadline.hpp"
#include "runnel/async/sleep.hpp"
#include "runnel/async/when.hpp"
#include "runnel/flow/copy.hpp"
#include "runnel/flow/proxy.hpp"
#include "runnel/host/tcp.hpp"
#include "runnel/host/unix.hpp"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <vector>

namespace runnel::host {
namespace {

using namespace runnel::host_test;
using namespace std::chrono_literals;

constexpr std::size_t bulk = 12UL * 1024 * 1024;

/// Two flows joined by the kernel.
struct joined {
    joined(flow_ptr one, flow_ptr other) : near(std::move(one)), far(std::move(other)) {}
    flow_ptr near;
    flow_ptr far;
};

task<joined> join_tcp() {
    constexpr tcp_options options{.congestion_control = "reno"};
    auto from = listen(loopback(), options);
    auto both = co_await when_all(connect(*(*from)->local().ip(), options), (*from)->accept());
    co_return joined(std::move(*std::get<0>(both)), std::move(*std::get<1>(both)));
}

task<joined> join_unix() {
    auto made = make_socket_pair();
    co_return joined(std::move(made->first), std::move(made->second));
}

task<void> send_and_finish(flow& to, const std::string& text) {
    const buffer whole = buffer::copy_of(text);
    for (std::size_t at = 0; at < text.size(); at += 1 << 20) {
        buffer piece = whole.share(at, std::min<std::size_t>(1 << 20, text.size() - at));
        if (!co_await to.write(std::move(piece))) {
            co_return;
        }
    }
    static_cast<void>(co_await to.shutdown(direction::write));
}

/// Copies, and passes the end on.
task<copy_result> copy_and_finish(flow& from, flow& to, copy_options options = {}) {
    copy_result outcome = co_await copy(from, to, options);
    static_cast<void>(co_await to.shutdown(direction::write));
    co_return outcome;
}

/// Copies, and aborts the source so that whoever still writes to it ends.
task<copy_result> copy_and_abort(flow& from, flow& to, copy_options options = {}) {
    copy_result outcome = co_await copy_and_finish(from, to, options);
    from.abort();
    co_return outcome;
}

std::string text_of(buffer_queue& queue) {
    std::string text;
    while (!queue.empty()) {
        text += queue.pop_front().view();
    }
    return text;
}

std::size_t open_pipes() {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
        std::error_code ignored;
        count +=
            std::filesystem::read_symlink(entry, ignored).string().starts_with("pipe:") ? 1 : 0;
    }
    return count;
}

class Splice : public BackendTest {
protected:
    /// A relay of two pairs: what is written to `a.near` is copied from `a.far` to `b.near`.
    struct relay {
        relay(joined one, joined other) : a(std::move(one)), b(std::move(other)) {}
        joined a;
        joined b;
    };
    static task<relay> make_relay() {
        joined a = co_await join_tcp();
        joined b = co_await join_tcp();
        co_return relay(std::move(a), std::move(b));
    }
};

TEST_P(Splice, CopiesEverythingBetweenAllKindsOfSockets) {
    run([]() -> task<void> {
        const std::string text = pattern(bulk);
        for (int kind = 0; kind < 4; ++kind) {
            const joined a = co_await (kind % 2 == 0 ? join_tcp : join_unix)();
            const joined b = co_await (kind < 2 ? join_tcp : join_unix)();
            auto all = co_await when_all(send_and_finish(*a.near, text),
                                         copy_and_finish(*a.far, *b.near), read_all(*b.far));
            const copy_result& outcome = std::get<1>(all);
            EXPECT_TRUE(outcome.complete());
            EXPECT_EQ(outcome.statistics.bytes_read, text.size());
            EXPECT_EQ(outcome.statistics.bytes_written, text.size());
            EXPECT_TRUE(std::get<2>(all).first == text);
            EXPECT_EQ(std::get<2>(all).second, errc::end);
        }
        EXPECT_GT(open_pipes(), 0U); // kept for the next, so some were used
    });
}

TEST_P(Splice, KeepsToALimit) {
    run([]() -> task<void> {
        relay r = co_await make_relay();
        const std::string text = pattern(bulk);
        const std::size_t limit = bulk / 2 + 12345;
        auto all = co_await when_all(send_and_finish(*r.a.near, text),
                                     copy_and_abort(*r.a.far, *r.b.near, {.limit = limit}),
                                     read_all(*r.b.far));
        EXPECT_EQ(std::get<1>(all).statistics.bytes_read, limit);
        EXPECT_TRUE(std::get<2>(all).first == text.substr(0, limit));
    });
}

TEST_P(Splice, LosesNothingWhenStoppedInAnyMoment) {
    run([]() -> task<void> {
        const std::string text = pattern(bulk);
        for (int round = 0; round < 12; ++round) {
            relay r = co_await make_relay();
            auto stopping = [&]() -> task<std::string> {
                auto outcome = co_await with_timeout(std::chrono::microseconds(300 * round),
                                                     copy(*r.a.far, *r.b.near));
                EXPECT_EQ(outcome.statistics.bytes_read,
                          outcome.statistics.bytes_written + outcome.rest.bytes());
                std::string rest = text_of(outcome.rest);
                // Goes on where it was stopped, by hand.
                EXPECT_TRUE(co_await r.b.near->write(buffer::copy_of(rest)));
                EXPECT_TRUE((co_await copy_and_finish(*r.a.far, *r.b.near)).complete());
                co_return rest;
            };
            auto reading = [&]() -> task<std::string> {
                if (round % 3 == 0) {
                    static_cast<void>(co_await sleep_for(3ms));
                }
                co_return (co_await read_all(*r.b.far)).first;
            };
            auto all = co_await when_all(send_and_finish(*r.a.near, text), stopping(), reading());
            EXPECT_TRUE(std::get<2>(all) == text) << "in round " << round;
        }
    });
}

TEST_P(Splice, TellsWhichSideFailed) {
    run([]() -> task<void> {
        const std::string text = pattern(bulk);
        for (const bool source_fails : {true, false}) {
            relay r = co_await make_relay();
            // It does not finish, so that an abort always takes something away.
            auto sending = [&]() -> task<void> {
                static_cast<void>(co_await r.a.near->write(buffer::copy_of(text)));
            };
            auto failing = [&]() -> task<std::string> {
                std::string seen = co_await read_text(*r.b.far, bulk / 3);
                (source_fails ? r.a.near : r.b.far)->abort();
                if (source_fails) {
                    seen += (co_await read_all(*r.b.far)).first;
                }
                co_return seen;
            };
            auto all = co_await when_all(sending(), copy_and_abort(*r.a.far, *r.b.near), failing());
            const copy_result& outcome = std::get<1>(all);
            EXPECT_TRUE(text.starts_with(std::get<2>(all)));
            if (source_fails) {
                EXPECT_EQ(*outcome.source, errc::reset);
                EXPECT_EQ(std::get<2>(all).size(), outcome.statistics.bytes_written);
            } else {
                EXPECT_EQ(*outcome.sink, errc::reset);
                EXPECT_EQ(outcome.statistics.bytes_read,
                          outcome.statistics.bytes_written + outcome.rest.bytes());
            }
        }
    });
}

TEST_P(Splice, TellsThatThePeerOfAUnixSocketIsGoneWithoutASignal) {
    run([]() -> task<void> {
        const joined a = co_await join_tcp();
        const joined b = co_await join_unix();
        auto leaving = [&]() -> task<void> {
            static_cast<void>(co_await read_text(*b.far, bulk / 3));
            b.far->abort();
        };
        auto all = co_await when_all(send_and_finish(*a.near, pattern(bulk)),
                                     copy_and_abort(*a.far, *b.near), leaving());
        const copy_result& outcome = std::get<1>(all);
        EXPECT_TRUE(*outcome.sink == errc::reset || *outcome.sink == errc::closed);
        EXPECT_EQ(outcome.statistics.bytes_read,
                  outcome.statistics.bytes_written + outcome.rest.bytes());
    });
}

TEST_P(Splice, EndsWhenOneOfItsFlowsIsAborted) {
    run([]() -> task<void> {
        const std::string text = pattern(bulk);
        for (const bool source : {true, false}) {
            relay r = co_await make_relay();
            auto aborting = [&]() -> task<void> {
                static_cast<void>(co_await read_text(*r.b.far, bulk / 3));
                (source ? r.a.far : r.b.near)->abort();
                static_cast<void>(co_await read_all(*r.b.far));
            };
            auto all = co_await when_all(send_and_finish(*r.a.near, text),
                                         copy_and_abort(*r.a.far, *r.b.near), aborting());
            const copy_result& outcome = std::get<1>(all);
            EXPECT_EQ(source ? *outcome.source : *outcome.sink, errc::aborted);
        }
    });
}

TEST_P(Splice, LeavesTheOtherDirectionAlone) {
    run([]() -> task<void> {
        relay r = co_await make_relay();
        const std::string there = pattern(bulk);
        const std::string back = pattern(bulk - 777);
        auto all = co_await when_all(send_and_finish(*r.a.near, there), read_all(*r.a.near),
                                     proxy(*r.a.far, *r.b.near), send_and_finish(*r.b.far, back),
                                     read_all(*r.b.far));
        EXPECT_TRUE(std::get<1>(all).first == back);
        EXPECT_TRUE(std::get<4>(all).first == there);
        EXPECT_EQ(std::get<2>(all).why, proxy_end::finished);
        EXPECT_EQ(std::get<2>(all).forward.statistics.bytes_written, there.size());
        EXPECT_EQ(std::get<2>(all).backward.statistics.bytes_written, back.size());
    });
}

TEST_P(Splice, GoesBackToCopyingWhenTheDataIsNotBulkyAnyMore) {
    run([]() -> task<void> {
        relay r = co_await make_relay();
        const std::string text = pattern(bulk);
        auto carrying = [&]() -> task<void> {
            auto all = co_await when_all(r.a.near->write(buffer::copy_of(text)),
                                         read_text(*r.b.far, text.size()));
            EXPECT_TRUE(std::get<0>(all));
            EXPECT_TRUE(std::get<1>(all) == text);
        };
        auto chatting = [&]() -> task<void> {
            co_await carrying();
            for (int i = 0; i < 100; ++i) {
                EXPECT_TRUE(co_await r.a.near->write(buffer::copy_of("small")));
                EXPECT_EQ(co_await read_text(*r.b.far, 5), "small");
            }
            co_await carrying();
            EXPECT_TRUE(co_await r.a.near->shutdown(direction::write));
        };
        auto all = co_await when_all(chatting(), copy(*r.a.far, *r.b.near));
        EXPECT_TRUE(std::get<1>(all).complete());
    });
}

TEST(KernelPipe, IsKeptForTheNextTransferOfItsThread) {
    auto first = kernel_pipe::take();
    ASSERT_TRUE(first);
    EXPECT_GE(first->capacity(), 262144U);
    const int input = first->input();
    kernel_pipe::give_back(std::move(*first));
    const auto second = kernel_pipe::take();
    EXPECT_EQ(second->input(), input);
}

INSTANTIATE_TEST_SUITE_P(Kernel, Splice, kernel_backends(), backend_name);

} // namespace
} // namespace runnel::host
