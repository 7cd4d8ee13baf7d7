// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/task.hpp"
#include "runnel/async/time.hpp"
#include "runnel/core/buffer.hpp"
#include "runnel/core/buffer_list.hpp"
#include "runnel/core/error.hpp"
#include "runnel/flow/flow.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

/// The file format of what passed through a flow, version 1.
///
///     recording = magic *event
///     magic     = "RNLREC" %x00 version        ; 8 bytes, version = %x01
///     event     = kind delay body
///     kind      = 1 byte: the number of a `recorded`
///     delay     = number                       ; nanoseconds since the event before
///     body      = number *byte / errc / ""     ; for bytes: how many, and they
///     errc      = 1 byte: the number of an `errc`
///     number    = 1 to 9 bytes, 7 bits each, the lowest first, with the high bit where more follow
namespace runnel::inline v0 {

/// What happened, from the point of view of the side that recorded.
enum class recorded : std::uint8_t {
    read = 0,      ///< bytes were read
    written = 1,   ///< bytes were accepted
    read_end = 2,  ///< reading finished
    write_end = 3, ///< a write failed
    shutdown = 4,  ///< we said that we write no more
};

/// One event of a recording.
class recorded_event {
public:
    /// Most bytes of one event; more at once become several.
    static constexpr std::size_t max_bytes = std::size_t{1} << 24;

    /// `read` or `written`.
    recorded_event(recorded kind, duration when, buffer bytes) noexcept
        : what(kind), at(when), data(std::move(bytes)) {}
    /// `read_end` or `write_end`.
    recorded_event(recorded kind, duration when, errc why) noexcept
        : what(kind), at(when), how(why) {}
    /// `shutdown`.
    recorded_event(recorded kind, duration when) noexcept : what(kind), at(when) {}

    recorded what;
    /// Since the beginning of the recording.
    duration at;
    buffer data;
    errc how = errc::end;
};

/// Writes the format. The bytes of events are passed on by reference.
class recording_writer {
public:
    /// Appends what a file begins with.
    static void begin(buffer_queue& out);
    /// Appends an event. Moments do not go back from event to event; one that does counts as the
    /// same moment.
    void append(recorded_event event, buffer_queue& out);

private:
    duration last_{0};
};

/// Reads the format from pieces of any size. Takes no more memory than the pieces it is given and
/// one event.
class recording_parser {
public:
    /// Takes the next piece of the file.
    void push(buffer piece) { rest_.push_back(std::move(piece)); }
    /// The next event; nothing if more pieces are needed for it. Errors, which repeat:
    /// `protocol_error`, with the offset of what is wrong.
    [[nodiscard]] result<std::optional<recorded_event>> next();
    /// Whether the file may end here: after the magic and whole events.
    [[nodiscard]] result<void> finish() const;

private:
    [[nodiscard]] result<std::optional<recorded_event>> parse();
    [[nodiscard]] result<bool> parse_magic();
    [[nodiscard]] error bad(std::size_t at, const char* what) const;

    buffer_queue rest_;
    std::uint64_t offset_ = 0; // of `rest_` in the file
    duration last_{0};
    bool begun_ = false;
    std::optional<error> broken_;
};

/// Reads a whole recording, until the end of `source`. Errors: those of the source and the parser,
/// `truncated` if the file stops within an event, `limit_exceeded` above `limit` bytes.
[[nodiscard]] task<result<std::vector<recorded_event>>>
read_recording(flow& source, std::size_t limit = std::size_t{1} << 30);

/// The same from memory.
[[nodiscard]] result<std::vector<recorded_event>> parse_recording(std::span<const std::byte> file);

} // namespace runnel::inline v0
