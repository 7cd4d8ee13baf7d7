// SPDX-License-Identifier: Apache-2.0
//
// The device as a hypervisor meets it: over a Unix socket, with notices through eventfds.
#include "runnel/host/vsock_device.hpp"

#include "io_operation.hpp"
#include "runnel/async/deadline.hpp"
#include "runnel/async/loop.hpp"
#include "runnel/async/scope.hpp"
#include "runnel/async/when.hpp"
#include "runnel/core/byte_order.hpp"
#include "runnel/host/unix.hpp"
#include "test_guest.hpp"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <sys/eventfd.h>
#include <unistd.h>

namespace runnel::host {
namespace {

using namespace std::chrono_literals;

// Only a bound: nothing here takes that long.
constexpr duration patience = 60s;

/// Numbers of a message, one after the other.
class payload {
public:
    payload& u32(std::uint32_t value) {
        std::array<std::byte, 4> bytes{};
        store_le32(bytes.data(), value);
        return add(bytes);
    }
    payload& u64(std::uint64_t value) {
        std::array<std::byte, 8> bytes{};
        store_le64(bytes.data(), value);
        return add(bytes);
    }
    [[nodiscard]] const std::string& text() const { return text_; }

private:
    payload& add(std::span<const std::byte> bytes) {
        text_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        return *this;
    }
    std::string text_;
};

/// A hypervisor with a guest.
class machine {
public:
    explicit machine(unix_flow_ptr to) : device_(std::move(to)) {
        for (std::size_t queue = 0; queue < vsock_engine::queues; ++queue) {
            kick_[queue] = unique_fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
            call_[queue] = unique_fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
        }
        guest->kick = [this](std::size_t queue) {
            const std::uint64_t one = 1;
            EXPECT_EQ(::write(kick_[queue].get(), &one, sizeof one), ssize_t{sizeof one});
        };
    }
    machine(const machine&) = delete;
    machine& operator=(const machine&) = delete;
    ~machine() {
        guest->kick = [](std::size_t /*queue*/) {};
    }

    task<void> say(std::uint32_t request, payload what, int passed = -1) {
        payload header;
        header.u32(request).u32(1).u32(static_cast<std::uint32_t>(what.text().size()));
        std::vector<int> descriptors;
        if (passed >= 0) {
            descriptors.push_back(passed);
        }
        const result<void> sent = co_await device_->send_descriptors(
            buffer::copy_of(header.text() + what.text()), std::move(descriptors));
        EXPECT_TRUE(sent);
    }
    /// What comes behind the header of an answer of `size` bytes.
    task<std::string> hear(std::uint32_t request, std::size_t size) {
        std::string all(12 + size, '\0');
        std::size_t have = 0;
        while (have < all.size()) {
            const auto got =
                co_await device_->read_into(std::as_writable_bytes(std::span(all)).subspan(have));
            if (!got) {
                co_return std::string();
            }
            have += *got;
        }
        payload header;
        header.u32(request).u32(5).u32(static_cast<std::uint32_t>(size));
        EXPECT_EQ(all.substr(0, 12), header.text());
        co_return all.substr(12);
    }

    /// Sets everything up as QEMU does.
    task<void> begin() {
        co_await say(1, payload());
        EXPECT_EQ(co_await hear(1, 8), payload().u64(0x1'4000'0000).text());
        co_await say(15, payload());
        EXPECT_EQ(co_await hear(15, 8), payload().u64(0x209).text());
        co_await say(16, payload().u64(0x209));
        co_await say(3, payload());
        co_await say(24, payload().u32(0).u32(8).u32(0).u64(0));
        const std::string config = co_await hear(24, 20);
        EXPECT_EQ(config, payload().u32(0).u32(8).u32(0).u64(3).text());
        co_await say(2, payload().u64(0x1'4000'0000));
        co_await share_memory();
        for (std::uint32_t queue = 0; queue < vsock_engine::queues; ++queue) {
            co_await begin_queue(queue);
        }
        // An answer says that all before it was done.
        co_await say(1, payload());
        EXPECT_EQ((co_await hear(1, 8)).size(), 8U);
    }
    task<void> share_memory() {
        const memory_region region = test_guest::region();
        payload table;
        table.u32(1).u32(0).u64(region.guest).u64(region.size).u64(region.user).u64(0);
        co_await say(5, table, guest->file().get());
    }
    task<void> begin_queue(std::uint32_t queue) {
        const virtqueue::place at = guest->place(queue);
        co_await say(8, payload().u32(queue).u32(at.size));
        co_await say(10, payload().u32(queue).u32(0));
        payload addresses;
        addresses.u32(queue).u32(0).u64(at.descriptors).u64(at.used).u64(at.available).u64(0);
        co_await say(9, addresses);
        co_await say(13, payload().u64(queue), call_[queue].get());
        co_await say(12, payload().u64(queue), kick_[queue].get());
        co_await say(18, payload().u32(queue).u32(1));
    }
    task<std::string> stop_queue(std::uint32_t queue) {
        co_await say(11, payload().u32(queue).u32(0));
        co_return co_await hear(11, 8);
    }

