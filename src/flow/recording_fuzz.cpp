// SPDX-License-Identifier: Apache-2.0
//
// Any bytes as a recording: read in one piece and in many, written and read again.

#include "runnel/core/check.hpp"
#include "runnel/flow/recording.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace runnel {
namespace {

void check_equal(const std::vector<recorded_event>& a, const std::vector<recorded_event>& b) {
    check(a.size() == b.size(), "as many events");
    for (std::size_t i = 0; i < a.size(); ++i) {
        check(a[i].what == b[i].what && a[i].at == b[i].at && a[i].how == b[i].how &&
                  a[i].data.view() == b[i].data.view(),
              "the same events");
    }
}

/// The events of a file in pieces of `size` bytes, and whether it was whole.
bool read_in_pieces(std::span<const std::byte> file, std::size_t size,
                    std::vector<recorded_event>& events) {
    recording_parser parser;
    for (;;) {
        result<std::optional<recorded_event>> event = parser.next();
        if (!event) {
            return false;
        }
        if (event->has_value()) {
            events.push_back(std::move(**event));
        } else if (file.empty()) {
            return parser.finish().has_value();
        } else {
            const std::size_t part = std::min(size, file.size());
            parser.push(buffer::copy_of(file.first(part)));
            file = file.subspan(part);
        }
    }
}

void round_trip(std::span<const std::byte> file, std::size_t size) {
    const result<std::vector<recorded_event>> whole = parse_recording(file);
    std::vector<recorded_event> events;
    const bool complete = read_in_pieces(file, size, events);
    check(complete == whole.has_value(), "pieces change nothing");
    if (!whole) {
        return;
    }
    check_equal(*whole, events);

    buffer_queue out;
    recording_writer writer;
    recording_writer::begin(out);
    for (const recorded_event& event : *whole) {
        recorded_event copy(event.what, event.at, event.data.share());
        copy.how = event.how;
        writer.append(std::move(copy), out);
    }
    std::vector<std::byte> again(out.bytes());
    out.copy_out(again);
    const result<std::vector<recorded_event>> reread = parse_recording(again);
    check(reread.has_value(), "what is written can be read");
    check_equal(*whole, *reread);
}

} // namespace
} // namespace runnel

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size != 0) {
        const auto bytes = std::as_bytes(std::span(data, size));
        runnel::round_trip(bytes.subspan(1), data[0] % 16U + 1U);
    }
    return 0;
}
