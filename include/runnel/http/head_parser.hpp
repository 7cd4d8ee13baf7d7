// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/error.hpp"
#include "runnel/http/fault.hpp"
#include "runnel/http/field.hpp"
#include "runnel/http/method.hpp"
#include "runnel/http/status.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>

namespace runnel::inline v0::http {

/// What a head may be at most. All of it is the peer's choice otherwise.
struct head_limits {
    /// Most bytes and fields that any limit can be set to.
    static constexpr std::size_t most_bytes = 65535;
    static constexpr std::size_t most_fields = 128;

    /// Bytes of the first line, with what ends it.
    std::size_t line = 8192;
    /// Bytes of the whole head, with the empty line behind it.
    std::size_t head = 32768;
    std::size_t fields = 100;
};
static_assert(std::is_trivially_destructible_v<head_limits>);

/// The first line and the fields of a request. Views, valid as long as the bytes and the parser.
struct request_head {
    method verb = method::other;
    std::string_view method_name;
    std::string_view target;
    unsigned minor = 1; ///< of the version: HTTP/1.x
    fields_view fields;
};

/// The same for a response.
struct response_head {
    status code = status::ok;
    std::string_view reason;
    unsigned minor = 1;
    fields_view fields;
};

/// Reads the head of an HTTP/1 message, or the trailer section of a chunked body.
///
/// An engine without I/O: it looks at bytes that the caller keeps, and gives views into them. The
/// head may come in any number of pieces, with the same outcome however it is cut: each call is
/// given all of it that there is, in one piece, and each byte is looked at a bounded number of
/// times. A line is judged when its end has come or the limit is passed.
///
/// Strict: lines end with CR LF, names are tokens with nothing before the colon, no line is
/// continued by white space, values hold no control characters (RFC 9112, sections 2.2, 5 and
/// 11.2). One empty line before a request line is ignored (section 2.2).
class head_parser {
public:
    enum class kind : std::uint8_t { request, response, trailers };

    /// Limits above the most there can be count as that.
    explicit head_parser(kind what, head_limits limits = {}) noexcept;

    /// Goes on with `bytes`: those of the calls before, unchanged though they may lie elsewhere
    /// now, and any number behind them. True: the head is whole. False: there is more to come. Or
    /// the fault, after which only `reset` is allowed.
    [[nodiscard]] result<bool> parse(std::span<const std::byte> bytes) noexcept;

    /// Bytes of the head, once it is whole.
    [[nodiscard]] std::size_t size() const noexcept { return position_; }

    /// What was read. For a head that is whole, of the kind, and as long as the bytes of the last
    /// call are there.
    [[nodiscard]] request_head request() const noexcept;
    [[nodiscard]] response_head response() const noexcept;
    [[nodiscard]] fields_view fields() const noexcept { return {base_, places_.data(), count_}; }

    /// Removes the fields that must not come behind a body: those that frame, route or authorize
    /// a message or describe its content (RFC 9110, section 6.5.1).
    void drop_forbidden_trailers() noexcept;

    /// Begins a new head.
    void reset() noexcept;

private:
    class lines;
    struct piece {
        std::uint16_t at = 0;
        std::uint16_t size = 0;
    };

    [[nodiscard]] std::size_t line_limit(std::size_t available) const noexcept;
    [[nodiscard]] std::optional<fault> skip_empty_line(std::string_view text) noexcept;
    [[nodiscard]] std::optional<fault> parse_lines(std::string_view text) noexcept;
    [[nodiscard]] std::optional<fault> parse_request_line(lines& from) noexcept;
    [[nodiscard]] std::optional<fault> parse_status_line(lines& from) noexcept;
    [[nodiscard]] std::optional<fault> parse_version(std::string_view text) noexcept;
    [[nodiscard]] std::optional<fault> parse_fields(lines& from) noexcept;
    [[nodiscard]] std::string_view text_of(piece what) const noexcept {
        return {base_ + what.at, what.size};
    }

    kind kind_;
    bool started_ = false; // the first line is behind us
    bool whole_ = false;
    bool skipped_ = false; // the empty line before the first
    std::uint8_t minor_ = 1;
    status code_ = status::ok;
    head_limits limits_;
    std::size_t position_ = 0; // of the line that comes next
    std::size_t searched_ = 0; // no line ends between the two
    const char* base_ = nullptr;
    std::size_t count_ = 0;
    piece first_;  // method
    piece second_; // target or reason
    std::array<field_place, head_limits::most_fields> places_;
};

} // namespace runnel::inline v0::http
