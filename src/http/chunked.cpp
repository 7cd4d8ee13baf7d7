// SPDX-License-Identifier: Apache-2.0
#include "runnel/http/chunked.hpp"

#include "character.hpp"

#include <algorithm>

namespace runnel::inline v0::http {

result<chunked_decoder::step> chunked_decoder::decode(std::span<const std::byte> bytes) {
    std::size_t at = 0;
    for (;;) {
        if (state_ == state::trailers) {
            return take_trailers(bytes, at);
        }
        if (at == bytes.size()) {
            return step{.framing = at};
        }
        if (state_ == state::data) {
            const auto data =
                static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size() - at));
            left_ -= data;
            if (left_ == 0) {
                state_ = state::data_end;
            }
            return step{.framing = at, .data = data};
        }
        if (!take(static_cast<char>(bytes[at]))) {
            return fail(fault::chunk);
        }
        if (extension_ > limits_.extension || extensions_ > limits_.extensions) {
            return fail(fault::long_extension);
        }
        ++at;
    }
}

bool chunked_decoder::take(char c) noexcept {
    switch (state_) {
    case state::size:
        return take_size(c);
    case state::size_line_end:
        state_ = left_ != 0 ? state::data : state::trailers;
        extension_ = 0;
        digits_ = 0;
        return c == '\n';
    case state::data_end:
        state_ = state::data_line_end;
        return c == '\r';
    case state::data_line_end:
        state_ = state::size;
        return c == '\n';
    default:
        ++extension_;
        ++extensions_;
        return take_extension(c);
    }
}

bool chunked_decoder::take_size(char c) noexcept {
    const int digit = hex_value(c);
    if (digit < 0) {
        return digits_ != 0 && take_separator(c);
    }
    left_ = left_ << 4U | static_cast<unsigned>(digit);
    ++digits_;
    return digits_ <= 16 && left_ >> 63U == 0;
}

bool chunked_decoder::take_separator(char c) noexcept {
    state_ = c == ';' ? state::extension_name : state::size_line_end;
    return c == ';' || c == '\r';
}

// chunk-ext = *( ";" name [ "=" value ] ), a value is a token or a quoted string. The white space
// around the separators that old senders put there is not allowed.
bool chunked_decoder::take_extension(char c) noexcept {
    const bool token = !has(c, is_delimiter);
    switch (state_) {
    case state::extension_name:
        state_ = state::extension_rest;
        return token;
    case state::extension_rest:
        if (c == '=') {
            state_ = state::extension_value;
            return true;
        }
        return token || take_separator(c);
    case state::extension_value:
        state_ = c == '"' ? state::extension_quoted : state::extension_token;
        return c == '"' || token;
    case state::extension_token:
        return token || take_separator(c);
    case state::extension_quoted:
        if (c == '"') {
            state_ = state::extension_end;
        } else if (c == '\\') {
            state_ = state::extension_escaped;
        }
        return !has(c, is_control);
    case state::extension_escaped:
        state_ = state::extension_quoted;
        return !has(c, is_control);
    default:
        return take_separator(c);
    }
}

result<chunked_decoder::step> chunked_decoder::take_trailers(std::span<const std::byte> bytes,
                                                             std::size_t before) {
    const std::span<const std::byte> rest = bytes.subspan(before);
    const std::size_t known = trailer_text_.size();
    // One byte beyond the limit shows that it is passed.
    const std::size_t room = std::min(limits_.trailers.head, head_limits::most_bytes) + 1 - known;
    if (known == 0 && rest.size() >= 2 && rest[0] == std::byte{'\r'} &&
        rest[1] == std::byte{'\n'}) {
        trailer_text_ = "\r\n";
    } else {
        trailer_text_.append(reinterpret_cast<const char*>(rest.data()),
                             std::min(room, rest.size()));
    }
    const result<bool> whole = parser_.parse(std::as_bytes(std::span(trailer_text_)));
    if (!whole) {
        return runnel::fail(whole.error());
    }
    if (!*whole) {
        return step{.framing = bytes.size()};
    }
    parser_.drop_forbidden_trailers();
    return step{.framing = before + parser_.size() - known, .done = true};
}

void chunked_decoder::reset() noexcept {
    state_ = state::size;
    digits_ = 0;
    left_ = 0;
    extension_ = 0;
    extensions_ = 0;
    trailer_text_.clear();
    parser_.reset();
}

chunk_line::chunk_line(std::size_t size) noexcept : text_{}, first_(text_.size() - 2) {
    text_[first_] = '\r';
    text_[first_ + 1] = '\n';
    do {
        text_[--first_] = "0123456789abcdef"[size % 16];
        size /= 16;
    } while (size != 0);
}

} // namespace runnel::inline v0::http
