// SPDX-License-Identifier: Apache-2.0
#include "file_body.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace runnel::inline v0::http {
namespace {

/// Read and sent at a time.
constexpr std::uint64_t piece_size = std::uint64_t{256} << 10U;

struct file_part {
    std::string head; // in front of the part
    byte_range range;
};

task<result<void>> send_part(tree_file& file, byte_range part, outgoing_body& out) {
    std::uint64_t at = part.first;
    while (at <= part.last) {
        const auto most = static_cast<std::size_t>(std::min(piece_size, part.last - at + 1));
        result<buffer> data = co_await file.read(at, most);
        if (!data) {
            co_return fail(data.error() == errc::end ? error(errc::truncated) : data.error());
        }
        at += data->size();
        const result<void> sent = co_await out.write(*std::move(data));
        if (!sent) {
            co_return fail(sent.error());
        }
    }
    co_return result<void>();
}

task<result<void>> send_parts(tree_file& file, const std::vector<file_part>& parts,
                              std::string_view tail, outgoing_body& out) {
    for (const file_part& each : parts) {
        result<void> sent = co_await out.write(each.head);
        if (sent) {
            sent = co_await send_part(file, each.range, out);
        }
        if (!sent) {
            co_return fail(sent.error());
        }
    }
    co_return co_await out.write(tail);
}

task<result<void>> send_nothing(outgoing_body& /*out*/) {
    co_return result<void>();
}

} // namespace

std::string content_range(const byte_range& part, std::uint64_t size) {
    return fmt::format("bytes {}-{}/{}", part.first, part.last, size);
}

response file_response(status code, std::string_view type, std::unique_ptr<tree_file> file,
                       byte_range part) {
    return response::stream(
        code, type, part.size(),
        [file = std::move(file), part](outgoing_body& out) { return send_part(*file, part, out); });
}

response parts_response(std::string_view type, std::uint64_t size, std::unique_ptr<tree_file> file,
                        std::span<const byte_range> parts, std::string boundary) {
    std::vector<file_part> all;
    std::string tail = fmt::format("\r\n--{}--\r\n", boundary);
    std::uint64_t total = tail.size();
    for (const byte_range& each : parts) {
        all.push_back(
            {fmt::format("{}--{}\r\nContent-Type: {}\r\nContent-Range: {}\r\n\r\n",
                         all.empty() ? "" : "\r\n", boundary, type, content_range(each, size)),
             each});
        total += all.back().head.size() + each.size();
    }
    return response::stream(status::partial_content, "multipart/byteranges; boundary=" + boundary,
                            total,
                            [file = std::move(file), all = std::move(all), tail = std::move(tail)](
                                outgoing_body& out) { return send_parts(*file, all, tail, out); });
}

response empty_response(status code, std::string_view type, std::uint64_t size) {
    return response::stream(code, type, size, &send_nothing);
}

} // namespace runnel::inline v0::http
