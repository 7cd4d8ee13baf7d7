// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/task.hpp"
#include "runnel/async/time.hpp"
#include "runnel/core/error.hpp"
#include "runnel/http/outgoing_body.hpp"
#include "runnel/http/response.hpp"

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace runnel::inline v0::http {

/// An event of an event stream (HTML, section 9.2, "server-sent events"), as it was received.
struct stream_event {
    std::string type = "message";
    std::string data; ///< its lines joined by LF
    std::string id;   ///< that of the last event that had one
};

/// Sends events to one client. Each is on its way when its `send` is done.
class event_writer {
public:
    explicit event_writer(outgoing_body& target) noexcept : target_(&target) {}

    /// Sends an event. The data may have lines of any ending, which all become LF; the type and the
    /// id are one line each (`invalid_argument` otherwise), and left out if they are empty.
    [[nodiscard]] task<result<void>> send(std::string_view data, std::string_view type = {},
                                          std::string_view id = {});
    /// Says after which time a client should connect again.
    [[nodiscard]] task<result<void>> send_retry(duration after);
    /// Sends what clients ignore, so that it shows whether the client is still there.
    [[nodiscard]] task<result<void>> keep_alive();

private:
    [[nodiscard]] task<result<void>> put(std::string text);

    outgoing_body* target_;
};

/// Writes events until it is done, or an error says that the client is gone.
using event_source = std::move_only_function<task<result<void>>(event_writer&)>;

/// The answer that is a stream of events.
[[nodiscard]] response event_stream(event_source source);

/// Reads a stream of events. An engine without I/O.
class event_parser {
public:
    /// `most`: bytes of an event, and of a line.
    explicit event_parser(std::size_t most) noexcept : most_(most) {}

    /// Goes on with the bytes that follow, and adds the events that are whole to `into`.
    /// `limit_exceeded` for one that is too large.
    [[nodiscard]] result<void> parse(std::string_view bytes, std::vector<stream_event>& into);

    /// What to give as `Last-Event-ID` when connecting again.
    [[nodiscard]] const std::string& last_id() const noexcept { return last_id_; }
    /// After which time to connect again, if the server said so.
    [[nodiscard]] const std::optional<duration>& retry() const noexcept { return retry_; }

private:
    void take_line(std::vector<stream_event>& into);

    std::size_t most_;
    std::string line_;
    bool first_ = true;            // line, which may begin with a byte order mark
    bool carriage_return_ = false; // was last: a LF behind it ends no other line
    std::string type_;
    std::string data_;
    std::string last_id_;
    std::optional<duration> retry_;
};

} // namespace runnel::inline v0::http
