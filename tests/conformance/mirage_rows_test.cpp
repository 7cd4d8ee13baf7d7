// SPDX-License-Identifier: Apache-2.0
//
// The rows of the MirageOS family's matrix that are no transport with a peer: a flow of functions,
// and the buffered channel. The columns are those of matrix.cpp.

#include "steps.hpp"

#include "runnel/async/loop.hpp"
#include "runnel/flow/buffered_flow.hpp"
#include "runnel/flow/function_flow.hpp"
#include "runnel/flow/pipe.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace runnel::conformance {
namespace {

void play(task<void> test) {
    auto made = loop::create({.backend = backend_kind::virtual_time});
    (*made)->run(std::move(test));
}

TEST(MirageRowOfFunctions, AnInputThatGivesNothingIsAnEndAndStaysOne) {
    play([]() -> task<void> {
        std::vector<std::string> texts{"only"};
        const flow_ptr source = make_source([&]() -> result<buffer> {
            if (texts.empty()) {
                texts.emplace_back("again");
                return buffer();
            }
            buffer next = text(texts.back());
            texts.pop_back();
            return next;
        });
        co_await expect_read(*source, "only");
        co_await expect_read_end(*source, errc::end);
        source->abort();
    }());
}

TEST(MirageRowOfFunctions, AFailureOfTheInputIsThatAndNotAnEnd) {
    play([]() -> task<void> {
        const flow_ptr source = make_source([]() -> result<buffer> { return fail(errc::reset); });
        co_await expect_read_end(*source, errc::reset);
        source->abort();
    }());
}

TEST(MirageRowOfFunctions, AWriteAfterOurCloseGivesClosedAndASecondCloseCallsNobody) {
    play([]() -> task<void> {
        int closes = 0;
        flow_functions functions;
        functions.write = [](buffer data) -> task<write_result> {
            co_return write_result(data.size());
        };
        functions.close = [&closes]() -> task<result<void>> {
            ++closes;
            co_return result<void>();
        };
        const flow_ptr sink = make_function_flow(std::move(functions));
        expect_success(co_await sink->write(text("before")));
        expect_success(co_await sink->close());
        co_await expect_write_end(*sink, errc::closed);
        expect_success(co_await sink->close());
        EXPECT_EQ(closes, 1);
    }());
}

TEST(MirageRowOfFunctions, AShutdownOfReadingEndsItThoughTheInputHasMore) {
    play([]() -> task<void> {
        const flow_ptr source = make_source([]() -> result<buffer> { return text("more"); });
        co_await expect_read(*source, "more");
        expect_success(co_await source->shutdown(direction::read));
        co_await expect_read_end(*source, errc::end);
        source->abort();
    }());
}

TEST(MirageRowOfTheChannel, APeersFinEndsTheLastLineAndIsThenAnEndForGood) {
    play([]() -> task<void> {
        auto pipe = make_pipe();
        buffered_flow channel(std::move(pipe.first));
        expect_success(co_await pipe.second->write(text("whole\r\nlast")));
        expect_success(co_await pipe.second->shutdown(direction::write));
        const auto whole = co_await channel.read_line(100);
        EXPECT_TRUE(whole && whole->view() == "whole");
        const auto last = co_await channel.read_line(100);
        EXPECT_TRUE(last && last->view() == "last");
        expect_error(co_await channel.read_line(100), errc::end);
        expect_error(co_await channel.read_line(100), errc::end);
        expect_error(co_await channel.read(), errc::end);
    }());
}

TEST(MirageRowOfTheChannel, APeersRstIsAResetAndLeavesWhatCameBefore) {
    play([]() -> task<void> {
        auto pipe = make_pipe();
        buffered_flow channel(std::move(pipe.first));
        expect_success(co_await pipe.second->write(text("cut of")));
        pipe.second->abort();
        expect_error(co_await channel.read_line(100), errc::reset);
        const auto rest = co_await channel.read_exactly(6);
        EXPECT_TRUE(rest && rest->view() == "cut of");
        expect_error(co_await channel.read(), errc::reset);
    }());
}

// There, what a flush could not write was gone.
TEST(MirageRowOfTheChannel, AFlushThatFailsKeepsWhatItDidNotWrite) {
    play([]() -> task<void> {
        auto pipe = make_pipe();
        buffered_flow channel(std::move(pipe.first));
        expect_success(co_await channel.write("unsent"));
        pipe.second->abort();
        expect_error(co_await channel.flush(), errc::reset);
        EXPECT_EQ(channel.unflushed(), 6U);
    }());
}

TEST(MirageRowOfTheChannel, AWriteAfterThePeersHalfCloseArrives) {
    play([]() -> task<void> {
        auto pipe = make_pipe();
        buffered_flow channel(std::move(pipe.first));
        expect_success(co_await pipe.second->shutdown(direction::write));
        expect_error(co_await channel.read(), errc::end);
        expect_success(co_await channel.write("still"));
        expect_success(co_await channel.flush());
        co_await expect_read(*pipe.second, "still");
    }());
}

TEST(MirageRowOfTheChannel, ACloseFlushesAndWaitsForThePeerAndASecondOneSucceeds) {
    play([]() -> task<void> {
        auto pipe = make_pipe();
        buffered_flow channel(std::move(pipe.first));
        expect_success(co_await channel.write("bye"));
        expect_success(co_await pipe.second->shutdown(direction::write));
        expect_success(co_await channel.close());
        co_await expect_read(*pipe.second, "bye");
        co_await expect_read_end(*pipe.second, errc::end);
        expect_success(co_await channel.close());
        expect_success(co_await pipe.second->close());
    }());
}

} // namespace
} // namespace runnel::conformance