    /// Passes on what the device tells of, until it is stopped.
    task<void> interrupts(std::size_t queue) {
        loop& here = loop::current();
        descriptor file(call_[queue].get(), descriptor_kind::other);
        EXPECT_EQ(here.io().attach(file), 0);
        for (;;) {
            const auto ready = co_await io_operation(file, io_kind::readable, "interrupt");
            if (!ready) {
                break;
            }
            std::uint64_t count = 0;
            EXPECT_EQ(::read(call_[queue].get(), &count, sizeof count), ssize_t{sizeof count});
            guest->interrupt();
        }
        here.io().detach(file);
    }

    [[nodiscard]] unix_flow& device() { return *device_; }
    std::shared_ptr<test_guest> guest = std::make_shared<test_guest>();

private:
    unix_flow_ptr device_;
    std::array<unique_fd, vsock_engine::queues> kick_;
    std::array<unique_fd, vsock_engine::queues> call_;
};

class VsockDevice : public testing::TestWithParam<backend_kind> {
protected:
    /// Runs `play` with a device at a socket.
    template <class F>
    void run(F play) {
        auto made = loop::create({.backend = GetParam()});
        if (!made) {
            GTEST_SKIP() << made.error().message();
        }
        const std::string place = testing::TempDir() + "vsock-device-" + std::to_string(::getpid());
        const auto all = [&]() -> task<void> {
            const auto at = unix_address::path(place);
            auto device = vsock_device::open(*at, {.window = std::size_t{64} * 1024});
            EXPECT_TRUE(device) << device.error().message();
            const auto body = [&](scope& tasks) -> task<void> {
                tasks.spawn(serve(*device, ends_), "device");
                co_await play(*device, *at, tasks);
                tasks.request_stop();
            };
            static_cast<void>(co_await with_timeout(patience, with_scope(body)));
        };
        (*made)->run(all());
    }

    static task<void> serve(vsock_device& device, std::vector<error>& ends) {
        std::function<void(const error&)> told = [&ends](const error& why) { ends.push_back(why); };
        static_cast<void>(co_await device.run(std::move(told)));
    }

