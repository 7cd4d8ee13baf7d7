// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace runnel::inline v0 {

/// What went wrong, in the one vocabulary all layers share.
///
/// Every layer may have its own `std::error_category` with finer codes; each of those maps to one
/// of these through its `default_error_condition`. Errors of the kernel (`std::system_category`,
/// `std::generic_category`) are mapped by `to_errc`.
enum class errc : std::uint8_t {
    /// The peer finished its stream cleanly, and all of its data has been read.
    end = 1,
    /// We ended this side ourselves: the flow was closed, or its writing side shut down.
    closed,
    /// The peer aborted the stream.
    reset,
    /// We aborted the stream ourselves, by `abort()` or by dropping an open flow.
    aborted,
    /// The peer stopped answering, or the deadline of this one operation passed (see
    /// `stop_reason`).
    timed_out,
    /// Nobody accepts connections at this address.
    refused,
    /// There is no way to the address: no route, network or host down.
    unreachable,
    /// The transport ended inside a unit that had to be whole: a TLS session, an HTTP body, a
    /// frame.
    truncated,
    /// The peer broke the protocol; the error's text names the layer and the rule.
    protocol_error,
    /// The operation was cancelled; nothing is lost and the flow goes on.
    cancelled,
    /// The same side of the flow already has an operation waiting. A mistake of the program.
    busy,
    /// An argument is out of its range or malformed; the text says where and what was expected.
    invalid_argument,
    /// A configured or fixed limit was reached: descriptors, memory, length of a line.
    limit_exceeded,
    /// The name, file or address does not exist.
    not_found,
    /// The system denies the operation to this user.
    permission_denied,
    /// The address is taken by somebody else.
    address_in_use,
    /// This transport, kernel or build cannot do what was asked.
    not_supported,
    /// Virtual time found that nothing can ever happen again while tasks still wait.
    deadlock,
    /// Reading or writing a file or device failed below us.
    io_error,
    /// A fault of the system that has no better name here; the text carries the system's own.
    system_error,
};

/// The category of `errc` itself, named "runnel".
[[nodiscard]] const std::error_category& core_category() noexcept;

/// Makes the code of the shared vocabulary.
[[nodiscard]] std::error_code make_error_code(errc code) noexcept;

/// Makes the condition that codes of every layer can be compared with.
[[nodiscard]] std::error_condition make_error_condition(errc code) noexcept;

/// Maps any code, of any layer or of the kernel, onto the shared vocabulary.
[[nodiscard]] errc to_errc(const std::error_code& code) noexcept;

/// A short phrase for a condition, as in "connection reset by the peer".
[[nodiscard]] std::string_view describe(errc code) noexcept;

/// An error as a value: a code, and optionally a text that says what was tried and what to do.
///
/// Cheap to create and copy without a text (no allocation); the text is shared between copies.
/// Compare with `errc` to ask what kind it is. Never empty: a default-made error does not exist.
class [[nodiscard]] error {
public:
    error(errc code) noexcept; // NOLINT(google-explicit-constructor): errc is an error
    explicit error(std::error_code code) noexcept : code_(code) {}
    error(std::error_code code, std::string text);
    error(errc code, std::string text);

    error(const error& other) noexcept;
    error(error&& other) noexcept
        : code_(other.code_), text_(std::exchange(other.text_, nullptr)) {}
    error& operator=(const error& other) noexcept;
    error& operator=(error&& other) noexcept;
    ~error() {
        if (text_ != nullptr) {
            release();
        }
    }

    /// Makes the error of a failed system call from its `errno`, with `text` before the system's
    /// words.
    [[nodiscard]] static error from_errno(int number, std::string text = {});

    /// The exact code, in the category of the layer that made it.
    [[nodiscard]] const std::error_code& code() const noexcept { return code_; }

    /// The kind of error in the shared vocabulary.
    [[nodiscard]] errc kind() const noexcept { return to_errc(code_); }

    /// The text alone, empty where none was given.
    [[nodiscard]] std::string_view text() const noexcept;

    /// The whole sentence: the text, a colon, and the code's own message.
    [[nodiscard]] std::string message() const;

    /// The same error with `text` put in front: `wrap("connect tcp://[::1]:80")`.
    [[nodiscard]] error wrap(std::string_view text) const;

    friend bool operator==(const error& a, errc b) noexcept { return a.kind() == b; }
    friend bool operator==(const error& a, const error& b) noexcept { return a.code_ == b.code_; }

private:
    struct shared_text;
    void release() noexcept;

    std::error_code code_;
    shared_text* text_ = nullptr;
};

/// A value or the error that came instead of it.
template <class T>
using result = std::expected<T, error>;

/// Shorthand for returning an error from a function that gives a `result`.
[[nodiscard]] inline std::unexpected<error> fail(error what) {
    return std::unexpected<error>(std::move(what));
}

/// Shorthand for returning an error with a text: `return fail(errc::invalid_argument, "…");`.
[[nodiscard]] inline std::unexpected<error> fail(errc code, std::string text) {
    return std::unexpected<error>(error(code, std::move(text)));
}

} // namespace runnel::inline v0

template <>
struct std::is_error_condition_enum<runnel::errc> : std::true_type {};
