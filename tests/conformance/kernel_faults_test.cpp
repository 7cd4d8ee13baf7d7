// SPDX-License-Identifier: Apache-2.0
//
// A client, a proxy and an echo server, over sockets of the kernel, and one call to the kernel that
// fails: the n-th, for every n. Nobody hangs, nothing leaks, what arrives is what was sent, and a
// stream that was cut short does not look like one that ended.

#include "pattern.hpp"
#include "steps.hpp"

#include "runnel/async/backend_wrapper.hpp"
#include "runnel/async/io.hpp"
#include "runnel/async/loop.hpp"
#include "runnel/async/timer.hpp"
#include "runnel/async/when.hpp"
#include "runnel/core/buffer_pool.hpp"
#include "runnel/flow/listener.hpp"
#include "runnel/flow/proxy.hpp"
#include "runnel/host/tcp.hpp"
#include "runnel/host/unix.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <iterator>
#include <string>
#include <tuple>

#include <unistd.h>

namespace runnel::conformance {
namespace {

using namespace std::chrono_literals;

const pattern from_client(1);
constexpr std::uint64_t total = 90'000;
/// Only a test that fails waits so long.
constexpr duration patience = 20s;

/// Which call fails, and how.
struct plan {
    int countdown;
    int number;
    /// Whether the call was reached.
    [[nodiscard]] bool hit() const noexcept { return countdown < 0; }
    bool is_due() noexcept { return countdown-- == 0; }
};

class faulty_backend final : public io_backend {
public:
    faulty_backend(std::unique_ptr<io_backend> real, plan& what)
        : real_(std::move(real)), plan_(&what) {}

    time_point now() noexcept override { return real_->now(); }
    time_point wait(time_point deadline, bool poll) noexcept override {
        return real_->wait(deadline, poll);
    }
    void wake() noexcept override { real_->wake(); }
    int attach(descriptor& file) noexcept override {
        return plan_->is_due() ? plan_->number : real_->attach(file);
    }
    void detach(descriptor& file) noexcept override { real_->detach(file); }
    bool start(io_request& request) noexcept override {
        if (!plan_->is_due()) {
            return real_->start(request);
        }
        request.result = -plan_->number;
        return true;
    }
    bool cancel(io_request& request) noexcept override { return real_->cancel(request); }

private:
    std::unique_ptr<io_backend> real_;
    plan* plan_;
};

enum class network { tcp, local };

/// A way to connect, for both hops of the conversation.
class wires {
public:
    explicit wires(network what) : what_(what) {}

