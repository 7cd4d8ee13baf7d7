// SPDX-License-Identifier: Apache-2.0
#include "runnel/stack/ip/reassembly.hpp"

#include <algorithm>
#include <cstring>

namespace runnel::inline v0::stack {
namespace {

constexpr std::uint32_t max_packet = 65'535;

/// A fragment that lies in much more memory than it has bytes is moved into less.
void compact(buffer& bytes) {
    if (bytes.footprint() > 2 * bytes.size() + 1024) {
        bytes = buffer::copy_of(bytes.span());
    }
}

} // namespace

reassembly::outcome reassembly::add(fragment what, packet& out, time_point now) {
    on_timer(now);
    const std::size_t size = what.payload.size();
    const auto known = find_or_add(what.key, now);
    const bool impossible = size == 0 || what.offset % 8 != 0 || (what.more && size % 8 != 0) ||
                            what.offset + size > max_packet;
    bool duplicate = false;
    compact(what.payload);
    const std::size_t footprint = what.payload.footprint();
    const bool first = what.offset == 0;
    if (impossible || !insert(*known, what, duplicate)) {
        drop(known);
        return outcome::refused;
    }
    if (duplicate) {
        return outcome::waiting;
    }
    known->congestion_marked |= what.congestion_marked;
    known->footprint += footprint;
    bytes_ += footprint;
    if (first) {
        known->header = std::move(what.header);
    }
    if (known->size != 0 && known->received == known->size) {
        out.payload = buffer::allocate(known->size);
        for (const piece& part : known->pieces) {
            std::memcpy(out.payload.writable().data() + part.offset, part.payload.data(),
                        part.payload.size());
        }
        out.header = std::move(known->header);
        out.congestion_marked = known->congestion_marked;
        drop(known);
        return outcome::complete;
    }
    if (known->pieces.size() >= limits_.fragments) {
        drop(known);
        return outcome::refused;
    }
    bool made_room = false;
    while (bytes_ > limits_.bytes) {
        drop(packets_.begin());
        made_room = true;
    }
    return made_room ? outcome::given_up : outcome::waiting;
}

std::size_t reassembly::on_timer(time_point now) {
    std::size_t count = 0;
    while (!packets_.empty() && packets_.front().until <= now) {
        drop(packets_.begin());
        ++count;
    }
    return count;
}

/// Linear, over a bounded number of packets that nearly always is none or one.
reassembly::entries::iterator reassembly::find_or_add(const fragment_key& key, time_point now) {
    const auto known =
        std::ranges::find_if(packets_, [&](const entry& one) { return one.key == key; });
    if (known != packets_.end()) {
        return known;
    }
    if (packets_.size() >= limits_.packets) {
        drop(packets_.begin());
    }
    entry& added = packets_.emplace_back();
    added.key = key;
    added.until = now + limits_.timeout;
    return std::prev(packets_.end());
}

void reassembly::drop(entries::iterator gone) noexcept {
    bytes_ -= gone->footprint;
    packets_.erase(gone);
}

/// False if the piece contradicts another one, or the end that is known.
bool reassembly::insert(entry& into, fragment& what, bool& duplicate) {
    const std::uint32_t begin = what.offset;
    const std::uint32_t end = begin + static_cast<std::uint32_t>(what.payload.size());
    const auto next =
        std::ranges::find_if(into.pieces, [&](const piece& one) { return one.offset >= begin; });
    if (next != into.pieces.end() && next->offset == begin && next->end() == end) {
        duplicate = true;
        return true;
    }
    const bool overlaps = (next != into.pieces.end() && next->offset < end) ||
                          (next != into.pieces.begin() && std::prev(next)->end() > begin);
    if (overlaps || (into.size != 0 && (end > into.size || (!what.more && end != into.size)))) {
        return false;
    }
    if (!what.more) {
        if (!into.pieces.empty() && into.pieces.back().end() > end) {
            return false;
        }
        into.size = end;
    }
    into.received += end - begin;
    into.pieces.insert(next, piece{begin, std::move(what.payload)});
    return true;
}

} // namespace runnel::inline v0::stack
