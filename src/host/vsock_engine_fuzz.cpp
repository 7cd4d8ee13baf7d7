// SPDX-License-Identifier: Apache-2.0
// A hostile guest: the input is a list of changes to its memory, descriptors, rings and packets
// alike, with notices in between, while the host opens, accepts, writes and reads. Nothing breaks,
// and no other memory is touched. Each change: where (3 bytes), how long (1 byte), the bytes.

#include "runnel/async/loop.hpp"
#include "runnel/async/scope.hpp"
#include "runnel/async/sleep.hpp"
#include "test_guest.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

namespace {

using namespace runnel;
using namespace runnel::host;

class quiet_engine final : public vsock_engine {
public:
    using vsock_engine::vsock_engine;

private:
    void interrupt(std::size_t /*queue*/) noexcept override {}
};

task<void> use(flow_ptr one) {
    static_cast<void>(co_await one->write(buffer::copy_of("some bytes for the other side")));
    static_cast<void>(co_await one->read());
    static_cast<void>(co_await one->shutdown(direction::write));
    static_cast<void>(co_await one->read());
    static_cast<void>(co_await one->close());
}

task<void> open_one(std::shared_ptr<vsock_hub> device) {
    auto made = co_await vsock_hub::connect(std::move(device), 7);
    if (made) {
        co_await use(std::move(*made));
    }
}

task<void> accept_all(listener& at, scope& tasks) {
    for (;;) {
        auto next = co_await at.accept();
        if (!next) {
            break;
        }
        tasks.spawn(use(std::move(*next)));
    }
}

task<void> change(std::shared_ptr<quiet_engine> device, std::byte* memory,
                  std::span<const std::byte> input, scope& tasks) {
    constexpr std::size_t half = test_guest::memory_size / 2;
    while (input.size() >= 4) {
        // Near the rings and the first packets of either queue, where something happens.
        const std::size_t at = std::to_integer<std::size_t>(input[0]) % 2 * half +
                               std::to_integer<std::size_t>(input[1]) % 32 * 256 +
                               std::to_integer<std::size_t>(input[2]);
        const std::size_t size = std::min(std::to_integer<std::size_t>(input[3]), input.size() - 4);
        std::copy_n(input.data() + 4, size, memory + at);
        input = input.subspan(4 + size);
        device->notice();
        co_await yield();
    }
    tasks.request_stop();
}

task<void> play(std::span<const std::byte> input) {
    const auto device = std::make_shared<quiet_engine>(vsock_hub_options{.window = 4096});
    const auto guest = std::make_shared<test_guest>(4096);
    guest_memory memory;
    if (!memory.add(test_guest::region(), guest->file(), false) ||
        !device->use(std::move(memory)) || !device->start_queue(0, guest->place(0)) ||
        !device->start_queue(1, guest->place(1))) {
        co_return;
    }
    const auto at = device->listen(1024);
    // NOLINTNEXTLINE(cppcoreguidelines-avoid-capturing-lambda-coroutines): it outlives the scope
    const auto body = [&](scope& tasks) -> task<void> {
        tasks.spawn(open_one(device));
        tasks.spawn(accept_all(**at, tasks));
        tasks.spawn(change(device, guest->receiving().memory(), input, tasks));
        co_await tasks.join();
    };
    static_cast<void>(co_await with_scope(body));
    device->stop_all(errc::aborted);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto virtual_loop =
        loop::create({.backend = backend_kind::virtual_time, .report_deadlock = false}).value();
    virtual_loop->run(play(std::as_bytes(std::span(data, size))));
    return 0;
}
