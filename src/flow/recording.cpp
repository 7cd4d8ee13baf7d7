// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/recording.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <utility>

namespace runnel::inline v0 {
namespace {

constexpr std::array<unsigned char, 8> magic{'R', 'N', 'L', 'R', 'E', 'C', 0, 1};

/// A kind, a delay and a length.
constexpr std::size_t longest_head = 1 + 9 + 9;

constexpr auto last_kind = static_cast<std::uint8_t>(recorded::shutdown);
constexpr auto last_errc = static_cast<std::uint8_t>(errc::system_error);

bool has_bytes(recorded what) {
    return what == recorded::read || what == recorded::written;
}
bool has_errc(recorded what) {
    return what == recorded::read_end || what == recorded::write_end;
}

/// The beginning of an event while it is put together.
class head {
public:
    void byte(std::uint8_t value) { bytes_[size_++] = std::byte{value}; }
    void number(std::uint64_t value) {
        while (value >= 0x80) {
            byte(static_cast<std::uint8_t>(value | 0x80));
            value >>= 7U;
        }
        byte(static_cast<std::uint8_t>(value));
    }
    [[nodiscard]] buffer copy() const { return buffer::copy_of(std::span(bytes_).first(size_)); }

private:
    std::array<std::byte, longest_head> bytes_{};
    std::size_t size_ = 0;
};

/// Reads the beginning of an event from bytes of which there may be too few.
class cursor {
public:
    explicit cursor(std::span<const std::byte> bytes) noexcept : bytes_(bytes) {}

