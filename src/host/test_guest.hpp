// SPDX-License-Identifier: Apache-2.0
#pragma once

// A guest in this process, for tests and benchmarks: the driver of a vsock device over memory that
// both share. Its connections are flows, too.

#include "guest_memory.hpp"
#include "runnel/async/loop.hpp"
#include "runnel/async/timer.hpp"
#include "runnel/core/byte_order.hpp"
#include "runnel/core/check.hpp"
#include "virtqueue.hpp"
#include "vsock_engine.hpp"
#include "vsock_hub.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include <sys/mman.h>
#include <unistd.h>

namespace runnel::host {

/// The driver's side of a split virtqueue whose chains are a header and a place for data.
class test_queue {
public:
    static constexpr std::size_t slots = 16;
    static constexpr std::uint32_t size = 2 * slots;
    static constexpr std::size_t available_at = std::size_t{16} * size;
    static constexpr std::size_t used_at = available_at + 4 + std::size_t{2} * size + 4;
    static constexpr std::size_t buffers_at = 4096;
    static constexpr std::size_t slot_size = 64 + largest_vsock_packet;
    static constexpr std::size_t bytes = buffers_at + slots * slot_size;

    test_queue(std::byte* memory, std::uint64_t guest, bool device_writes)
        : memory_(memory), guest_(guest), flags_(device_writes ? 2 : 0) {}

    [[nodiscard]] std::span<std::byte> header(std::size_t slot) const {
        return {memory_ + buffers_at + slot * slot_size, vsock_header::size};
    }
    [[nodiscard]] std::span<std::byte> data(std::size_t slot) const {
        return {memory_ + buffers_at + slot * slot_size + 64, largest_vsock_packet};
    }

    /// Offers a slot to the device with so much place for data.
    void offer(std::size_t slot, std::size_t length) {
        const std::uint64_t at = guest_ + buffers_at + slot * slot_size;
        describe(2 * slot, at, vsock_header::size, length > 0 ? 1 : 0, 2 * slot + 1);
        describe(2 * slot + 1, at + 64, length, 0, 0);
        store_le16(memory_ + available_at + 4 + std::size_t{2} * (offered_ % size),
                   static_cast<std::uint16_t>(2 * slot));
        ++offered_;
        index(available_at).store(offered_, std::memory_order_release);
    }
    /// The next slot that the device is done with; -1 if there is none.
    int take() {
        if (index(used_at).load(std::memory_order_acquire) == taken_) {
            return -1;
        }
        const std::byte* const entry = memory_ + used_at + 4 + std::size_t{8} * (taken_ % size);
        ++taken_;
        return static_cast<int>(load_le32(entry) / 2);
    }

    [[nodiscard]] virtqueue::place place(std::uint64_t user) const {
        return {.size = size,
                .descriptors = user,
                .available = user + available_at,
                .used = user + used_at};
    }
    [[nodiscard]] std::byte* memory() const { return memory_; }
    void describe(std::size_t at, std::uint64_t address, std::size_t length, unsigned more,
                  std::size_t next) {
        std::byte* const entry = memory_ + at * 16;
        store_le64(entry, address);
        store_le32(entry + 8, static_cast<std::uint32_t>(length));
        store_le16(entry + 12, static_cast<std::uint16_t>(flags_ | more));
        store_le16(entry + 14, static_cast<std::uint16_t>(next));
    }

private:
    [[nodiscard]] std::atomic_ref<std::uint16_t> index(std::size_t ring) const {
        return std::atomic_ref<std::uint16_t>(
            *reinterpret_cast<std::uint16_t*>(memory_ + ring + 2));
    }

    std::byte* memory_;
    std::uint64_t guest_;
    unsigned flags_;
    std::uint16_t offered_ = 0;
    std::uint16_t taken_ = 0;
};

/// The guest: memory with two queues, and its side of the connections.
class test_guest final : public vsock_hub {
public:
    static constexpr std::uint64_t guest_base = 0x10'0000;
    static constexpr std::uint64_t user_base = 0x7000'0000'0000;
    static constexpr std::size_t memory_size = 2 * ((test_queue::bytes + 4095) / 4096 * 4096);

    explicit test_guest(std::size_t window = std::size_t{256} * 1024)
        : vsock_hub({.own_cid = 3, .peer_cid = 2, .window = window}),
          file_(::memfd_create("guest", MFD_CLOEXEC | MFD_ALLOW_SEALING)),
          memory_(map(file_.get())), to_guest_(memory_, guest_base, true),
          from_guest_(memory_ + memory_size / 2, guest_base + memory_size / 2, false) {
        for (std::size_t slot = 0; slot < test_queue::slots; ++slot) {
            to_guest_.offer(slot, largest_vsock_packet);
            free_.push_back(slot);
        }
        come_up();
    }
    test_guest(const test_guest&) = delete;
    test_guest& operator=(const test_guest&) = delete;
    ~test_guest() override {
        go_down(errc::aborted);
        ::munmap(memory_, memory_size);
    }

