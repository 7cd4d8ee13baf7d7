// SPDX-License-Identifier: Apache-2.0
#include "runnel/stack/link/segmentation.hpp"

#include "runnel/core/byte_order.hpp"
#include "runnel/core/checksum.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace runnel::inline v0::stack {
namespace {

constexpr std::byte flag_fin{0x01};
constexpr std::byte flag_psh{0x08};
constexpr std::byte flag_cwr{0x80};
constexpr std::size_t udp_checksum_offset = 6;
constexpr std::size_t tcp_checksum_offset = 16;

/// Cuts one frame: the headers are written once and copied to each segment, and what differs is
/// changed there.
class cutter {
public:
    cutter(frame& many, bool complete) noexcept
        : how_(many.offload), complete_(complete), rest_(many) {
        const std::span<const std::byte> headers = many.front(how_.header_size);
        check(headers.size() == how_.header_size && how_.segment_size > 0,
              "a frame to cut has its headers");
        std::memcpy(template_.data(), headers.data(), headers.size());
        many.remove_prefix(headers.size());
        v4_ = std::to_integer<unsigned>(template_[how_.network_start]) >> 4U == 4;
        identification_ = load_be16(network() + 4);
        number_ = load_be32(transport() + 4);
        const std::byte* const ip = network();
        addresses_.add(v4_ ? std::span(ip + 12, 8) : std::span(ip + 8, 32));
        addresses_.add_be16(how_.cut == segmentation::udp ? 17 : 6);
        total_ = many.size();
    }

    [[nodiscard]] bool done() const noexcept { return position_ == total_; }

    frame_ptr next() {
        const std::size_t size = std::min<std::size_t>(how_.segment_size, total_ - position_);
        frame_ptr one = frame::make();
        std::byte* const head = one->prepend(how_.header_size);
        std::memcpy(head, template_.data(), how_.header_size);
        checksum payload;
        take_payload(*one, size, payload);
        finish_network(head + how_.network_start, size);
        finish_transport(head + how_.checksum_start, size, payload);
        if (!complete_) {
            one->offload.needs_checksum = true;
            one->offload.checksum_start = how_.checksum_start;
            one->offload.checksum_offset = how_.checksum_offset;
        }
        position_ += size;
        ++index_;
        return one;
    }

private:
    [[nodiscard]] const std::byte* network() const noexcept {
        return template_.data() + how_.network_start;
    }
    [[nodiscard]] const std::byte* transport() const noexcept {
        return template_.data() + how_.checksum_start;
    }

    void take_payload(frame& one, std::size_t size, checksum& sum) noexcept {
        while (size > 0) {
            const buffer& from = rest_.slices()[slice_];
            const std::size_t part = std::min(size, from.size() - offset_);
            if (complete_) {
                sum.add(from.span().subspan(offset_, part));
            }
            one.add(from.share(offset_, part));
            size -= part;
            offset_ += part;
            if (offset_ == from.size()) {
                offset_ = 0;
                ++slice_;
            }
        }
    }

    void finish_network(std::byte* ip, std::size_t size) const noexcept {
        const std::size_t headers = how_.header_size - how_.network_start;
        if (!v4_) {
            store_be16(ip + 4, static_cast<std::uint16_t>(headers - 40 + size));
            return;
        }
        const std::size_t ip_header = how_.checksum_start - std::size_t{how_.network_start};
        store_be16(ip + 2, static_cast<std::uint16_t>(headers + size));
        store_be16(ip + 4, static_cast<std::uint16_t>(identification_ + index_));
        store_be16(ip + 10, 0);
        store_be16(ip + 10, internet_checksum({ip, ip_header}));
    }

    void finish_transport(std::byte* header, std::size_t size,
                          const checksum& payload) const noexcept {
        const std::size_t header_size = how_.header_size - std::size_t{how_.checksum_start};
        const auto length = static_cast<std::uint16_t>(header_size + size);
        if (how_.cut == segmentation::udp) {
            store_be16(header + 4, length);
        } else {
            store_be32(header + 4, number_ + static_cast<std::uint32_t>(position_));
            if (position_ + size != total_) {
                header[13] &= ~(flag_fin | flag_psh);
            }
            if (position_ != 0) {
                header[13] &= ~flag_cwr;
            }
        }
        std::byte* const field = header + how_.checksum_offset;
        checksum sum = addresses_;
        sum.add_be16(length);
        if (!complete_) {
            store_be16(field, sum.sum());
            return;
        }
        store_be16(field, 0);
        sum.add({header, header_size});
        sum.add(payload);
        store_be16(field, how_.cut == segmentation::udp ? sum.udp_value() : sum.value());
    }

