// SPDX-License-Identifier: Apache-2.0
#include "runnel/stack/stack_status.hpp"

#include "runnel/async/sleep.hpp"
#include "runnel/async/when.hpp"
#include "runnel/stack/stack_definition.hpp"
#include "runnel/stack/tcp_flow.hpp"

#include <gtest/gtest.h>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <string>
#include <unistd.h>

namespace {

using namespace runnel;
using namespace runnel::stack;
using namespace std::chrono_literals;

const status_table& table_of(const stack_status& status, std::string_view name) {
    const auto found = std::ranges::find(status.tables, name, &status_table::name);
    EXPECT_NE(found, status.tables.end()) << name;
    return *found;
}

TEST(StackStatus, TellsOfFlowsAndNeighbours) {
    const auto here = loop::create({.backend = backend_kind::virtual_time}).value();
    here->run([]() -> task<void> {
        const auto a = open_stack(*stack_definition::parse("a=memory:x,address=10.0.0.1/24"));
        const auto b = open_stack(*stack_definition::parse("b=memory:x,address=10.0.0.2/24"));
        const ip_endpoint place(ipv4_address(10, 0, 0, 2), 80);
        auto listening = stack::listen((*b)->tcp(), place);
        auto opened = co_await when_all(stack::connect((*a)->tcp(), place), (*listening)->accept());
        EXPECT_TRUE(co_await (*std::get<0>(opened))->write(buffer::copy_of("hello")));
        EXPECT_EQ((co_await (*std::get<1>(opened))->read())->view(), "hello");
        const auto told = stack_status::parse(status_of(**a, "a").to_string());
        if (!told) {
            ADD_FAILURE() << told.error().message();
            co_return;
        }
        EXPECT_EQ(told->name, "a");
        const status_table& flows = table_of(*told, "flows");
        EXPECT_EQ(flows.rows.size(), 1U);
        EXPECT_EQ(flows.rows.at(0).at(1), "10.0.0.2:80");
        EXPECT_EQ(flows.rows.at(0).at(2), "ESTABLISHED");
        EXPECT_EQ(table_of(*told, "neighbours").rows.at(0).at(0), "10.0.0.2");
        const auto& addresses = table_of(*told, "addresses").rows;
        EXPECT_TRUE(std::ranges::any_of(
            addresses, [](const auto& row) { return row.front() == "10.0.0.1/24"; }));
    }());
}

TEST(StackStatus, IsReadWithinBounds) {
    EXPECT_TRUE(stack_status::parse("runnel-stack 1\tlan\n"));
    std::string columns = "[x]";
    std::string tables = "runnel-stack 1\tlan\n";
    for (int i = 0; i < 65; ++i) {
        columns += "\tc";
        tables += "[x]\tc\n";
    }
    for (const std::string& text :
         {std::string(), std::string("runnel-stack 1\tlan"), std::string("runnel-stack 2\tlan\n"),
          std::string("runnel-stack 1\tlan\nrow\n"),
          std::string("runnel-stack 1\tlan\n[x]\ta\tb\nrow\n"),
          "runnel-stack 1\tlan\n" + columns + "\n", tables,
          "runnel-stack 1\tlan\n" + std::string(stack_status::max_text, '\n')}) {
        EXPECT_EQ(stack_status::parse(text).error(), errc::protocol_error) << text.substr(0, 60);
    }
}

/// What is told at a socket, all of it.
task<std::string> ask(const std::string& path) {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    path.copy(at.sun_path, sizeof at.sun_path - 1);
    EXPECT_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at), 0);
    std::string text;
    char part[4096];
    for (;;) {
        const ssize_t got = ::recv(fd, part, sizeof part, 0);
        if (got == 0) {
            break;
        }
        if (got > 0) {
            text.append(part, static_cast<std::size_t>(got));
        } else {
            co_await sleep_for(1ms);
        }
    }
    ::close(fd);
    co_return text;
}

TEST(StackStatus, IsToldToWhoeverConnects) {
    const std::string path = testing::TempDir() + "runnel-status-" + std::to_string(::getpid());
    const auto here = loop::create({.backend = backend_kind::epoll}).value();
    here->run([](const std::string& at) -> task<void> {
        const std::string text = "lan=memory:x,address=10.0.0.1/24,status=" + at;
        const auto lan = open_stack(*stack_definition::parse(text));
        if (!lan) {
            ADD_FAILURE() << lan.error().message();
            co_return;
        }
        struct stat file{};
        EXPECT_EQ(::stat(at.c_str(), &file), 0);
        EXPECT_EQ(file.st_mode & 0077U, 0U) << "for this user alone";
        for (int i = 0; i < 3; ++i) {
            const std::string told = co_await ask(at);
            const auto status = stack_status::parse(told);
            EXPECT_TRUE(status && status->name == "lan");
        }
        const auto second = open_stack(*stack_definition::parse(text));
        EXPECT_TRUE(stack_status::parse(co_await ask(at + ".2"))) << "as of another loop";
    }(path));
    EXPECT_NE(::access(path.c_str(), F_OK), 0) << "it goes with the stack";
}

} // namespace
