// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace runnel::inline v0::program {

/// When output is coloured.
enum class color_mode : std::uint8_t {
    automatic, ///< on a terminal that can, unless NO_COLOR is set (no-color.org)
    always,
    never,
};

/// How text is set off from other text.
enum class style : std::uint8_t { bold, dim, red, green, yellow, cyan };

/// One of the standard streams, and what it can show.
class terminal {
public:
    /// Looks at file descriptor `fd` and the environment.
    terminal(int fd, color_mode mode);
    /// One of given abilities, which writes to `fd`.
    terminal(int fd, bool interactive, bool colors, std::size_t width) noexcept
        : fd_(fd), interactive_(interactive), colors_(colors), width_(width) {}

    /// Whether a person watches.
    [[nodiscard]] bool interactive() const noexcept { return interactive_; }
    [[nodiscard]] bool colors() const noexcept { return colors_; }
    /// Columns; 80 where nobody knows.
    [[nodiscard]] std::size_t width() const noexcept { return width_; }

    /// `text` in a style, or as it is where there are no colours.
    [[nodiscard]] std::string paint(style how, std::string_view text) const;

    /// Writes all of `text`. False if the stream does not take it; output to a pipe that nobody
    /// reads any more is lost in silence.
    bool write(std::string_view text) const noexcept;
    /// The same for whole lines, which on a terminal take the place of a status line.
    bool write_line(std::string_view text) const;

private:
    int fd_;
    bool interactive_;
    bool colors_;
    std::size_t width_;
};

/// Text from outside with control characters made visible (`\x1b`), so that it cannot act on the
/// terminal or break a line.
[[nodiscard]] std::string printable(std::string_view text);

} // namespace runnel::inline v0::program