    const frame_offload how_;
    const bool complete_;
    bool v4_ = false;
    std::uint16_t identification_ = 0;
    std::uint32_t number_ = 0;
    checksum addresses_; // and the protocol
    frame& rest_;
    std::size_t total_ = 0;
    std::size_t position_ = 0;
    std::size_t index_ = 0;
    std::size_t slice_ = 0;
    std::size_t offset_ = 0;
    std::array<std::byte, frame::max_front> template_{};
};

/// Where the IP header begins, or 0 with an `ip` that is 0 where there is none.
struct network_place {
    std::size_t offset = 0;
    unsigned version = 0;
};

network_place find_network(frame& one, link_medium medium) noexcept {
    std::size_t offset = 0;
    if (medium == link_medium::ethernet) {
        offset = 14;
        std::span<const std::byte> header = one.front(offset);
        while (!header.empty() && load_be16(header.data() + offset - 2) == 0x8100 && offset < 22) {
            offset += 4;
            header = one.front(offset);
        }
    }
    const std::span<const std::byte> header = one.front(offset + 1);
    if (header.empty()) {
        return {};
    }
    return {offset, std::to_integer<unsigned>(header[offset]) >> 4U};
}

/// The kind, ends and places of the headers fit each other.
bool fits(frame& one, const frame_offload& how) noexcept {
    const std::size_t smallest = how.cut == segmentation::udp ? 8U : 20U;
    const std::size_t transport = how.checksum_start;
    const std::span<const std::byte> head = one.front(transport + smallest);
    if (head.empty() || how.segment_size == 0) {
        return false;
    }
    const std::byte* const ip = head.data() + how.network_start;
    const unsigned version = std::to_integer<unsigned>(ip[0]) >> 4U;
    const bool v4 =
        how.cut == segmentation::tcp_v4 || (how.cut == segmentation::udp && version == 4);
    const std::size_t ip_size =
        v4 ? (std::to_integer<std::size_t>(ip[0]) & 15U) * 4 : std::size_t{40};
    const std::uint8_t protocol = how.cut == segmentation::udp ? 17 : 6;
    if (version != (v4 ? 4U : 6U) || ip_size < 20 || how.network_start + ip_size != transport ||
        std::to_integer<std::uint8_t>(ip[v4 ? 9 : 6]) != protocol) {
        return false;
    }
    const std::size_t header = how.cut == segmentation::udp
                                   ? 8
                                   : (std::to_integer<std::size_t>(head[transport + 12]) >> 4U) * 4;
    return header >= smallest && how.header_size == transport + header &&
           how.checksum_offset ==
               (how.cut == segmentation::udp ? udp_checksum_offset : tcp_checksum_offset) &&
           how.header_size < one.size() && !one.front(how.header_size).empty();
}

} // namespace

void complete_checksum(frame& one) noexcept {
    const frame_offload how = one.offload;
    if (!how.needs_checksum) {
        return;
    }
    one.offload.needs_checksum = false;
    const std::size_t place = std::size_t{how.checksum_start} + how.checksum_offset;
    const std::span<std::byte> front = one.writable_front(place + 2);
    if (front.empty()) {
        return;
    }
    checksum sum(one.head().subspan(how.checksum_start));
    for (const buffer& slice : one.slices()) {
        sum.add(slice.span());
    }
    const bool udp = how.checksum_offset == udp_checksum_offset;
    store_be16(front.data() + place, udp ? sum.udp_value() : sum.value());
}

void cut_segments(frame_ptr many, bool complete, frame_list& out) {
    if (many->head().size() > many->offload.header_size) {
        // Payload that lies in the head has to become a slice.
        frame_ptr again = frame::make();
        const frame_offload how = many->offload;
        std::byte* const head = again->prepend(how.header_size);
        std::memcpy(head, many->head().data(), how.header_size);
        many->remove_prefix(how.header_size);
        again->add(many->take_bytes());
        again->offload = how;
        many = std::move(again);
    }
    const time_point arrived = many->arrived;
    cutter pieces(*many, complete);
    while (!pieces.done()) {
        frame_ptr one = pieces.next();
        one->arrived = arrived;
        out.push_back(std::move(one));
    }
}

bool validate_offload(frame& one, link_medium medium, const frame_offload& claimed) noexcept {
    one.offload = claimed;
    if (claimed.cut == segmentation::none) {
        one.offload.segment_size = 0;
        const std::size_t place = std::size_t{claimed.checksum_start} + claimed.checksum_offset;
        return !claimed.needs_checksum || place + 2 <= std::min(one.size(), frame::max_front);
    }
    const network_place ip = find_network(one, medium);
    if (ip.version == 0 || !claimed.needs_checksum) {
        return false;
    }
    one.offload.network_start = static_cast<std::uint16_t>(ip.offset);
    const std::size_t transport = claimed.checksum_start;
    if (claimed.cut == segmentation::udp) {
        one.offload.header_size = static_cast<std::uint16_t>(transport + 8);
    } else if (const auto head = one.front(transport + 13); !head.empty()) {
        const std::size_t size = (std::to_integer<std::size_t>(head[transport + 12]) >> 4U) * 4;
        one.offload.header_size = static_cast<std::uint16_t>(transport + size);
    }
    return fits(one, one.offload);
}

} // namespace runnel::inline v0::stack