    std::vector<error> ends_;
};

INSTANTIATE_TEST_SUITE_P(Kernel, VsockDevice,
                         testing::Values(backend_kind::epoll, backend_kind::io_uring),
                         [](const auto& one) { return std::string(to_string(one.param)); });

/// A megabyte there, and what comes back.
task<void> expect_echo(flow& asking, flow& answering) {
    const std::string text(std::size_t{1} << 20, 'x');
    std::size_t back = 0;
    co_await when_all(
        [](flow& from, const std::string& all) -> task<void> {
            EXPECT_TRUE(co_await from.write(buffer::copy_of(all)));
            EXPECT_TRUE(co_await from.shutdown(direction::write));
        }(asking, text),
        [](flow& echo) -> task<void> {
            for (;;) {
                auto data = co_await echo.read();
                if (!data) {
                    EXPECT_EQ(data.error().kind(), errc::end);
                    break;
                }
                EXPECT_TRUE(co_await echo.write(std::move(*data)));
            }
            EXPECT_TRUE(co_await echo.close());
        }(answering),
        [](flow& from, std::size_t& bytes) -> task<void> {
            for (;;) {
                const auto data = co_await from.read();
                if (!data) {
                    EXPECT_EQ(data.error().kind(), errc::end);
                    break;
                }
                bytes += data->size();
            }
        }(asking, back));
    EXPECT_EQ(back, text.size());
    EXPECT_TRUE(co_await asking.close());
}

TEST_P(VsockDevice, CarriesConnectionsBothWays) {
    run([](vsock_device& device, const unix_address& at, scope& tasks) -> task<void> {
        machine of(std::move(*co_await connect(at)));
        for (std::size_t queue = 0; queue < vsock_engine::queues; ++queue) {
            tasks.spawn(of.interrupts(queue), "interrupts");
        }
        const auto ours = device.listen(5000);
        const auto theirs = of.guest->listen(1024);
        EXPECT_TRUE(ours && theirs);
        co_await of.begin();
        auto up = co_await when_all(vsock_hub::connect(of.guest, 5000), (*ours)->accept());
        EXPECT_TRUE(std::get<0>(up) && std::get<1>(up));
        EXPECT_EQ((*std::get<1>(up))->local().to_string(), "vsock://2:5000");
        co_await expect_echo(**std::get<0>(up), **std::get<1>(up));
        auto down = co_await when_all(device.connect(1024), (*theirs)->accept());
        EXPECT_TRUE(std::get<0>(down) && std::get<1>(down));
        EXPECT_EQ((*std::get<0>(down))->remote().to_string(), "vsock://3:1024");
        co_await expect_echo(**std::get<0>(down), **std::get<1>(down));
        const auto nobody = co_await device.connect(77);
        EXPECT_FALSE(nobody);
        EXPECT_EQ(nobody.error().kind(), errc::refused);
        const auto nobody_here = co_await vsock_hub::connect(of.guest, 77);
        EXPECT_EQ(nobody_here.error().kind(), errc::refused);
    });
}

TEST_P(VsockDevice, ResetsConnectionsWhenAQueueStopsAndGoesOnWithTheNext) {
    run([](vsock_device& device, const unix_address& at, scope& tasks) -> task<void> {
        machine of(std::move(*co_await connect(at)));
        for (std::size_t queue = 0; queue < vsock_engine::queues; ++queue) {
            tasks.spawn(of.interrupts(queue), "interrupts");
        }
        const auto early = co_await device.connect(1024);
        EXPECT_EQ(early.error().kind(), errc::unreachable);
        const auto theirs = of.guest->listen(1024);
        co_await of.begin();
        auto pair = co_await when_all(device.connect(1024), (*theirs)->accept());
        EXPECT_TRUE(std::get<0>(pair) && std::get<1>(pair));
        EXPECT_EQ((co_await of.stop_queue(0)).size(), 8U);
        const auto got = co_await (*std::get<0>(pair))->read();
        EXPECT_EQ(got.error().kind(), errc::reset);
        EXPECT_EQ((co_await device.connect(1024)).error().kind(), errc::unreachable);
        const std::string state = co_await of.stop_queue(1);
        EXPECT_EQ(load_le32(std::as_bytes(std::span(state)).data()), 1U);
    });
}

TEST_P(VsockDevice, ServesTheNextHypervisorAfterOneWentAway) {
    run([this](vsock_device& device, const unix_address& at, scope& tasks) -> task<void> {
        for (std::size_t round = 0; round < 3; ++round) {
            machine of(std::move(*co_await connect(at)));
            const auto theirs = of.guest->listen(1024);
            const auto work = [&](scope& guests) -> task<void> {
                for (std::size_t queue = 0; queue < vsock_engine::queues; ++queue) {
                    guests.spawn(of.interrupts(queue), "interrupts");
                }
                co_await of.begin();
                auto pair = co_await when_all(device.connect(1024), (*theirs)->accept());
                if (!std::get<0>(pair) || !std::get<1>(pair)) {
                    ADD_FAILURE() << std::get<0>(pair).error().message();
                    co_return;
                }
                of.device().abort();
                const auto got = co_await (*std::get<0>(pair))->read();
                EXPECT_EQ(got.error().kind(), errc::reset);
                guests.request_stop();
            };
            static_cast<void>(co_await with_scope(work));
        }
        EXPECT_GE(ends_.size(), 2U);
        EXPECT_FALSE(tasks.stop_requested());
    });
}

TEST_P(VsockDevice, HangsUpOnAHypervisorThatBreaksTheRules) {
    struct wrong {
        std::uint32_t request;
        payload what;
    };
    const std::vector<wrong> all{
        {99, payload().u64(0)},         // no such message
        {5, payload().u32(1).u32(0)},   // memory without a table
        {5, payload().u32(65).u32(0)},  // too much of it
        {8, payload().u32(7).u32(128)}, // no such queue
        {9, payload().u32(0).u32(0)},   // addresses cut off
        {12, payload().u64(0)},         // no descriptor
        {2, payload().u64(1)},          // features never offered
        {16, payload().u64(2)},         // the same of the protocol
        {24, payload().u32(0)},         // half a question
    };
    run([&](vsock_device& /*device*/, const unix_address& at, scope& /*tasks*/) -> task<void> {
        for (const wrong& each : all) {
            machine of(std::move(*co_await connect(at)));
            co_await of.say(each.request, each.what);
            EXPECT_EQ(co_await of.hear(0, 8), "") << each.request;
        }
        machine of(std::move(*co_await connect(at)));
        EXPECT_TRUE(co_await of.device().write(buffer::copy_of(payload().u64(~0ULL).text())));
        EXPECT_TRUE(co_await of.device().write(buffer::copy_of(payload().u64(~0ULL).text())));
        EXPECT_EQ(co_await of.hear(0, 8), "");
    });
    EXPECT_GE(ends_.size(), all.size());
    for (std::size_t i = 0; i < all.size(); ++i) {
        EXPECT_EQ(ends_[i].kind(), errc::protocol_error) << all[i].request;
    }
}

TEST_P(VsockDevice, TakesNoMemoryThatMayBecomeShorterAndNoNoticesElsewhere) {
    run([](vsock_device& /*device*/, const unix_address& at, scope& /*tasks*/) -> task<void> {
        const unique_fd loose(::memfd_create("loose", MFD_CLOEXEC));
        EXPECT_EQ(::ftruncate(loose.get(), 4096), 0);
        machine first(std::move(*co_await connect(at)));
        payload table;
        table.u32(1).u32(0).u64(0).u64(4096).u64(0).u64(0);
        co_await first.say(5, table, loose.get());
        EXPECT_EQ(co_await first.hear(0, 8), "");
        machine second(std::move(*co_await connect(at)));
        co_await second.say(12, payload().u64(0), loose.get());
        EXPECT_EQ(co_await second.hear(0, 8), "");
    });
    EXPECT_GE(ends_.size(), 1U);
    EXPECT_EQ(ends_.front().kind(), errc::permission_denied) << ends_.front().message();
}

} // namespace
} // namespace runnel::host
