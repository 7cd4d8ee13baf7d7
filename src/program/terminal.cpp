// SPDX-License-Identifier: Apache-2.0
#include "terminal.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstdlib>

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace runnel::inline v0::program {
namespace {

std::string_view environment(const char* name) {
    const char* value = std::getenv(name); // NOLINT(concurrency-mt-unsafe): nobody sets variables
    return value == nullptr ? std::string_view{} : value;
}

bool wants_colors(bool interactive, color_mode mode) {
    if (mode != color_mode::automatic) {
        return mode == color_mode::always;
    }
    return interactive && environment("NO_COLOR").empty() && environment("TERM") != "dumb";
}

std::size_t terminal_width(int fd) {
    winsize size{};
    return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col != 0 ? size.ws_col : 80;
}

std::string_view code_of(style how) noexcept {
    switch (how) {
    case style::bold:
        return "1";
    case style::dim:
        return "2";
    case style::red:
        return "31";
    case style::green:
        return "32";
    case style::yellow:
        return "33";
    case style::cyan:
        return "36";
    }
    return "0";
}

} // namespace

terminal::terminal(int fd, color_mode mode)
    : fd_(fd), interactive_(isatty(fd) == 1), colors_(wants_colors(interactive_, mode)),
      width_(terminal_width(fd)) {}

std::string terminal::paint(style how, std::string_view text) const {
    return colors_ ? fmt::format("\033[{}m{}\033[0m", code_of(how), text) : std::string(text);
}

bool terminal::write(std::string_view text) const noexcept {
    while (!text.empty()) {
        const ssize_t count = ::write(fd_, text.data(), text.size());
        if (count >= 0) {
            text.remove_prefix(static_cast<std::size_t>(count));
        } else if (errno == EAGAIN) {
            // Standard streams may share a descriptor that a flow made non-blocking.
            pollfd ready{fd_, POLLOUT, 0};
            poll(&ready, 1, -1);
        } else if (errno != EINTR) {
            return false;
        }
    }
    return true;
}

bool terminal::write_line(std::string_view text) const {
    return interactive_ ? write("\033[K" + std::string(text)) : write(text);
}

std::string printable(std::string_view text) {
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7f) {
            out += fmt::format("\\x{:02x}", byte);
        } else {
            out += c;
        }
    }
    return out;
}

} // namespace runnel::inline v0::program
