// SPDX-License-Identifier: Apache-2.0
// Arbitrary messages of a hypervisor, each with the descriptors that its kind wants, over a guest
// whose queues hold whatever a test left there: nothing breaks, and no other memory is touched.
// Input: for each message its kind, a length, and so many bytes of payload.

#include "runnel/async/loop.hpp"
#include "runnel/core/byte_order.hpp"
#include "test_guest.hpp"
#include "vhost_user.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/eventfd.h>

namespace {

using namespace runnel;
using namespace runnel::host;

class quiet_engine final : public vsock_engine {
public:
    using vsock_engine::vsock_engine;

private:
    void interrupt(std::size_t /*queue*/) noexcept override {}
};

std::vector<unique_fd> descriptors_for(std::uint8_t kind, std::span<const std::byte> payload,
                                       const test_guest& guest) {
    std::vector<unique_fd> all;
    if (kind == 5) {
        const std::size_t count =
            payload.empty() ? 0 : std::to_integer<std::size_t>(payload[0]) % 9;
        for (std::size_t i = 0; i < count; ++i) {
            all.emplace_back(::fcntl(guest.file().get(), F_DUPFD_CLOEXEC, 3));
        }
    } else if (kind >= 12 && kind <= 14) {
        all.emplace_back(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    }
    return all;
}

void play(std::span<const std::byte> input) {
    const auto device = std::make_shared<quiet_engine>(vsock_hub_options{.window = 4096});
    const auto guest = std::make_shared<test_guest>(4096);
    const auto at = device->listen(1024);
    guest->sending().offer(0, 10);
    vhost_user talk(*device, false);
    while (input.size() >= 2) {
        const auto kind = std::to_integer<std::uint8_t>(input[0]);
        const std::size_t size = std::min(std::to_integer<std::size_t>(input[1]), input.size() - 2);
        const auto payload = input.subspan(2, size);
        input = input.subspan(2 + size);
        std::array<std::byte, vhost_message::header_size> header{};
        store_le32(header.data(), kind);
        store_le32(header.data() + 4, 1);
        store_le32(header.data() + 8, static_cast<std::uint32_t>(size));
        if (!talk.hear(header, {}) || !talk.hear(payload, descriptors_for(kind, payload, *guest))) {
            break;
        }
        device->notice();
    }
    device->stop_all(errc::aborted);
}

task<void> play_in_loop(std::span<const std::byte> input) {
    play(input);
    co_return;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto virtual_loop =
        loop::create({.backend = backend_kind::virtual_time, .report_deadlock = false}).value();
    virtual_loop->run(play_in_loop(std::as_bytes(std::span(data, size))));
    return 0;
}
