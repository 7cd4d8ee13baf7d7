// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pattern.hpp"

#include "runnel/async/task.hpp"
#include "runnel/core/buffer.hpp"
#include "runnel/core/error.hpp"
#include "runnel/flow/flow.hpp"

#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <source_location>
#include <string_view>

/// What tests do with flows again and again. Those named `expect_…` report what is wrong as
/// failures of the test, at the line that called them.
namespace runnel::conformance {

/// Several errors of which one is expected: `errc::end | errc::reset`.
class errors {
public:
    constexpr errors(errc one) noexcept // NOLINT(google-explicit-constructor): one error is a set
        : mask_(std::uint32_t{1} << static_cast<unsigned>(one)) {}
    [[nodiscard]] constexpr bool has(errc one) const noexcept {
        return (mask_ & errors(one).mask_) != 0;
    }
    friend constexpr errors operator|(errors a, errors b) noexcept {
        a.mask_ |= b.mask_;
        return a;
    }
    friend std::ostream& operator<<(std::ostream& out, errors all);

private:
    std::uint32_t mask_;
};
constexpr errors operator|(errc a, errc b) noexcept {
    return errors(a) | errors(b);
}

using place = std::source_location;

/// A buffer with a copy of a text.
[[nodiscard]] inline buffer text(std::string_view words) {
    return buffer::copy_of(words);
}

/// What came out of a flow until it finished.
struct received {
    std::uint64_t bytes = 0;
    bool intact = true; ///< whether all bytes were the expected ones
    errc end{};         ///< how it finished

    friend bool operator==(const received&, const received&) = default;
    friend std::ostream& operator<<(std::ostream& out, const received& what);
};

/// Reads until the flow finishes, and compares with `expected` from `offset`. `hint` as in `read`.
task<received> drain(flow& from, pattern expected, std::uint64_t offset = 0, std::size_t hint = 0);
/// Reads exactly `size` bytes, or less if the flow finishes (`end` is then set).
task<received> drain_some(flow& from, pattern expected, std::uint64_t offset, std::uint64_t size);

/// What a flow took.
struct sent {
    std::uint64_t bytes = 0;
    errc end{}; ///< 0: all was accepted

    friend bool operator==(const sent&, const sent&) = default;
    friend std::ostream& operator<<(std::ostream& out, const sent& what);
};

/// Writes the first `size` bytes of `stream` in pieces of at most `piece` bytes; an empty stream in
/// one empty piece.
task<sent> fill(flow& to, pattern stream, std::uint64_t size, std::size_t piece = pattern::longest);
/// The same, and then shuts the writing side down.
task<sent> fill_and_finish(flow& to, pattern stream, std::uint64_t size,
                           std::size_t piece = pattern::longest);

/// The next bytes are `words`.
task<void> expect_read(flow& from, std::string_view words, place where = place::current());
/// Reading has finished with one of `why`, and each further read gives the same.
task<void> expect_read_end(flow& from, errors why, place where = place::current());
/// Every kind of write fails at once with one of `why`.
task<void> expect_write_end(flow& to, errors why, place where = place::current());
/// Writing fails with one of `why`, at the latest when the news of it has arrived.
task<void> expect_writes_to_fail(flow& to, errors why, place where = place::current());

/// Whether an operation succeeded.
bool expect_success(const result<void>& outcome, place where = place::current());
bool expect_success(const write_result& outcome, place where = place::current());
/// Whether an operation failed with one of `why`.
bool expect_error(const result<void>& outcome, errors why, place where = place::current());
bool expect_error(const result<buffer>& outcome, errors why, place where = place::current());
bool expect_error(const result<std::size_t>& outcome, errors why, place where = place::current());
bool expect_error(const write_result& outcome, errors why, place where = place::current());

} // namespace runnel::conformance
