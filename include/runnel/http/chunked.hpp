// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/error.hpp"
#include "runnel/http/head_parser.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

namespace runnel::inline v0::http {

/// What the framing of a chunked body may be at most.
struct chunk_limits {
    /// Bytes of the extensions of one chunk, and of all chunks together.
    std::size_t extension = 256;
    std::size_t extensions = 4096;
    /// Of the trailer section.
    head_limits trailers = {};
};
static_assert(std::is_trivially_destructible_v<chunk_limits>);

/// Finds the data in a chunked body (RFC 9112, section 7.1). An engine without I/O, which copies
/// nothing but trailers. The body may come in any number of pieces, with the same outcome however
/// it is cut.
///
/// Strict: a size is 1 to 16 hexadecimal digits and less than 2^63, extensions are well-formed
/// (and ignored), nothing else stands in a line, every line ends with CR LF.
class chunked_decoder {
public:
    explicit chunked_decoder(chunk_limits limits = {}) noexcept
        : limits_(limits), parser_(head_parser::kind::trailers, limits.trailers) {}

    /// What stands at the front of some bytes: `framing` bytes to be dropped, behind them `data`
    /// bytes of the body, and behind those more, for the next call. `done`: the body ends behind
    /// the framing. Neither `data` nor `done`: all bytes were framing, and more is to come.
    struct step {
        std::size_t framing = 0;
        std::size_t data = 0;
        bool done = false;
    };

    /// Goes on with the bytes that follow those of the step before. After a fault, or the end,
    /// only `reset` is allowed.
    [[nodiscard]] result<step> decode(std::span<const std::byte> bytes);

    /// The fields behind the body, once it is done; those that must not stand there are dropped.
    [[nodiscard]] fields_view trailers() const noexcept { return parser_.fields(); }

    /// Begins a new body.
    void reset() noexcept;

private:
    enum class state : std::uint8_t {
        size,
        extension_name,
        extension_rest,
        extension_value,
        extension_token,
        extension_quoted,
        extension_escaped,
        extension_end,
        size_line_end,
        data,
        data_end,
        data_line_end,
        trailers,
    };

    /// Takes one byte of framing. False: it must not stand there.
    [[nodiscard]] bool take(char c) noexcept;
    [[nodiscard]] bool take_size(char c) noexcept;
    [[nodiscard]] bool take_extension(char c) noexcept;
    /// What may follow a size or an extension: `;` or the end of the line.
    [[nodiscard]] bool take_separator(char c) noexcept;
    [[nodiscard]] result<step> take_trailers(std::span<const std::byte> bytes, std::size_t before);

    chunk_limits limits_;
    state state_ = state::size;
    unsigned digits_ = 0;
    std::uint64_t left_ = 0; // of the chunk
    std::size_t extension_ = 0;
    std::size_t extensions_ = 0;
    std::string trailer_text_;
    head_parser parser_;
};

/// The line in front of a chunk of so many bytes, which are followed by CR LF. For the last, empty
/// one use `last_chunk`.
class chunk_line {
public:
    explicit chunk_line(std::size_t size) noexcept;
    [[nodiscard]] std::string_view text() const noexcept {
        return {text_.data() + first_, text_.size() - first_};
    }

private:
    std::array<char, 18> text_; // 16 digits, CR LF
    std::size_t first_;
};

/// What ends a chunked body without trailers.
inline constexpr std::string_view last_chunk = "0\r\n\r\n";

} // namespace runnel::inline v0::http
