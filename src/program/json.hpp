// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace runnel::inline v0::program {

/// Writes a JSON text (RFC 8259), two spaces a level. Commas and white space are its business; that
/// each value of an object has a key, and that what is opened gets closed, is the caller's.
///
///     json_writer json;
///     json.begin_object().member("bytes", 3).key("peers").begin_array().value("a").end().end();
class json_writer {
public:
    json_writer& begin_object() { return begin('{', '}'); }
    json_writer& begin_array() { return begin('[', ']'); }
    /// Closes the object or array opened last.
    json_writer& end();

    /// The name of the member whose value comes next.
    json_writer& key(std::string_view name);

    /// Text is UTF-8; bytes that are not come out as U+FFFD.
    json_writer& value(std::string_view text);
    json_writer& value(const char* text) { return value(std::string_view(text)); }
    json_writer& value(const std::string& text) { return value(std::string_view(text)); }
    json_writer& value(std::same_as<bool> auto flag) { return raw(flag ? "true" : "false"); }
    template <std::integral T>
        requires(!std::same_as<T, bool>)
    json_writer& value(T number) {
        return raw(std::to_string(number));
    }
    /// JSON has no infinities: null stands for what is not finite.
    json_writer& value(double number);
    json_writer& null() { return raw("null"); }

    template <class T>
    json_writer& member(std::string_view name, const T& content) {
        return key(name).value(content);
    }

    /// The text, with a new line at its end. Requires that all is closed.
    [[nodiscard]] std::string take();

private:
    json_writer& begin(char open, char close);
    json_writer& raw(std::string_view text);
    void before_value();
    void new_line();

    std::string text_;
    std::string open_; // the closing brackets still to come, the innermost last
    bool is_first_ = true;
    bool after_key_ = false;
};

/// A JSON string with its quotation marks.
[[nodiscard]] std::string json_quote(std::string_view text);

} // namespace runnel::inline v0::program
