// SPDX-License-Identifier: Apache-2.0
#include "runnel/host/file.hpp"

#include "host_test.hpp"
#include "runnel/async/deadline.hpp"
#include "runnel/flow/duplex.hpp"
#include "runnel/host/stdio.hpp"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>

#include <fcntl.h>
#include <unistd.h>

namespace runnel::host_test {
namespace {

using namespace std::chrono_literals;
using host::adopt_file;
using host::file_access;
using host::open_file;
using host::unique_fd;

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

class FileTest : public FolderTest {
protected:
    task<void> write(const std::string& name, file_access access, std::string text) {
        auto file = co_await open_file(name, {.access = access});
        EXPECT_TRUE(file) << (file ? "" : file.error().message());
        EXPECT_TRUE(co_await (*file)->write(buffer::copy_of(text)));
        EXPECT_TRUE(co_await (*file)->flush());
        EXPECT_TRUE(co_await (*file)->close());
    }

    task<std::string> content(const std::string& name) {
        auto file = co_await open_file(name);
        EXPECT_TRUE(file) << (file ? "" : file.error().message());
        std::string text = co_await read_all(**file);
        EXPECT_TRUE(co_await (*file)->close());
        co_return text;
    }
};

TEST_P(FileTest, WhatWasWrittenIsReadBackAndAppendedTo) {
    run([this]() -> task<void> {
        const std::string name = path("a");
        co_await write(name, file_access::write, "first");
        co_await write(name, file_access::append, " second");
        EXPECT_EQ(co_await content(name), "first second");
        co_await write(name, file_access::write, "anew");
        EXPECT_EQ(co_await content(name), "anew");
    });
}

TEST_P(FileTest, ALargeFileComesWholeAndThenEnds) {
    run([this]() -> task<void> {
        const std::string name = path("large");
        const std::string text((std::size_t{3} << 20) + 17, 'y');
        co_await write(name, file_access::create, text);
        EXPECT_EQ(co_await content(name), text);
    });
}

TEST_P(FileTest, ErrorsNameThePathAndTheReason) {
    run([this]() -> task<void> {
        const std::string missing = path("missing");
        const auto absent = co_await open_file(missing);
        EXPECT_TRUE(!absent && absent.error() == errc::not_found);
        EXPECT_EQ(absent.error().text(), "open " + missing);
        const auto folder = co_await open_file(folder_.string());
        EXPECT_FALSE(folder);
        co_await write(missing, file_access::create, "x");
        const auto taken = co_await open_file(missing, {.access = file_access::create});
        EXPECT_FALSE(taken);
        auto reading = co_await open_file(missing);
        const auto written = co_await (*reading)->write(buffer::copy_of("y"));
        EXPECT_TRUE(!written && written.error() == errc::not_supported);
    });
}

TEST_P(FileTest, APipeThatIsAdoptedWaitsForDataAndEndsWithItsWriter) {
    run([]() -> task<void> {
        std::array<int, 2> fds{};
        EXPECT_EQ(::pipe2(fds.data(), O_CLOEXEC), 0);
        auto reading = adopt_file(unique_fd(fds[0]), "reading end");
        auto writing = adopt_file(unique_fd(fds[1]), "writing end");
        EXPECT_TRUE(reading && writing);
        const auto early = co_await with_timeout(1ms, (*reading)->read());
        EXPECT_TRUE(!early && early.error() == errc::timed_out);
        EXPECT_TRUE(co_await (*writing)->write(buffer::copy_of("through")));
        EXPECT_TRUE(co_await (*writing)->shutdown(direction::write));
        EXPECT_EQ(co_await read_all(**reading), "through");
        const auto wrong = co_await (*reading)->write(buffer::copy_of("x"));
        EXPECT_TRUE(!wrong && wrong.error() == errc::not_supported);
    });
}

TEST_P(FileTest, DevicesThatAreAlwaysReadyWork) {
    run([]() -> task<void> {
        auto null = adopt_file(unique_fd(::open("/dev/null", O_RDWR | O_CLOEXEC)), "null");
        EXPECT_TRUE(null) << (null ? "" : null.error().message());
        EXPECT_TRUE(co_await (*null)->write(buffer::copy_of("gone")));
        EXPECT_EQ(co_await read_all(**null), "");
        auto zero = adopt_file(unique_fd(::open("/dev/zero", O_RDONLY | O_CLOEXEC)), "zero");
        EXPECT_TRUE(zero);
        const auto data = co_await (*zero)->read(100);
        EXPECT_TRUE(data && !data->empty() && data->span().front() == std::byte{0});
    });
}

TEST_P(FileTest, ADuplexReadsFromOneAndWritesToTheOther) {
    run([this]() -> task<void> {
        co_await write(path("in"), file_access::write, "input");
        auto input = co_await open_file(path("in"));
        auto output = co_await open_file(path("out"), {.access = file_access::write});
        const flow_ptr both = make_duplex(std::move(*input), std::move(*output));
        EXPECT_EQ(co_await read_all(*both), "input");
        EXPECT_TRUE(co_await both->write(buffer::copy_of("output")));
        EXPECT_TRUE(co_await both->close());
        EXPECT_EQ(co_await content(path("out")), "output");
    });
}

INSTANTIATE_TEST_SUITE_P(Backends, FileTest, kernel_backends(), backend_name);

} // namespace
} // namespace runnel::host_test