    /// What tells the device of something in a queue.
    std::function<void(std::size_t queue)> kick = [](std::size_t /*queue*/) {};

    [[nodiscard]] const unique_fd& file() const { return file_; }
    [[nodiscard]] static memory_region region() {
        return {.guest = guest_base, .size = memory_size, .user = user_base};
    }
    [[nodiscard]] virtqueue::place place(std::size_t queue) const {
        return queue == vsock_engine::to_guest ? to_guest_.place(user_base)
                                               : from_guest_.place(user_base + memory_size / 2);
    }
    [[nodiscard]] test_queue& sending() { return from_guest_; }
    [[nodiscard]] test_queue& receiving() { return to_guest_; }

    /// The device has told of something in a queue.
    void interrupt() {
        bool again = false;
        for (int slot = from_guest_.take(); slot >= 0; slot = from_guest_.take()) {
            free_.push_back(static_cast<std::size_t>(slot));
        }
        for (int slot = to_guest_.take(); slot >= 0; slot = to_guest_.take()) {
            const auto at = static_cast<std::size_t>(slot);
            const vsock_header header =
                vsock_header::decode(to_guest_.header(at).first<vsock_header::size>());
            buffer data;
            if (header.length > 0) {
                data = buffer::copy_of(to_guest_.data(at).first(header.length));
            }
            to_guest_.offer(at, largest_vsock_packet);
            again = true;
            hear(header, std::move(data));
        }
        if (again) {
            kick(vsock_engine::to_guest);
        }
        something_to_send();
    }

private:
    static std::byte* map(int file) {
        check(::ftruncate(file, static_cast<off_t>(memory_size)) == 0, "there is memory");
        void* const where =
            ::mmap(nullptr, memory_size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        check(where != MAP_FAILED, "there is memory");
        return static_cast<std::byte*>(where);
    }

    void something_to_send() noexcept override {
        bool sent = false;
        packet one;
        while (!sending_ && has_next() && !free_.empty()) {
            sending_ = true;
            const bool got = next(one, largest_vsock_packet);
            sending_ = false;
            if (!got) {
                break;
            }
            const std::size_t slot = free_.back();
            free_.pop_back();
            const auto header = one.header.encode();
            std::memcpy(from_guest_.header(slot).data(), header.data(), header.size());
            if (!one.data.empty()) {
                std::memcpy(from_guest_.data(slot).data(), one.data.data(), one.data.size());
            }
            from_guest_.offer(slot, one.data.size());
            sent = true;
        }
        if (sent) {
            kick(vsock_engine::from_guest);
        }
    }

    unique_fd file_;
    std::byte* memory_;
    test_queue to_guest_;
    test_queue from_guest_;
    std::vector<std::size_t> free_; // slots for sending
    bool sending_ = false;
};

/// A device and its guest on one loop, which take turns there as they would on two processors.
class test_machine {
public:
    explicit test_machine(std::size_t window = std::size_t{256} * 1024)
        : device(std::make_shared<local_engine>(*this, window)),
          guest(std::make_shared<test_guest>(window)), kicked_(*this, &on_kick),
          interrupted_(*this, &on_interrupt) {
        guest->kick = [this](std::size_t /*queue*/) { kicked_.soon(); };
        guest_memory memory;
        check(memory.add(test_guest::region(), guest->file(), false).has_value(), "memory is fine");
        check(device->use(std::move(memory)).has_value(), "memory is fine");
        for (const std::size_t queue : {vsock_engine::to_guest, vsock_engine::from_guest}) {
            check(device->start_queue(queue, guest->place(queue)).has_value(), "queues are fine");
        }
    }
    test_machine(const test_machine&) = delete;
    test_machine& operator=(const test_machine&) = delete;
    ~test_machine() {
        kicked_.cancel();
        interrupted_.cancel();
        guest->kick = [](std::size_t /*queue*/) {};
        device->machine = nullptr;
        device->stop_all(errc::aborted);
        guest->go_down(errc::aborted);
    }

private:
    class local_engine final : public vsock_engine {
    public:
        local_engine(test_machine& of, std::size_t window)
            : vsock_engine({.window = window}), machine(&of) {}
        test_machine* machine;

    private:
        void interrupt(std::size_t /*queue*/) noexcept override {
            if (machine != nullptr) {
                machine->interrupted_.soon();
            }
        }
    };
    struct signal : timer {
        signal(test_machine& of, function fire) : timer(fire), machine(&of) {}
        void soon() {
            if (!armed()) {
                loop& here = loop::current();
                here.arm(*this, here.now());
            }
        }
        test_machine* machine;
    };
    static void on_kick(timer& self) noexcept {
        static_cast<signal&>(self).machine->device->notice();
    }
    static void on_interrupt(timer& self) noexcept {
        static_cast<signal&>(self).machine->guest->interrupt();
    }

public:
    std::shared_ptr<local_engine> device;
    std::shared_ptr<test_guest> guest;

private:
    signal kicked_;
    signal interrupted_;
};

} // namespace runnel::host
