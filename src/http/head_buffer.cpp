// SPDX-License-Identifier: Apache-2.0
#include "head_buffer.hpp"

#include <cstring>
#include <utility>

namespace runnel::inline v0::http {

result<bool> add_to_head(buffer& head, buffer piece, head_parser& parser, buffered_flow& source) {
    if (head.empty()) {
        head = std::move(piece);
    } else {
        const std::size_t before = head.size();
        if (!head.unique() || head.tailroom() < piece.size()) {
            const std::size_t size = before + piece.size();
            buffer larger = buffer::allocate(before, 0, static_cast<std::uint32_t>(2 * size));
            std::memcpy(larger.writable().data(), head.data(), before);
            head = std::move(larger);
        }
        static_cast<void>(head.append(piece.size()));
        std::memcpy(head.writable().data() + before, piece.data(), piece.size());
    }
    result<bool> whole = parser.parse(head.span());
    if (whole && *whole && head.size() > parser.size()) {
        source.unread(head.share(parser.size(), head.size() - parser.size()));
        head.truncate(parser.size());
    }
    return whole;
}

} // namespace runnel::inline v0::http
