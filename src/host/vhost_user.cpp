// SPDX-License-Identifier: Apache-2.0
#include "vhost_user.hpp"

#include "runnel/core/byte_order.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

namespace runnel::inline v0::host {
namespace {

// The vhost-user protocol, sections "Message Specification" and "Front-end message types".
enum request : std::uint32_t {
    get_features = 1,
    set_features = 2,
    set_owner = 3,
    reset_owner = 4,
    set_mem_table = 5,
    set_vring_num = 8,
    set_vring_addr = 9,
    set_vring_base = 10,
    get_vring_base = 11,
    set_vring_kick = 12,
    set_vring_call = 13,
    set_vring_err = 14,
    get_protocol_features = 15,
    set_protocol_features = 16,
    get_queue_num = 17,
    set_vring_enable = 18,
    get_config = 24,
    set_config = 25,
};

constexpr std::uint32_t version = 1;
constexpr std::uint32_t version_mask = 3;
constexpr std::uint32_t is_reply = 1U << 2U;
constexpr std::uint32_t needs_reply = 1U << 3U;

constexpr std::uint64_t virtio_version_1 = std::uint64_t{1} << 32U;
constexpr std::uint64_t has_protocol_features = std::uint64_t{1} << 30U;
constexpr std::uint64_t offered_features = virtio_version_1 | has_protocol_features;
constexpr std::uint64_t multiqueue = std::uint64_t{1} << 0U; // for get_queue_num
constexpr std::uint64_t reply_ack = std::uint64_t{1} << 3U;
constexpr std::uint64_t config = std::uint64_t{1} << 9U;
constexpr std::uint64_t offered_protocol = multiqueue | reply_ack | config;

constexpr std::size_t region_size = 32;
constexpr std::size_t config_header = 12;
constexpr std::uint64_t no_descriptor = 1U << 8U;

std::vector<std::byte> number(std::uint64_t value) {
    std::vector<std::byte> bytes(8);
    store_le64(bytes.data(), value);
    return bytes;
}

std::unexpected<error> malformed(std::string_view what) {
    return fail(errc::protocol_error, fmt::format("vhost-user: {}", what));
}

/// Whether it is an eventfd: to write elsewhere in somebody's name would be a way to misuse us.
bool is_eventfd(const unique_fd& file) {
    std::array<char, 64> name{};
    const std::string link = fmt::format("/proc/self/fd/{}", file.get());
    const ssize_t size = ::readlink(link.c_str(), name.data(), name.size());
    return size > 0 &&
           std::string_view(name.data(), static_cast<std::size_t>(size)) == "anon_inode:[eventfd]";
}

} // namespace

result<buffer> vhost_user::hear(std::span<const std::byte> bytes,
                                std::vector<unique_fd> descriptors) {
    unread_.insert(unread_.end(), bytes.begin(), bytes.end());
    // Descriptors come with the last message of those that are read at once (unix(7)).
    if (!descriptors.empty()) {
        descriptors_ = std::move(descriptors);
    }
    std::size_t used = 0;
    while (unread_.size() - used >= vhost_message::header_size) {
        const std::byte* const at = unread_.data() + used;
        vhost_message message{.request = load_le32(at), .flags = load_le32(at + 4)};
        const std::size_t size = load_le32(at + 8);
        if ((message.flags & version_mask) != version || size > vhost_message::longest) {
            return malformed("a message is of another version, or too long");
        }
        if (unread_.size() - used - vhost_message::header_size < size) {
            break;
        }
        message.payload = {at + vhost_message::header_size, size};
        used += vhost_message::header_size + size;
        const result<reply> done = handle(message);
        if (!done) {
            return fail(done.error());
        }
        answer(message, *done);
    }
    unread_.erase(unread_.begin(), unread_.begin() + static_cast<std::ptrdiff_t>(used));
    return buffer::copy_of(std::exchange(answers_, {}));
}

void vhost_user::answer(const vhost_message& message, const reply& what) {
    const bool wanted = (message.flags & needs_reply) != 0 && (protocol_features_ & reply_ack) != 0;
    if (!what.expected && !wanted) {
        return;
    }
    const std::vector<std::byte> payload = what.expected ? what.payload : number(0);
    std::array<std::byte, vhost_message::header_size> header{};
    store_le32(header.data(), message.request);
    store_le32(header.data() + 4, version | is_reply);
    store_le32(header.data() + 8, static_cast<std::uint32_t>(payload.size()));
    answers_.insert(answers_.end(), header.begin(), header.end());
    answers_.insert(answers_.end(), payload.begin(), payload.end());
}

result<vhost_user::reply> vhost_user::handle(const vhost_message& message) {
    const auto value = message.payload.size() >= 8 ? load_le64(message.payload.data()) : 0;
    switch (message.request) {
    case get_features:
        return reply{true, number(offered_features)};
    case set_features:
        if ((value & ~offered_features) != 0) {
            return malformed("features that were not offered");
        }
        return reply{};
    case get_protocol_features:
        return reply{true, number(offered_protocol)};
    case set_protocol_features:
        protocol_features_ = value;
        if ((value & ~offered_protocol) != 0) {
            return malformed("protocol features that were not offered");
        }
        return reply{};
    case set_owner:
    case set_config:
        return reply{};
    case get_queue_num:
        return reply{true, number(vsock_engine::queues)};
    case get_config:
        return configuration(message.payload);
    case set_mem_table:
        if (auto done = set_memory(message.payload); !done) {
            return fail(done.error());
        }
        return reply{};
    default:
        return handle_ring(message);
    }
}

result<vhost_user::reply> vhost_user::handle_ring(const vhost_message& message) {
    if (message.request == reset_owner) {
        for (std::size_t index = 0; index < rings_.size(); ++index) {
            static_cast<void>(stop(index));
        }
        return reply{};
    }
    if (message.request < set_vring_num || message.request > set_vring_enable ||
        message.payload.size() < 8) {
        return malformed(fmt::format("a message of kind {} is not expected", message.request));
    }
    const std::uint32_t index =
        message.request >= set_vring_kick && message.request <= set_vring_err
            ? std::to_integer<std::uint32_t>(message.payload[0])
            : load_le32(message.payload.data());
    const std::uint32_t value = load_le32(message.payload.data() + 4);
    if (index >= rings_.size()) {
        return malformed(fmt::format("there is no queue {}", index));
    }
    ring& one = rings_[index];
    result<void> done;
    switch (message.request) {
    case set_vring_num:
        one.at.size = value;
        break;
    case set_vring_base:
        one.at.base = static_cast<std::uint16_t>(value);
        break;
    case get_vring_base: {
        std::vector<std::byte> state(8);
        store_le32(state.data(), index);
        store_le32(state.data() + 4, stop(index));
        return reply{true, std::move(state)};
    }
    case set_vring_addr:
        done = set_address(message.payload);
        break;
    case set_vring_enable:
        one.disabled = value == 0;
        if (one.disabled && one.running) {
            one.at.base = device_->stop_queue(index);
            one.running = false;
        }
        break;
    default:
        done = set_notice(message);
    }
    if (done) {
        done = start_if_ready(index);
    }
    if (!done) {
        return fail(done.error());
    }
    return reply{};
}

std::uint16_t vhost_user::stop(std::size_t index) {
    ring& one = rings_[index];
    if (one.running) {
        one.at.base = device_->stop_queue(index);
    }
    one.running = false;
    one.kicked = false;
    notices_.kick[index].reset();
    ++changes_;
    return one.at.base;
}

result<void> vhost_user::set_memory(std::span<const std::byte> payload) {
    const std::size_t count = payload.size() >= 8 ? load_le32(payload.data()) : 0;
    const auto files = std::exchange(descriptors_, {});
    if (count == 0 || count > guest_memory::most_regions || files.size() != count ||
        payload.size() < 8 + count * region_size) {
        return malformed("a table of memory does not fit its descriptors");
    }
    guest_memory memory;
    for (std::size_t i = 0; i < count; ++i) {
        const std::byte* const at = payload.data() + 8 + i * region_size;
        const memory_region region{.guest = load_le64(at),
                                   .size = load_le64(at + 8),
                                   .user = load_le64(at + 16),
                                   .offset = load_le64(at + 24)};
        if (auto added = memory.add(region, files[i], may_shrink_); !added) {
            return added;
        }
    }
    return device_->use(std::move(memory));
}

result<void> vhost_user::set_address(std::span<const std::byte> payload) {
    if (payload.size() < 40) {
        return malformed("the addresses of a queue are incomplete");
    }
    ring& one = rings_[load_le32(payload.data())];
    one.at.descriptors = load_le64(payload.data() + 8);
    one.at.used = load_le64(payload.data() + 16);
    one.at.available = load_le64(payload.data() + 24);
    one.addressed = true;
    return {};
}

result<void> vhost_user::set_notice(const vhost_message& message) {
    const std::uint64_t value = load_le64(message.payload.data());
    const auto index = static_cast<std::size_t>(value & 0xFFU);
    unique_fd file;
    if ((value & no_descriptor) == 0) {
        auto files = std::exchange(descriptors_, {});
        if (files.size() != 1 || !is_eventfd(files[0])) {
            return malformed("a notice goes through one eventfd");
        }
        file = std::move(files[0]);
        ::fcntl(file.get(), F_SETFL, ::fcntl(file.get(), F_GETFL) | O_NONBLOCK);
    }
    if (message.request == set_vring_kick) {
        notices_.kick[index] = std::move(file);
        rings_[index].kicked = true;
        ++changes_;
    } else if (message.request == set_vring_call) {
        notices_.call[index] = std::move(file);
    }
    return {};
}

/// The guest's number is all that there is (virtio 1.2, section 5.10.4).
result<vhost_user::reply> vhost_user::configuration(std::span<const std::byte> payload) const {
    if (payload.size() < config_header) {
        return malformed("a question for the configuration is incomplete");
    }
    reply answer{true, {payload.begin(), payload.end()}};
    const std::vector<std::byte> cid = number(device_->options().peer_cid);
    const std::size_t offset = load_le32(payload.data());
    for (std::size_t i = config_header; i < payload.size(); ++i) {
        const std::size_t at = offset + i - config_header;
        answer.payload[i] = at < cid.size() ? cid[at] : std::byte{0};
    }
    return answer;
}

/// QEMU enables queues of some devices by a message, and those of others by the descriptor.
result<void> vhost_user::start_if_ready(std::size_t index) {
    ring& one = rings_[index];
    if (one.running || one.disabled || !one.addressed || !one.kicked || one.at.size == 0) {
        return {};
    }
    auto started = device_->start_queue(index, one.at);
    one.running = started.has_value();
    return started;
}

} // namespace runnel::inline v0::host
