// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/buffer.hpp"
#include "runnel/core/error.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace runnel::inline v0::http {

/// Fields to be sent, already as the lines they are sent as. Allocates nothing but from the pool of
/// buffers.
///
/// Refuses whatever could be taken for something else by who reads it: names that are no tokens,
/// values with control characters (a line break would begin a field of the attacker's choice), and
/// the fields that frame the message, which only this layer writes: `Connection`, `Keep-Alive`,
/// `Content-Length`, `Transfer-Encoding`, `Upgrade`, `Host` and `Expect`. The first refusal is kept
/// as `failure()`, and nothing of such a message is sent.
class field_block {
public:
    field_block() noexcept = default;

    /// Adds a field behind the others. White space around the value is left out.
    field_block& add(std::string_view name, std::string_view value);
    field_block& add(std::string_view name, std::uint64_t value);

    /// The lines, each with its CR LF.
    [[nodiscard]] std::string_view text() const noexcept { return text_.view().substr(0, used_); }
    [[nodiscard]] const std::optional<error>& failure() const noexcept { return failure_; }
    /// Whether a field of this name was added.
    [[nodiscard]] bool contains(std::string_view name) const noexcept;

    /// The value of the first field of this name.
    [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const noexcept;
    /// Removes the fields of this name.
    void remove(std::string_view name);

    /// Removes everything.
    void clear() noexcept;

private:
    [[nodiscard]] char* grow(std::size_t size);

    buffer text_;
    std::size_t used_ = 0;
    std::optional<error> failure_;
};

} // namespace runnel::inline v0::http
