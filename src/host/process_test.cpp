// SPDX-License-Identifier: Apache-2.0
#include "runnel/host/process.hpp"

#include "host_test.hpp"
#include "runnel/async/scope.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <string>

namespace runnel::host_test {
namespace {

using host::process_flow_ptr;
using host::spawn;
using host::spawn_shell;

task<std::string> read_all(flow& from) {
    std::string text;
    for (;;) {
        const auto data = co_await from.read();
        if (!data) {
            EXPECT_EQ(data.error(), errc::end) << data.error().message();
            co_return text;
        }
        text += data->view();
    }
}

class ProcessTest : public BackendTest {};

TEST_P(ProcessTest, WhatAProgramWritesIsReadUpToItsEnd) {
    run([]() -> task<void> {
        auto program = spawn_shell("echo one; echo two >&2; echo three");
        EXPECT_TRUE(program);
        const std::string text = co_await read_all(**program);
        EXPECT_EQ(text, "one\nthree\n");
        EXPECT_TRUE(co_await (*program)->close());
    });
}

TEST_P(ProcessTest, MuchGoesThroughAProgramBothWaysAtOnceWithHalfClose) {
    run([]() -> task<void> {
        const std::vector<std::string> words{"cat"};
        auto program = spawn(words);
        EXPECT_TRUE(program);
        flow& cat = **program;
        constexpr std::size_t size = std::size_t{4} << 20;
        std::string text;
        const auto both = co_await with_scope([&](scope& s) -> task<void> {
            s.spawn([&]() -> task<void> {
                buffer data = buffer::allocate(size);
                std::fill(data.writable().begin(), data.writable().end(), std::byte{'x'});
                EXPECT_TRUE(co_await cat.write(std::move(data)));
                EXPECT_TRUE(co_await cat.shutdown(direction::write));
            });
            text = co_await read_all(cat);
        });
        EXPECT_TRUE(both);
        EXPECT_EQ(text, std::string(size, 'x'));
        EXPECT_TRUE(co_await cat.close());
        const auto status = co_await (*program)->wait();
        EXPECT_TRUE(status && status->success());
    });
}

TEST_P(ProcessTest, TheWayItEndedIsTold) {
    run([]() -> task<void> {
        auto failing = spawn_shell("exit 7");
        const auto status = co_await (*failing)->wait();
        EXPECT_TRUE(status && status->code() == 7 && status->signal() == 0);
        auto crashing = spawn_shell("kill -SEGV $$");
        const auto crash = co_await (*crashing)->wait();
        EXPECT_TRUE(crash && !crash->success() && crash->signal() == SIGSEGV);
        const auto again = co_await (*crashing)->wait();
        EXPECT_TRUE(again && again->signal() == SIGSEGV);
    });
}

TEST_P(ProcessTest, AbortKillsTheProgram) {
    run([]() -> task<void> {
        const std::vector<std::string> words{"sleep", "1000"};
        auto program = spawn(words);
        EXPECT_TRUE(program);
        (*program)->abort();
        const auto status = co_await (*program)->wait();
        EXPECT_TRUE(status && status->signal() == SIGKILL);
        const auto data = co_await (*program)->read();
        EXPECT_TRUE(!data && data.error() == errc::aborted);
    });
}

TEST_P(ProcessTest, WritingToAProgramThatHasClosedItsInputGivesReset) {
    run([]() -> task<void> {
        auto program = spawn_shell("exec <&-; echo ready; exec sleep 1000");
        const auto ready = co_await (*program)->read();
        EXPECT_TRUE(ready && ready->view() == "ready\n");
        const auto written = co_await (*program)->write(buffer::copy_of("anybody?"));
        EXPECT_TRUE(!written && written.error() == errc::reset);
    });
}

TEST_P(ProcessTest, AProgramThatIsNotThereIsNamed) {
    run([]() -> task<void> {
        const auto program = spawn({"no-such-program-anywhere"});
        EXPECT_TRUE(!program && program.error() == errc::not_found);
        EXPECT_EQ(program.error().text(), "exec no-such-program-anywhere");
        co_return;
    });
}

INSTANTIATE_TEST_SUITE_P(Backends, ProcessTest, kernel_backends(), backend_name);

} // namespace
} // namespace runnel::host_test
