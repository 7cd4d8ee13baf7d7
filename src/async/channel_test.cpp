// SPDX-License-Identifier: Apache-2.0
#include "runnel/async/channel.hpp"
#include "runnel/async/deadline.hpp"
#include "virtual_run.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

namespace runnel {
namespace {

using namespace std::chrono_literals;

/// Sends the numbers from `first` up to, not including, `last`.
task<result<void>> send_numbers(channel<int>& to, int first, int last) {
    for (int i = first; i < last; ++i) {
        int item = i;
        if (auto sent = co_await to.send(static_cast<int&&>(item)); !sent) {
            co_return sent;
        }
    }
    co_return result<void>();
}

task<std::vector<int>> receive_all(channel<int>& from) {
    std::vector<int> items;
    for (;;) {
        auto item = co_await from.receive();
        if (!item) {
            EXPECT_EQ(item.error(), errc::end);
            co_return items;
        }
        items.push_back(*item);
    }
}

std::vector<int> numbers(int first, int last) {
    std::vector<int> all(static_cast<std::size_t>(last - first));
    std::iota(all.begin(), all.end(), first);
    return all;
}

class ChannelOfCapacity : public testing::TestWithParam<std::size_t> {};

TEST_P(ChannelOfCapacity, CarriesItemsInOrderAndThenEnds) {
    run_virtual([]() -> task<void> {
        channel<int> items(GetParam());
        const auto sender = [&]() -> task<void> {
            EXPECT_TRUE(co_await send_numbers(items, 0, 1000));
            items.close();
        };
        auto both = co_await when_all(sender(), receive_all(items));
        EXPECT_EQ(std::get<1>(both), numbers(0, 1000));
    });
}

TEST_P(ChannelOfCapacity, NeverHoldsMoreThanItsCapacity) {
    run_virtual([]() -> task<void> {
        channel<int> items(GetParam());
        EXPECT_EQ(items.capacity(), GetParam());
        auto outcome = co_await with_timeout(1s, send_numbers(items, 0, 1001));
        EXPECT_EQ(outcome.error(), errc::timed_out);
        EXPECT_EQ(items.size(), GetParam());
        EXPECT_FALSE(items.try_send(1));
    });
}

TEST_P(ChannelOfCapacity, ServesManySendersAndReceivers) {
    run_virtual([]() -> task<void> {
        channel<int> items(GetParam());
        const auto senders = [&]() -> task<void> {
            static_cast<void>(co_await when_all(send_numbers(items, 0, 100),
                                                send_numbers(items, 100, 200),
                                                send_numbers(items, 200, 300)));
            items.close();
        };
        auto done = co_await when_all(senders(), receive_all(items), receive_all(items));
        std::vector<int> all = std::get<1>(done);
        all.insert(all.end(), std::get<2>(done).begin(), std::get<2>(done).end());
        EXPECT_GT(std::get<2>(done).size(), 20U) << "receivers take turns";
        std::ranges::sort(all);
        EXPECT_EQ(all, numbers(0, 300));
    });
}

TEST_P(ChannelOfCapacity, LosesNoItemWhereverItsUsersAreStopped) {
    stop_everywhere(
        12, 500ms, 10,
        []() -> task<void> {
            channel<std::unique_ptr<int>> items(GetParam());
            int accepted = 0;
            int kept = 0;
            int received = 0;
            const auto sender = [&](duration pause) -> task<void> {
                for (int i = 0; i < 5; ++i) {
                    auto item = std::make_unique<int>(i);
                    auto sent = co_await items.send(std::move(item));
                    EXPECT_EQ(sent.has_value(), item == nullptr);
                    ++(sent ? accepted : kept);
                    static_cast<void>(co_await sleep_for(pause));
                }
            };
            const auto receiver = [&](duration pause) -> task<void> {
                while (received < 10) {
                    auto item = co_await with_timeout(pause, items.receive());
                    if (item) {
                        ++received;
                        EXPECT_NE(*item, nullptr);
                    } else if (item.error() != errc::timed_out) {
                        break;
                    }
                }
            };
            static_cast<void>(
                co_await when_all(sender(1s), sender(700ms), receiver(100ms), receiver(900ms)));
            while (items.try_receive()) {
                ++received;
            }
            EXPECT_EQ(received, accepted);
            EXPECT_EQ(accepted + kept, 10);
        },
        [](int, int) {});
}

INSTANTIATE_TEST_SUITE_P(Capacities, ChannelOfCapacity, testing::Values(0U, 1U, 2U, 7U, 1000U));

TEST(Channel, LeavesAnItemItDidNotTakeWhereItWas) {
    run_virtual([]() -> task<void> {
        channel<std::string> items(1);
        EXPECT_TRUE(items.try_send("first"));
        std::string second = "second";
        std::string&& offered = std::move(second);
        EXPECT_FALSE(items.try_send(static_cast<std::string&&>(offered)));
        EXPECT_FALSE(co_await with_timeout(1s, items.send(static_cast<std::string&&>(offered))));
        items.close();
        EXPECT_EQ((co_await items.send(static_cast<std::string&&>(offered))).error(), errc::closed);
        EXPECT_EQ(second, "second");
    });
}

TEST(Channel, FailsSendersThatWaitWhenItCloses) {
    run_virtual([]() -> task<void> {
        channel<int> items(1);
        const auto closer = [&]() -> task<void> {
            co_await yield();
            items.close();
            items.close();
            EXPECT_TRUE(items.closed());
        };
        auto both = co_await when_all(send_numbers(items, 0, 3), closer());
        EXPECT_EQ(std::get<0>(both).error(), errc::closed);
        EXPECT_EQ(co_await items.receive(), 0) << "what it had taken remains";
        EXPECT_EQ((co_await items.receive()).error(), errc::end);
        EXPECT_EQ((co_await items.receive()).error(), errc::end);
        EXPECT_FALSE(items.try_receive());
        EXPECT_FALSE(items.try_send(1));
    });
}

TEST(Channel, EndsReceiversThatWaitWhenItCloses) {
    run_virtual([]() -> task<void> {
        channel<int> items(4);
        const auto closer = [&]() -> task<void> {
            static_cast<void>(co_await sleep_for(1s));
            items.close();
        };
        auto all = co_await when_all(receive_all(items), receive_all(items), closer());
        EXPECT_TRUE(std::get<0>(all).empty());
    });
}

TEST(Channel, KeepsTheItemOfAReceiverThatLostARace) {
    run_virtual([]() -> task<void> {
        channel<int> left(1);
        channel<int> right(1);
        const auto sender = [&]() -> task<void> {
            static_cast<void>(co_await sleep_for(1s));
            EXPECT_TRUE(left.try_send(1));
            EXPECT_TRUE(right.try_send(2));
        };
        const auto racer = [&]() -> task<void> {
            auto any = co_await when_any(left.receive(), right.receive());
            EXPECT_EQ(any.index, 0U);
            EXPECT_EQ(std::get<0>(any.results), 1);
            EXPECT_EQ(std::get<1>(any.results), 2) << "given to it in the same moment";
        };
        static_cast<void>(co_await when_all(sender(), racer()));
    });
}

} // namespace
} // namespace runnel