    [[nodiscard]] std::optional<std::uint8_t> byte() noexcept {
        if (at_ == bytes_.size()) {
            return std::nullopt;
        }
        return static_cast<std::uint8_t>(bytes_[at_++]);
    }
    /// Nothing also when the number is `too_long()`.
    [[nodiscard]] std::optional<std::uint64_t> number() noexcept {
        std::uint64_t value = 0;
        for (unsigned shift = 0; shift < 63; shift += 7) {
            const std::optional<std::uint8_t> next = byte();
            if (!next) {
                return std::nullopt;
            }
            value |= std::uint64_t{*next & 0x7fU} << shift;
            if (*next < 0x80) {
                return value;
            }
        }
        too_long_ = true;
        return std::nullopt;
    }
    [[nodiscard]] bool too_long() const noexcept { return too_long_; }
    [[nodiscard]] std::size_t at() const noexcept { return at_; }

private:
    std::span<const std::byte> bytes_;
    std::size_t at_ = 0;
    bool too_long_ = false;
};

/// Copies up to `target.size()` bytes from the front of a queue without taking them out.
std::size_t look(buffer_queue& queue, std::span<std::byte> target) {
    std::size_t count = 0;
    for (std::size_t i = 0; i < queue.size() && count < target.size(); ++i) {
        const std::size_t part = std::min(target.size() - count, queue[i].size());
        std::memcpy(target.data() + count, queue[i].data(), part);
        count += part;
    }
    return count;
}

/// Takes `size` bytes out: by reference where they lie in one piece.
buffer take(buffer_queue& queue, std::size_t size) {
    if (size == 0 || queue.front().size() >= size) {
        return size == 0 ? buffer() : queue.pop_front(size);
    }
    buffer whole = buffer::allocate(size);
    queue.copy_out(whole.writable());
    return whole;
}

} // namespace

void recording_writer::begin(buffer_queue& out) {
    out.push_back(buffer::copy_of(std::as_bytes(std::span(magic))));
}

void recording_writer::append(recorded_event event, buffer_queue& out) {
    do {
        const duration at = std::max(event.at, last_);
        head start;
        start.byte(static_cast<std::uint8_t>(event.what));
        start.number(static_cast<std::uint64_t>((at - last_).count()));
        last_ = at;
        buffer part;
        if (has_bytes(event.what)) {
            part = event.data.take_front(std::min(event.data.size(), recorded_event::max_bytes));
            start.number(part.size());
        } else if (has_errc(event.what)) {
            start.byte(static_cast<std::uint8_t>(event.how));
        }
        out.push_back(start.copy());
        out.push_back(std::move(part));
    } while (!event.data.empty());
}

error recording_parser::bad(std::size_t at, const char* what) const {
    return {errc::protocol_error, fmt::format("recording, byte {}: {}", offset_ + at, what)};
}

result<std::optional<recorded_event>> recording_parser::next() {
    if (broken_) {
        return fail(*broken_);
    }
    result<std::optional<recorded_event>> event = parse();
    if (!event) {
        broken_ = event.error();
    }
    return event;
}

result<bool> recording_parser::parse_magic() {
    std::array<std::byte, magic.size()> start{};
    const std::size_t count = look(rest_, start);
    for (std::size_t i = 0; i < count; ++i) {
        if (start[i] != std::byte{magic[i]}) {
            return fail(bad(i, i + 1 == magic.size() ? "an unknown version of the format"
                                                     : "this is not a recording"));
        }
    }
    if (count == magic.size()) {
        rest_.consume(count);
        offset_ += count;
        begun_ = true;
    }
    return begun_;
}

result<std::optional<recorded_event>> recording_parser::parse() {
    if (!begun_) {
        const result<bool> begun = parse_magic();
        if (!begun) {
            return fail(begun.error());
        }
    }
    std::array<std::byte, longest_head> bytes{};
    cursor from(std::span<const std::byte>(bytes).first(begun_ ? look(rest_, bytes) : 0));
    const std::optional<std::uint8_t> kind = from.byte();
    if (kind && *kind > last_kind) {
        return fail(bad(0, "an unknown kind of event"));
    }
    const std::optional<std::uint64_t> delay = from.number();
    if (from.too_long() || (delay && duration(*delay) > duration::max() - last_)) {
        return fail(bad(1, "a delay of more than 292 years"));
    }
    if (!delay) {
        return std::nullopt;
    }
    const auto what = static_cast<recorded>(*kind);
    const std::size_t body_at = from.at();
    std::optional<std::uint64_t> body = 0;
    if (has_bytes(what)) {
        body = from.number();
        if (from.too_long() || (body && (*body == 0 || *body > recorded_event::max_bytes))) {
            return fail(bad(body_at, "the length of an event is 1 to 16777216 bytes"));
        }
    } else if (has_errc(what)) {
        body = from.byte();
        if (body && (*body == 0 || *body > last_errc)) {
            return fail(bad(body_at, "an unknown kind of error"));
        }
    }
    const std::uint64_t size = body && has_bytes(what) ? *body : 0;
    if (!body || rest_.bytes() - from.at() < size) {
        return std::nullopt;
    }
    rest_.consume(from.at());
    offset_ += from.at() + size;
    last_ += duration(*delay);
    if (has_bytes(what)) {
        return recorded_event(what, last_, take(rest_, static_cast<std::size_t>(size)));
    }
    return has_errc(what) ? recorded_event(what, last_, static_cast<errc>(*body))
                          : recorded_event(what, last_);
}

result<void> recording_parser::finish() const {
    if (broken_) {
        return fail(*broken_);
    }
    if (!begun_ || !rest_.empty()) {
        return fail(errc::truncated,
                    fmt::format("recording: it ends within what begins at byte {}", offset_));
    }
    return {};
}

namespace {

/// Takes all events out that are whole.
result<void> collect(recording_parser& parser, std::vector<recorded_event>& events) {
    for (;;) {
        result<std::optional<recorded_event>> event = parser.next();
        if (!event) {
            return fail(event.error());
        }
        if (!event->has_value()) {
            return {};
        }
        events.push_back(std::move(**event));
    }
}

} // namespace

task<result<std::vector<recorded_event>>> read_recording(flow& source, std::size_t limit) {
    recording_parser parser;
    std::vector<recorded_event> events;
    for (;;) {
        result<buffer> piece = co_await source.read();
        if (!piece) {
            const result<void> whole = parser.finish();
            if (!(piece.error() == errc::end)) {
                co_return fail(piece.error());
            }
            if (!whole) {
                co_return fail(whole.error());
            }
            co_return events;
        }
        if (piece->size() > limit) {
            co_return fail(errc::limit_exceeded, "the recording is too large");
        }
        limit -= piece->size();
        parser.push(std::move(*piece));
        const result<void> parsed = collect(parser, events);
        if (!parsed) {
            co_return fail(parsed.error());
        }
    }
}

result<std::vector<recorded_event>> parse_recording(std::span<const std::byte> file) {
    recording_parser parser;
    std::vector<recorded_event> events;
    for (std::size_t at = 0; at < file.size();) {
        const std::size_t size = std::min(file.size() - at, recorded_event::max_bytes);
        parser.push(buffer::copy_of(file.subspan(at, size)));
        at += size;
        const result<void> parsed = collect(parser, events);
        if (!parsed) {
            return fail(parsed.error());
        }
    }
    const result<void> whole = parser.finish();
    if (!whole) {
        return fail(whole.error());
    }
    return events;
}

} // namespace runnel::inline v0