    result<listener_ptr> listen(const char* name) const {
        if (what_ == network::tcp) {
            return host::listen(ip_endpoint(ipv4_address::loopback(), 0));
        }
        return host::listen(*address(name));
    }
    task<result<flow_ptr>> connect(const listener& to, const char* name) const {
        if (what_ == network::tcp) {
            auto opened = co_await host::connect(*to.local().ip());
            co_return opened ? result<flow_ptr>(std::move(*opened)) : fail(opened.error());
        }
        auto opened = co_await host::connect(*address(name));
        co_return opened ? result<flow_ptr>(std::move(*opened)) : fail(opened.error());
    }

private:
    static result<host::unix_address> address(const char* name) {
        return host::unix_address::abstract("runnel-faults-" + std::to_string(::getpid()) + name);
    }
    network what_;
};

task<void> serve_echo(listener& place) {
    const auto accepted = co_await place.accept();
    if (!accepted) {
        place.close(); // nobody shall wait there
        co_return;
    }
    flow& client = **accepted;
    for (;;) {
        auto data = co_await client.read(9000);
        if (!data) {
            if (data.error() == errc::end) {
                (void)co_await client.close();
            }
            co_return;
        }
        const auto written = co_await client.write(std::move(*data));
        if (!written) {
            co_return;
        }
    }
}

task<void> serve_proxy(listener& place, const listener& target, wires by) {
    const auto accepted = co_await place.accept();
    if (!accepted) {
        place.close(); // nobody shall wait there
        co_return;
    }
    const auto opened = co_await by.connect(target, "echo");
    if (opened) {
        co_await proxy(**accepted, **opened, {.linger = 20ms});
    }
}

/// What the client saw.
struct outcome {
    bool connected = false;
    sent question;
    received answer;
    bool closed = false;
};

/// Sends the question. A side that cannot go on leaves, as nobody would answer half of one.
task<sent> send_all(flow& to) {
    const sent all = co_await fill_and_finish(to, from_client, total, 30'000);
    if (all.end != errc{}) {
        to.abort();
    }
    co_return all;
}

task<outcome> ask(listener& front, listener& back, wires by) {
    outcome seen;
    {
        const auto opened = co_await by.connect(front, "front");
        if (opened) {
            seen.connected = true;
            flow& server = **opened;
            const auto both = co_await when_all(send_all(server), drain(server, from_client));
            seen.question = std::get<0>(both);
            seen.answer = std::get<1>(both);
            const auto closed = co_await server.close();
            seen.closed = closed.has_value();
        }
    }
    front.close(); // whoever was not reached
    back.close();
    co_return seen;
}

task<result<outcome>> converse(wires by) {
    const auto front = by.listen("front");
    if (!front) {
        co_return fail(front.error());
    }
    const auto back = by.listen("echo");
    if (!back) {
        co_return fail(back.error());
    }
    auto all = co_await when_all(ask(**front, **back, by), serve_proxy(**front, **back, by),
                                 serve_echo(**back));
    co_return std::get<0>(all);
}

/// The conversation; one that hangs is stopped, and fails with a report of what it waited for.
class watchdog final : private timer {
public:
    watchdog() noexcept : timer(&bite), loop_(&loop::current()) {
        loop_->arm(*this, loop_->now() + patience);
    }

private:
    static void bite(timer& self) noexcept {
        auto& dog = static_cast<watchdog&>(self);
        ADD_FAILURE() << "it hangs:\n" << dog.loop_->waiting_report();
        dog.loop_->stop().request_stop();
    }
    loop* loop_;
};

task<result<outcome>> converse_in_time(wires by) {
    const watchdog dog;
    co_return co_await converse(by);
}

std::size_t open_descriptors() {
    const std::filesystem::directory_iterator all("/proc/self/fd");
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

class KernelFaults : public testing::TestWithParam<std::tuple<backend_kind, network>> {
protected:
    /// One conversation; whether the call that was to fail was reached.
    void converse_with(plan& what) {
        const auto [backend, wire] = GetParam();
        const backend_wrapper faults([&](std::unique_ptr<io_backend> real) {
            return std::make_unique<faulty_backend>(std::move(real), what);
        });
        auto made = loop::create({.backend = backend});
        ASSERT_TRUE(made.has_value());
        const auto seen = (*made)->run(converse_in_time(wires(wire)));
        if (!what.hit()) {
            ASSERT_TRUE(seen.has_value());
            EXPECT_EQ(seen->question, (sent{.bytes = total}));
            EXPECT_EQ(seen->answer, (received{.bytes = total, .end = errc::end}));
            EXPECT_TRUE(seen->closed);
        } else if (seen) {
            EXPECT_TRUE(seen->answer.intact);
            const bool looks_whole = seen->connected && seen->answer.end == errc::end;
            // An aborted Unix socket looks like an end, as its documentation says.
            EXPECT_TRUE(!looks_whole || wire == network::local || seen->answer.bytes == total)
                << seen->answer;
        }
    }

    void fail_each_call_with(int number) {
        const std::size_t descriptors = open_descriptors();
        const std::uint64_t buffers = buffer_pool::local().statistics().live;
        for (int n = 0;; ++n) {
            plan what{.countdown = n, .number = number};
            converse_with(what);
            EXPECT_EQ(open_descriptors(), descriptors) << "descriptors were leaked";
            EXPECT_EQ(buffer_pool::local().statistics().live, buffers) << "buffers were leaked";
            if (HasFailure()) {
                FAIL() << "when call " << n << " fails";
            }
            if (!what.hit()) {
                EXPECT_GT(n, 20);
                return;
            }
        }
    }
};

INSTANTIATE_TEST_SUITE_P(Host, KernelFaults,
                         testing::Combine(testing::Values(backend_kind::epoll,
                                                          backend_kind::io_uring),
                                          testing::Values(network::tcp, network::local)),
                         [](const auto& one) {
                             return std::string(std::get<1>(one.param) == network::tcp ? "tcp"
                                                                                       : "unix") +
                                    "_on_" + std::string(to_string(std::get<0>(one.param)));
                         });

TEST_P(KernelFaults, NoMemoryForAnyCall) {
    fail_each_call_with(ENOMEM);
}

TEST_P(KernelFaults, NoBuffersForAnyCall) {
    fail_each_call_with(ENOBUFS);
}

TEST_P(KernelFaults, NoDescriptorsInTheSystemForAnyCall) {
    fail_each_call_with(ENFILE);
}

TEST_P(KernelFaults, NoDescriptorsInTheProcessForAnyCall) {
    fail_each_call_with(EMFILE);
}

TEST_P(KernelFaults, AResetInAnyCall) {
    fail_each_call_with(ECONNRESET);
}

TEST_P(KernelFaults, ATimeoutInAnyCall) {
    fail_each_call_with(ETIMEDOUT);
}

TEST_P(KernelFaults, ANetworkThatGoesAwayInAnyCall) {
    fail_each_call_with(ENETDOWN);
}

} // namespace
} // namespace runnel::conformance
