// SPDX-License-Identifier: Apache-2.0
#include "vnet_link.hpp"

#include "runnel/stack/link/segmentation.hpp"

#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <unistd.h>

namespace runnel::inline v0::stack {
namespace {

/// The header in front of each frame (virtio 1.2, 5.1.6), with numbers in the order of the host.
/// The system's own definition is no C++.
struct virtio_header {
    std::uint8_t flags;
    std::uint8_t gso_type;
    std::uint16_t header_size;
    std::uint16_t gso_size;
    std::uint16_t checksum_start;
    std::uint16_t checksum_offset;
};
constexpr std::size_t header_size = sizeof(virtio_header);
static_assert(header_size == vnet_header_size, "as virtio lays it out");
constexpr std::uint8_t flag_needs_checksum = 1;
constexpr std::uint8_t flag_data_valid = 2;
constexpr std::uint8_t gso_none = 0;
constexpr std::uint8_t gso_tcp_v4 = 1;
constexpr std::uint8_t gso_tcp_v6 = 4;
constexpr std::uint8_t gso_udp_l4 = 5;
constexpr std::uint8_t gso_ecn = 0x80;

constexpr std::size_t largest_frame = 65'535 + 18;
/// A frame up to this size is copied to memory of its own size, so that what a program keeps of it
/// does not hold a whole super-segment's.
constexpr std::size_t copied_size = 4096;

segmentation kind_of(std::uint8_t gso_type) noexcept {
    switch (gso_type & ~unsigned{gso_ecn}) {
    case gso_tcp_v4:
        return segmentation::tcp_v4;
    case gso_tcp_v6:
        return segmentation::tcp_v6;
    case gso_udp_l4:
        return segmentation::udp;
    default:
        return segmentation::none;
    }
}

std::uint8_t gso_of(const frame_offload& offload) noexcept {
    const auto ecn = static_cast<std::uint8_t>(offload.ecn ? gso_ecn : 0);
    switch (offload.cut) {
    case segmentation::none:
        return gso_none;
    case segmentation::tcp_v4:
        return gso_tcp_v4 | ecn;
    case segmentation::tcp_v6:
        return gso_tcp_v6 | ecn;
    case segmentation::udp:
        return gso_udp_l4;
    }
    return gso_none;
}

virtio_header header_of(const frame& one) noexcept {
    virtio_header header{};
    const frame_offload& offload = one.offload;
    if (offload.needs_checksum) {
        header.flags = flag_needs_checksum;
        header.checksum_start = offload.checksum_start;
        header.checksum_offset = offload.checksum_offset;
    }
    if (offload.cut != segmentation::none) {
        header.gso_type = gso_of(offload);
        header.gso_size = offload.segment_size;
        header.header_size = offload.header_size;
    }
    return header;
}

class vnet_link final : public link {
public:
    vnet_link(descriptor_watch::pointer file, const link_properties& properties)
        : file_(std::move(file)), properties_(properties) {
        file_->on_event([](void* self) noexcept { static_cast<vnet_link*>(self)->tell_ready(); },
                        this);
    }

    [[nodiscard]] const link_properties& properties() const noexcept override {
        return properties_;
    }
    [[nodiscard]] bool writable() const noexcept override { return !file_->waits_to_write(); }

    bool send(frame_list burst, time_point /*now*/) override {
        while (!burst.empty()) {
            const frame_ptr one = burst.pop_front();
            if (write(*one)) {
                count_sent(*one);
            } else {
                ++statistics_.frames_lost;
            }
        }
        return writable();
    }

    [[nodiscard]] frame_list receive(std::size_t limit, time_point now) override {
        frame_list come;
        while (come.size() < limit) {
            frame_ptr one = frame::make();
            const ssize_t size = read(*one);
            if (size < 0) {
                if (errno != EINTR) {
                    // Nothing more, or nothing now because the interface is down.
                    file_->wait_readable();
                    break;
                }
                continue;
            }
            if (one->size() == 0) {
                continue; // its header made no sense
            }
            one->arrived = now;
            count_received(*one);
            come.push_back(std::move(one));
        }
        return come;
    }

private:
    bool write(const frame& one) noexcept {
        virtio_header header = header_of(one);
        std::array<iovec, frame::max_slices + 2> parts{};
        std::size_t count = 0;
        parts[count++] = {&header, header_size};
        const auto add = [&](std::span<const std::byte> piece) {
            if (!piece.empty()) {
                parts[count++] = {const_cast<std::byte*>(piece.data()), piece.size()};
            }
        };
        add(one.head());
        for (const buffer& slice : one.slices()) {
            add(slice.span());
        }
        const ssize_t wrote = ::writev(file_->fd(), parts.data(), static_cast<int>(count));
        if (wrote < 0 && errno == EAGAIN) {
            file_->wait_writable();
        }
        return wrote >= 0;
    }

    ssize_t read(frame& into) {
        if (staging_.empty()) {
            staging_ = buffer::allocate(largest_frame);
        }
        virtio_header header{};
        const std::span<std::byte> room = staging_.writable();
        std::array<iovec, 2> parts{iovec{&header, header_size}, iovec{room.data(), room.size()}};
        const ssize_t got = ::readv(file_->fd(), parts.data(), parts.size());
        if (got < static_cast<ssize_t>(header_size)) {
            return got;
        }
        const std::size_t size = static_cast<std::size_t>(got) - header_size;
        if (size == 0) {
            return got;
        }
        if (size <= copied_size) {
            into.add(buffer::copy_of(room.first(size)));
        } else {
            staging_.truncate(size);
            into.add(std::move(staging_));
        }
        frame_offload claimed;
        claimed.needs_checksum = (header.flags & flag_needs_checksum) != 0;
        claimed.checksum_verified = (header.flags & flag_data_valid) != 0;
        claimed.checksum_start = header.checksum_start;
        claimed.checksum_offset = header.checksum_offset;
        claimed.cut = kind_of(header.gso_type);
        claimed.segment_size = header.gso_size;
        claimed.ecn = (header.gso_type & gso_ecn) != 0;
        if (!validate_offload(into, properties_.medium, claimed)) {
            into.truncate(0);
            ++statistics_.frames_lost;
        }
        return got;
    }

    descriptor_watch::pointer file_;
    link_properties properties_;
    buffer staging_;
};

} // namespace

std::unique_ptr<link> make_vnet_link(descriptor_watch::pointer file,
                                     const link_properties& properties) {
    return std::make_unique<vnet_link>(std::move(file), properties);
}

} // namespace runnel::inline v0::stack
