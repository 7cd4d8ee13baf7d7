// SPDX-License-Identifier: Apache-2.0
//
// What guests may do that drivers do not: queues and packets that break the rules.
#include "vsock_engine.hpp"

#include "runnel/async/deadline.hpp"
#include "runnel/async/sleep.hpp"
#include "runnel/async/when.hpp"
#include "test_guest.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <limits>
#include <tuple>
#include <utility>
#include <vector>

#include <fcntl.h>

namespace runnel::host {
namespace {

using namespace std::chrono_literals;

template <class F>
void run_virtual(F body) {
    const auto made =
        loop::create({.backend = backend_kind::virtual_time, .report_deadlock = false}).value();
    made->run(body());
}

unique_fd make_file(off_t size, unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING) {
    unique_fd file(::memfd_create("memory", flags));
    EXPECT_EQ(::ftruncate(file.get(), size), 0);
    return file;
}

TEST(GuestMemory, IsFoundByEitherAddressAndOnlyWithinARegion) {
    guest_memory memory;
    const unique_fd file = make_file(12'288);
    ASSERT_TRUE(
        memory.add({.guest = 0x1000, .size = 4096, .user = 0x9000, .offset = 4096}, file, false));
    ASSERT_TRUE(
        memory.add({.guest = 0x2000, .size = 100, .user = 0xB000, .offset = 8200}, file, false));
    std::byte* const first = memory.at_guest(0x1000, 4096);
    ASSERT_NE(first, nullptr);
    EXPECT_EQ(memory.at_user(0x9010, 16), first + 16);
    EXPECT_NE(memory.at_guest(0x2000, 100), nullptr);
    EXPECT_EQ(memory.at_guest(0x2000, 101), nullptr);
    EXPECT_EQ(memory.at_guest(0x1FFF, 2), nullptr); // over the bound of two regions
    EXPECT_EQ(memory.at_guest(0xFFF, 1), nullptr);
    EXPECT_EQ(memory.at_guest(0x1001, std::numeric_limits<std::uint64_t>::max()), nullptr);
    EXPECT_EQ(memory.at_guest(std::numeric_limits<std::uint64_t>::max(), 2), nullptr);
}

TEST(GuestMemory, TakesNoRegionThatIsNone) {
    constexpr auto far = std::numeric_limits<std::uint64_t>::max();
    guest_memory memory;
    const unique_fd file = make_file(8192);
    ASSERT_TRUE(memory.add({.guest = 0, .size = 4096, .user = 0}, file, false));
    EXPECT_FALSE(memory.add({.guest = 4095, .size = 4096, .user = 0}, file, false));
    EXPECT_FALSE(memory.add({.guest = 8192, .size = 0, .user = 0}, file, false));
    EXPECT_FALSE(memory.add({.guest = 8192, .size = 8193, .user = 0}, file, false));
    EXPECT_FALSE(memory.add({.guest = 8192, .size = 1, .user = 0, .offset = 8192}, file, false));
    EXPECT_FALSE(memory.add({.guest = 8192, .size = 4096, .user = 0, .offset = far}, file, false));
    EXPECT_FALSE(memory.add({.guest = far, .size = 4096, .user = 0}, file, false));
    EXPECT_FALSE(memory.add({.guest = 8192, .size = 4096, .user = far}, file, false));
}

TEST(GuestMemory, CannotBeShortenedOnceItIsMapped) {
    guest_memory memory;
    const unique_fd file = make_file(4096);
    ASSERT_TRUE(memory.add({.guest = 0, .size = 4096, .user = 0}, file, false));
    EXPECT_NE(::ftruncate(file.get(), 0), 0);
    const unique_fd loose = make_file(4096, MFD_CLOEXEC);
    const auto refused = memory.add({.guest = 8192, .size = 4096, .user = 8192}, loose, false);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind(), errc::permission_denied);
    EXPECT_TRUE(memory.add({.guest = 8192, .size = 4096, .user = 8192}, loose, true));
}

TEST(Virtqueue, TakesNoPlaceThatIsNone) {
    const test_guest guest;
    guest_memory memory;
    ASSERT_TRUE(memory.add(test_guest::region(), guest.file(), false));
    virtqueue queue;
    const virtqueue::place good = guest.place(0);
    EXPECT_TRUE(queue.start(memory, good));
    const std::vector<std::function<void(virtqueue::place&)>> changes{
        [](auto& at) { at.size = 0; },
        [](auto& at) { at.size = 24; },
        [](auto& at) { at.size = 65'536; },
        [](auto& at) { at.descriptors += 8; },
        [](auto& at) { at.available += 1; },
        [](auto& at) { at.used += 2; },
        [](auto& at) { at.descriptors = 0; },
        [](auto& at) { at.used = test_guest::user_base + test_guest::memory_size - 64; },
        [](auto& at) { at.available = std::numeric_limits<std::uint64_t>::max() - 1; },
    };
    for (const auto& change : changes) {
        virtqueue::place at = good;
        change(at);
        EXPECT_FALSE(queue.start(memory, at));
    }
}

/// A device whose guest's connection is open, and what the guest then does.
task<void> expect_breakdown(std::function<void(test_queue&)> evil) {
    test_machine all;
    const auto at = all.device->listen(1024);
    auto pair = co_await when_all(vsock_hub::connect(all.guest, 1024), (*at)->accept());
    EXPECT_TRUE(std::get<0>(pair) && std::get<1>(pair));
    test_queue& queue = all.guest->sending();
    queue.offer(3, 100); // so that the next entry is there, for what it is changed to
    evil(queue);
    all.device->notice();
    EXPECT_TRUE(all.device->failure().has_value());
    const auto got = co_await (*std::get<1>(pair))->read();
    EXPECT_FALSE(got);
    EXPECT_EQ(got.error().kind(), errc::reset);
    EXPECT_EQ((co_await vsock_hub::connect(all.device, 1)).error().kind(), errc::unreachable);
}

TEST(VsockEngine, StopsAtAQueueThatBreaksTheRules) {
    constexpr std::uint64_t base = test_guest::guest_base;
    const std::vector<std::function<void(test_queue&)>> evils{
        [](auto& q) { q.describe(6, base, 44, 1, 6); },      // a loop
        [](auto& q) { q.describe(7, base, 44, 1, 6); },      // one of two
        [](auto& q) { q.describe(6, base, 44, 1, 32); },     // a descriptor too far
        [](auto& q) { q.describe(6, base, 44, 1, 0xFFFF); }, //
        [](auto& q) { q.describe(6, 0, 44, 1, 7); },         // other memory
        [](auto& q) { q.describe(6, base - 1, 2, 1, 7); },   //
        [](auto& q) { q.describe(6, base + test_guest::memory_size - 1, 2, 1, 7); },
        [](auto& q) { q.describe(6, base, 0xFFFF'FFFF, 1, 7); }, // more than there is
        [](auto& q) { q.describe(6, ~0ULL, 44, 1, 7); },         // around the end
        [](auto& q) { q.describe(6, base, 44, 4, 7); },          // an indirect table
        [](auto& q) { q.describe(6, base, 44, 3, 7); },          // written before it is read
        [](auto& q) { store_le16(q.memory() + test_queue::available_at + 2, 9999); },
    };
    for (const auto& evil : evils) {
        run_virtual([&]() -> task<void> { co_await expect_breakdown(evil); });
    }
}

/// A guest that says what the test likes, and keeps what it hears.
class raw_guest {
public:
    raw_guest() {
        device = std::make_shared<silent_engine>(vsock_hub_options{.window = 4096, .backlog = 2});
        guest_memory memory;
        EXPECT_TRUE(memory.add(test_guest::region(), guest_.file(), false));
        EXPECT_TRUE(device->use(std::move(memory)));
        for (std::size_t queue = 0; queue < vsock_engine::queues; ++queue) {
            EXPECT_TRUE(device->start_queue(queue, guest_.place(queue)));
        }
    }
    raw_guest(const raw_guest&) = delete;
    raw_guest& operator=(const raw_guest&) = delete;
    ~raw_guest() { device->stop_all(errc::aborted); }

    /// Says one packet from port 9 to port 1024, with so much data there and so much in its header.
    void say(vsock_operation operation, std::uint32_t flags = 0, std::size_t there = 0,
             std::uint32_t told = 0, std::uint64_t cid = 3, std::uint16_t type = 1) {
        const vsock_header header{.from_cid = cid,
                                  .to_cid = 2,
                                  .from_port = 9,
                                  .to_port = 1024,
                                  .length = told,
                                  .type = type,
                                  .operation = operation,
                                  .flags = flags,
                                  .room = 4096};
        test_queue& queue = guest_.sending();
        slot_ = (slot_ + 1) % test_queue::slots;
        std::ranges::copy(header.encode(), queue.header(slot_).begin());
        queue.offer(slot_, there);
        device->notice();
    }
    /// The operations that have come since the last time.
    std::vector<vsock_operation> hear() {
        std::vector<vsock_operation> all;
        test_queue& queue = guest_.receiving();
        for (int slot = queue.take(); slot >= 0; slot = queue.take()) {
            const auto at = static_cast<std::size_t>(slot);
            all.push_back(
                vsock_header::decode(queue.header(at).first<vsock_header::size>()).operation);
            queue.offer(at, largest_vsock_packet);
        }
        return all;
    }

    std::shared_ptr<vsock_engine> device;

private:
    class silent_engine final : public vsock_engine {
    public:
        using vsock_engine::vsock_engine;

    private:
        void interrupt(std::size_t /*queue*/) noexcept override {}
    };
    test_guest guest_;
    std::size_t slot_ = 0;
};

using said = std::vector<vsock_operation>;
using enum vsock_operation;

TEST(VsockEngine, AnswersWhatNobodyWaitsForWithAReset) {
    run_virtual([]() -> task<void> {
        raw_guest guest;
        for (const vsock_operation each : {request, response, shutdown, data, credit_update,
                                           credit_request, static_cast<vsock_operation>(77)}) {
            guest.say(each);
            EXPECT_EQ(guest.hear(), said{reset});
        }
        guest.say(reset);
        EXPECT_EQ(guest.hear(), said{});
        guest.say(request, 0, 0, 0, 3, 2); // a socket of another type
        EXPECT_EQ(guest.hear(), said{reset});
        guest.say(request, 0, 0, 0, 4); // in another's name
        EXPECT_EQ(guest.hear(), said{});
        guest.say(data, 0, 100, 101); // cut off
        guest.say(data, 0, largest_vsock_packet, 0xFFFF'FFFF);
        EXPECT_EQ(guest.hear(), said{});
        EXPECT_FALSE(guest.device->failure().has_value());
        co_return;
    });
}

TEST(VsockEngine, TakesNoMoreThanItHasRoomFor) {
    run_virtual([]() -> task<void> {
        raw_guest guest;
        const auto at = guest.device->listen(1024);
        guest.say(request);
        EXPECT_EQ(guest.hear(), said{response});
        const auto one = co_await (*at)->accept();
        guest.say(data, 0, 4096, 4096);
        guest.say(credit_request);
        EXPECT_EQ(guest.hear(), said{credit_update});
        guest.say(data, 0, 1, 1);
        EXPECT_EQ(guest.hear(), said{reset});
        const auto kept = co_await (*one)->read();
        EXPECT_TRUE(kept);
        const auto end = co_await (*one)->read();
        EXPECT_EQ(end.error().kind(), errc::protocol_error);
    });
}

TEST(VsockEngine, EndsAConnectionAsLinuxDoes) {
    run_virtual([]() -> task<void> {
        raw_guest guest;
        const auto at = guest.device->listen(1024);
        guest.say(request);
        const auto one = co_await (*at)->accept();
        guest.say(data, 0, 5, 5);
        guest.say(shutdown, vsock_is_gone); // closed there: it waits for our word
        EXPECT_EQ(guest.hear(), (said{response, reset}));
        EXPECT_TRUE(co_await (*one)->read());
        EXPECT_EQ((co_await (*one)->read()).error().kind(), errc::end);
        EXPECT_EQ((co_await (*one)->write(buffer::of_static("x"))).error().kind(), errc::reset);
        EXPECT_TRUE(co_await (*one)->close());
        // Again, half by half; the port is not free before the guest has confirmed.
        guest.say(request);
        const auto two = co_await (*at)->accept();
        guest.say(shutdown, vsock_writes_no_more);
        EXPECT_TRUE(co_await (*two)->close());
        EXPECT_EQ(guest.hear(), (said{response, shutdown, shutdown}));
        guest.say(reset);
        EXPECT_EQ(guest.hear(), said{});
        EXPECT_EQ(guest.device->connections(), 0U);
    });
}

TEST(VsockEngine, LetsAGuestThatReadsNothingHoldUpOnlyItself) {
    run_virtual([]() -> task<void> {
        raw_guest guest;
        std::size_t sent = 0;
        for (; guest.device->may_hear() && sent < 10'000; ++sent) {
            guest.say(data);
        }
        EXPECT_LT(sent, 1000U);
        guest.say(data); // which stays in the queue
        std::size_t answers = 0;
        for (std::size_t round = 0; round < sent; ++round) {
            answers += guest.hear().size();
            guest.device->notice();
        }
        EXPECT_EQ(answers, sent + 1);
        EXPECT_TRUE(guest.device->may_hear());
        co_return;
    });
}

TEST(VsockEngine, RefusesMoreThanTheBacklog) {
    run_virtual([]() -> task<void> {
        test_machine all;
        const auto at = all.device->listen(1024);
        std::vector<flow_ptr> opened;
        for (std::size_t i = 0; i < all.device->options().backlog; ++i) {
            auto made = co_await vsock_hub::connect(all.guest, 1024);
            EXPECT_TRUE(made);
            opened.push_back(std::move(*made));
        }
        const auto more = co_await vsock_hub::connect(all.guest, 1024);
        EXPECT_EQ(more.error().kind(), errc::refused);
        EXPECT_TRUE(co_await (*at)->accept());
        EXPECT_TRUE(co_await vsock_hub::connect(all.guest, 1024));
        opened.clear(); // resets what nobody has accepted
        EXPECT_FALSE(all.device->listen(1024));
        EXPECT_TRUE(all.device->listen(1025));
    });
}

TEST(VsockEngine, CarriesAThousandConnectionsAtATime) {
    run_virtual([]() -> task<void> {
        test_machine all;
        const auto at = all.guest->listen(7);
        std::vector<std::pair<flow_ptr, flow_ptr>> pairs;
        for (int i = 0; i < 1000; ++i) {
            auto both = co_await when_all(vsock_hub::connect(all.device, 7), (*at)->accept());
            pairs.emplace_back(std::move(*std::get<0>(both)), std::move(*std::get<1>(both)));
        }
        for (const auto& [here, there] : pairs) {
            EXPECT_TRUE(co_await here->write(buffer::of_static("ping")));
        }
        for (const auto& [here, there] : pairs) {
            const auto got = co_await there->read();
            EXPECT_TRUE(got && got->view() == "ping");
        }
        pairs.clear();
        co_await sleep_for(1s);
        EXPECT_EQ(all.device->connections(), 0U);
        EXPECT_EQ(all.guest->connections(), 0U);
    });
}

} // namespace
} // namespace runnel::host
