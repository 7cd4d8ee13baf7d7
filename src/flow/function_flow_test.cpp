// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/function_flow.hpp"

#include "allocation_count.hpp"
#include "runnel/async/sleep.hpp"
#include "virtual_run.hpp"

#include <gtest/gtest.h>

#include <array>

using namespace std::chrono_literals;

namespace runnel {
namespace {

task<std::string> next(flow& source) {
    const result<buffer> data = co_await source.read();
    co_return text_of(data);
}

task<std::string> put(flow& sink, std::string_view text) {
    const write_result written = co_await sink.write(buffer::copy_of(text));
    co_return outcome_of(written) + " " + std::to_string(written.accepted());
}

constexpr const char* end = "<end of stream>";
constexpr const char* closed = "<closed by this side>";

TEST(FunctionFlow, GivesATextAndThenTheEnd) {
    run_virtual([]() -> task<void> {
        const flow_ptr source = make_source("hello");
        EXPECT_EQ(co_await next(*source), "hello");
        EXPECT_EQ(co_await next(*source), end);
        EXPECT_EQ(co_await next(*source), end);
    });
}

TEST(FunctionFlow, GivesEachTextOfAListAndSkipsEmptyOnes) {
    run_virtual([]() -> task<void> {
        std::vector<std::string> texts{"", "hello", "", "", "world", ""};
        const flow_ptr source = make_source(std::move(texts));
        EXPECT_EQ(co_await next(*source), "hello");
        EXPECT_EQ(co_await next(*source), "world");
        EXPECT_EQ(co_await next(*source), end);
        EXPECT_EQ(co_await next(*source), end);
    });
}

TEST(FunctionFlow, GivesALongTextAfterAShortOneWhole) {
    run_virtual([]() -> task<void> {
        std::vector<std::string> texts{"a", pattern(4096)};
        const flow_ptr source = make_source(std::move(texts));
        const std::string all = co_await read_to_end(*source);
        EXPECT_TRUE(all == "a" + pattern(4096) + end);
    });
}

TEST(FunctionFlow, GivesBuffersByReference) {
    run_virtual([]() -> task<void> {
        buffer data = buffer::copy_of("by reference");
        const std::byte* place = data.data();
        const flow_ptr source = make_source(std::move(data));
        const result<buffer> got = co_await source->read();
        EXPECT_EQ(got->data(), place);
    });
}

TEST(FunctionFlow, SplitsWhatIsMoreThanTheReaderWants) {
    run_virtual([]() -> task<void> {
        const flow_ptr source = make_source("hello");
        const result<buffer> first = co_await source->read(2);
        EXPECT_EQ(text_of(first), "he");
        std::array<std::byte, 2> memory{};
        const result<std::size_t> second = co_await source->read_into(memory);
        EXPECT_EQ(second, 2U);
        EXPECT_EQ(memory[1], std::byte{'l'});
        EXPECT_EQ(co_await next(*source), "o");
    });
}

TEST(FunctionFlow, RefusesWritesWithoutAnOutputFunction) {
    run_virtual([]() -> task<void> {
        const flow_ptr source = make_source("hello");
        EXPECT_EQ(co_await put(*source, "hi"), closed + std::string(" 0"));
        EXPECT_EQ(co_await next(*source), "hello");
    });
}

TEST(FunctionFlow, KeepsWhatIsWrittenAndIsAtItsEndForReaders) {
    run_virtual([]() -> task<void> {
        std::string target;
        const flow_ptr sink = make_sink(target);
        EXPECT_EQ(co_await put(*sink, "hello "), "ok 6");
        EXPECT_EQ(co_await put(*sink, ""), "ok 0");
        EXPECT_EQ(co_await put(*sink, "world"), "ok 5");
        EXPECT_EQ(target, "hello world");
        EXPECT_EQ(co_await next(*sink), end);
    });
}

TEST(FunctionFlow, FillsABoundedOutputToTheLastByteAndIsThenClosed) {
    run_virtual([]() -> task<void> {
        std::string target;
        const flow_ptr sink = make_sink(target, 10);
        EXPECT_EQ(co_await put(*sink, "hell"), "ok 4");
        EXPECT_EQ(co_await put(*sink, "o! "), "ok 3");
        EXPECT_EQ(co_await put(*sink, "world"), closed + std::string(" 3"));
        EXPECT_EQ(target, "hello! wor");
        EXPECT_EQ(co_await put(*sink, "again"), closed + std::string(" 0"));
        EXPECT_EQ(co_await next(*sink), end);
    });
}

TEST(FunctionFlow, FillsTheCallersMemory) {
    run_virtual([]() -> task<void> {
        std::array<std::byte, 10> memory{};
        std::size_t filled = 99;
        const flow_ptr sink = make_sink(memory, filled);
        EXPECT_EQ(filled, 0U);
        EXPECT_EQ(co_await put(*sink, "hello! "), "ok 7");
        EXPECT_EQ(filled, 7U);
        EXPECT_EQ(co_await put(*sink, "world"), closed + std::string(" 3"));
        EXPECT_EQ(std::string(reinterpret_cast<const char*>(memory.data()), filled), "hello! wor");
    });
}

TEST(FunctionFlow, KeepsBuffersByReference) {
    run_virtual([]() -> task<void> {
        buffer_queue target;
        const flow_ptr sink = make_sink(target, 8);
        buffer data = buffer::copy_of("hello");
        const std::byte* place = data.data();
        const write_result written = co_await sink->write(std::move(data));
        EXPECT_TRUE(written);
        EXPECT_EQ(target.front().data(), place);
        EXPECT_EQ(co_await put(*sink, "world"), closed + std::string(" 3"));
        EXPECT_EQ(target.bytes(), 8U);
    });
}

TEST(FunctionFlow, CallsFunctionsThatWait) {
    run_virtual([]() -> task<void> {
        int left = 2;
        const flow_ptr source = make_source([&left]() -> task<result<buffer>> {
            (void)co_await sleep_for(1s);
            if (left-- == 0) {
                co_return fail(errc::io_error, "the tape broke");
            }
            co_return buffer::of_static("tick");
        });
        EXPECT_EQ(co_await next(*source), "tick");
        EXPECT_EQ(co_await next(*source), "tick");
        const result<buffer> broken = co_await source->read();
        EXPECT_EQ(broken.error().text(), "the tape broke");
        EXPECT_EQ(virtual_time(), 3s);
        EXPECT_EQ(co_await next(*source), "<" + std::string(describe(errc::io_error)) + ">");
        EXPECT_EQ(virtual_time(), 3s);
    });
}

TEST(FunctionFlow, PassesErrorsOfTheOutputOn) {
    run_virtual([]() -> task<void> {
        const flow_ptr sink = make_sink([](std::span<const std::byte>) -> result<std::size_t> {
            return fail(errc::io_error, "disk full");
        });
        const write_result written = co_await sink->write(buffer::of_static("abc"));
        EXPECT_EQ(written.error().text(), "disk full");
        EXPECT_EQ(written.accepted(), 0U);
    });
}

TEST(FunctionFlow, TellsItsFunctionsTheEndOnceAndNotAgainByASecondClose) {
    run_virtual([]() -> task<void> {
        std::string heard;
        auto note = [&heard](std::string_view what) -> task<result<void>> {
            heard += what;
            co_return result<void>();
        };
        flow_functions functions;
        functions.shutdown_write = [&] { return note("shutdown "); };
        functions.close = [&] { return note("close "); };
        functions.flush = [&] { return note("flush "); };
        functions.abort = [&] { heard += "abort "; };
        {
            const flow_ptr both = make_function_flow(std::move(functions));
            (void)co_await both->flush();
            (void)co_await both->shutdown(direction::write);
            (void)co_await both->close();
            (void)co_await both->close();
        }
        EXPECT_EQ(heard, "flush shutdown close ");
    });
}

TEST(FunctionFlow, TellsAFunctionThatTheFlowWasDropped) {
    run_virtual([]() -> task<void> {
        int aborts = 0;
        flow_functions functions;
        functions.abort = [&] { ++aborts; };
        make_function_flow(std::move(functions)).reset();
        EXPECT_EQ(aborts, 1);
        co_return;
    });
}

TEST(FunctionFlow, AllocatesNothingPerOperation) {
    run_virtual([]() -> task<void> {
        const buffer data = buffer::of_static("0123456789");
        flow_functions functions;
        functions.read = [&data](std::size_t) -> task<result<buffer>> { co_return data.share(); };
        functions.write = [](buffer given) -> task<write_result> {
            co_return write_result(given.size());
        };
        const flow_ptr both = make_function_flow(std::move(functions));
        std::uint64_t steady = 0;
        for (int i = 0; i < 200; ++i) {
            if (i == 100) {
                steady = allocation_count();
            }
            (void)co_await both->read();
            (void)co_await both->write(data.share());
        }
        steady = allocation_count() - steady;
        EXPECT_EQ(steady, 0U);
    });
}

} // namespace
} // namespace runnel
