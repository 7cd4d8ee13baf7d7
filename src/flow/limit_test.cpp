// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/limit.hpp"

#include "runnel/flow/function_flow.hpp"
#include "runnel/flow/pipe.hpp"
#include "virtual_run.hpp"

#include <gtest/gtest.h>

namespace runnel {
namespace {

flow_ptr limited_source(const std::string& text, std::uint64_t limit, limit_end at_end) {
    return make_limit(make_source(text), {.read = limit, .at_end = at_end});
}

TEST(Limit, GivesSoManyBytesAndThenTheEnd) {
    run_virtual([]() -> task<void> {
        const flow_ptr source = limited_source("hello world", 5, limit_end::end);
        EXPECT_EQ(co_await read_to_end(*source), "hello<end of stream>");
        EXPECT_EQ(co_await read_to_end(*source), "<end of stream>");
    });
}

TEST(Limit, LetsThroughWhatStaysBelow) {
    run_virtual([]() -> task<void> {
        const flow_ptr source = limited_source("hello", 100, limit_end::error);
        EXPECT_EQ(co_await read_to_end(*source), "hello<end of stream>");
    });
}

TEST(Limit, TellsExactlyTheLimitFromOneByteMore) {
    run_virtual([]() -> task<void> {
        const flow_ptr exact = limited_source("hello", 5, limit_end::error);
        EXPECT_EQ(co_await read_to_end(*exact), "hello<end of stream>");
        const flow_ptr more = limited_source("hello!", 5, limit_end::error);
        const std::string got = co_await read_to_end(*more);
        EXPECT_EQ(got, "hello<" + std::string(describe(errc::limit_exceeded)) + ">");
    });
}

TEST(Limit, LeavesTheRestToTheFlowBelow) {
    run_virtual([]() -> task<void> {
        std::size_t asked = 0;
        const flow_ptr source = make_limit(make_source([&](std::size_t hint) -> result<buffer> {
                                               asked += hint;
                                               return buffer::copy_of(pattern(hint));
                                           }),
                                           {.read = 10});
        const result<buffer> some = co_await source->read(4);
        EXPECT_EQ(some->size(), 4U);
        EXPECT_EQ(co_await read_to_end(*source), pattern(6) + "<end of stream>");
        EXPECT_EQ(asked, 10U);
    });
}

TEST(Limit, AcceptsAWriteUpToTheLimit) {
    run_virtual([]() -> task<void> {
        std::string target;
        const flow_ptr sink = make_limit(make_sink(target), {.write = 10});
        const write_result first = co_await sink->write(buffer::of_static("hello "));
        EXPECT_TRUE(first);
        const write_result second =
            co_await sink->writev(buffer_list(buffer::of_static("wo"), buffer::of_static("rld")));
        EXPECT_EQ(second.error(), errc::limit_exceeded);
        EXPECT_EQ(second.accepted(), 4U);
        EXPECT_EQ(target, "hello worl");
        const write_result third = co_await sink->write(buffer::of_static("d"));
        EXPECT_EQ(third.error(), errc::limit_exceeded);
        const result<void> closed = co_await sink->close();
        EXPECT_TRUE(closed);
    });
}

TEST(Limit, PassesEverythingWithoutALimit) {
    run_virtual([]() -> task<void> {
        std::string target;
        const flow_ptr sink = make_limit(make_sink(target), {});
        const write_result written = co_await sink->write(buffer::copy_of(pattern(100'000)));
        EXPECT_TRUE(written);
        EXPECT_TRUE(target == pattern(100'000));
    });
}

} // namespace
} // namespace runnel
