// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/error.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace runnel::inline v0 {

/// One parameter of an endpoint: `name` or `name=value` behind the question mark.
///
/// The typed readings check form and range. Their errors (`errc::invalid_argument`) quote the
/// endpoint and name the character where the value starts, the parameter and what was expected. A
/// parameter is a value of its own and may outlive the endpoint.
class parameter {
public:
    [[nodiscard]] const std::string& name() const noexcept { return name_; }

    /// Whether there is an equals sign, also when nothing stands behind it.
    [[nodiscard]] bool has_value() const noexcept { return has_value_; }

    /// The value with its percent-encoding undone; empty when there is none.
    [[nodiscard]] const std::string& text() const noexcept { return text_; }

    /// A switch: on when it has no value, or by `yes`/`no`, `on`/`off`, `true`/`false`, `1`/`0`.
    [[nodiscard]] result<bool> flag() const;

    /// A whole number from `least` to `most`.
    [[nodiscard]] result<std::uint64_t>
    integer(std::uint64_t least = 0,
            std::uint64_t most = std::numeric_limits<std::uint64_t>::max()) const;

    /// A number of bytes as `parse_bytes` takes it, from `least` to `most`.
    [[nodiscard]] result<std::uint64_t>
    bytes(std::uint64_t least = 0,
          std::uint64_t most = std::numeric_limits<std::uint64_t>::max()) const;

    /// A duration as `parse_duration` takes it, from `least` to `most`.
    [[nodiscard]] result<std::chrono::nanoseconds>
    duration(std::chrono::nanoseconds least = std::chrono::nanoseconds::zero(),
             std::chrono::nanoseconds most = std::chrono::nanoseconds::max()) const;

    /// A list of durations between commas, with `fewest` to `longest` elements.
    [[nodiscard]] result<std::vector<std::chrono::nanoseconds>>
    durations(std::size_t fewest = 1,
              std::size_t longest = std::numeric_limits<std::size_t>::max()) const;

    /// The elements of a value that is a list between commas, for lists of mixed kinds as in
    /// `keepalive=60s,10s,6`: each is a parameter of the same name and knows its own place. A comma
    /// inside an element is written `%2C`. Without a value there are no elements.
    [[nodiscard]] std::vector<parameter> items() const;

    /// An error about this parameter, for rules that only the transport knows.
    [[nodiscard]] error bad(std::string_view what) const;

    /// Equal by name and value, wherever they stand and however they were percent-encoded.
    friend bool operator==(const parameter& a, const parameter& b) noexcept {
        return a.name_ == b.name_ && a.has_value_ == b.has_value_ && a.encoded_ == b.encoded_;
    }

private:
    friend class parameters;

    [[nodiscard]] static result<parameter> parse(std::shared_ptr<const std::string> source,
                                                 std::size_t begin, std::size_t end);

    std::string name_;
    std::string text_;
    std::string
        encoded_; // the value in its canonical percent-encoding, which tells %2C from a comma
    bool has_value_ = false;
    std::shared_ptr<const std::string> source_; // the whole endpoint, for messages
    std::size_t name_at_ = 0;                   // offsets in it
    std::size_t value_at_ = 0;
    std::size_t value_size_ = 0; // as it stands there, before percent-decoding
};

/// The parameters of an endpoint in the order they were written, each name at most once.
class parameters {
public:
    /// Most parameters of one endpoint; far above what any transport knows.
    static constexpr std::size_t most = 64;

    parameters() = default;

    /// Reads what stands behind the question mark of an endpoint: `name` or `name=value`, joined by
    /// `&`. Names are letters, digits, `-`, `_` and `.`; values are percent-encoded text, without
    /// NUL. `source` is the whole text of the endpoint, `offset` where its parameters begin.
    [[nodiscard]] static result<parameters> parse(const std::shared_ptr<const std::string>& source,
                                                  std::size_t offset);

    /// The parameter of this name, or null. Owned by this object.
    [[nodiscard]] const parameter* find(std::string_view name) const noexcept;

    /// Fails for the first parameter that is not among `known`: "unknown parameter 'nodelya'; did
    /// you mean 'nodelay'?". Whoever opens an endpoint calls this once, with the names of all its
    /// layers.
    [[nodiscard]] result<void> check_known(std::span<const std::string_view> known) const;

    /// The readings of `parameter` for a parameter that may be absent: `fallback` then.
    [[nodiscard]] result<bool> flag(std::string_view name, bool fallback = false) const;
    [[nodiscard]] result<std::uint64_t>
    integer(std::string_view name, std::uint64_t fallback, std::uint64_t least = 0,
            std::uint64_t greatest = std::numeric_limits<std::uint64_t>::max()) const;
    [[nodiscard]] result<std::uint64_t>
    bytes(std::string_view name, std::uint64_t fallback, std::uint64_t least = 0,
          std::uint64_t greatest = std::numeric_limits<std::uint64_t>::max()) const;
    [[nodiscard]] result<std::chrono::nanoseconds>
    duration(std::string_view name, std::chrono::nanoseconds fallback,
             std::chrono::nanoseconds least = std::chrono::nanoseconds::zero(),
             std::chrono::nanoseconds greatest = std::chrono::nanoseconds::max()) const;
    [[nodiscard]] std::string text(std::string_view name, std::string_view fallback = {}) const;

    [[nodiscard]] bool empty() const noexcept { return all_.empty(); }
    [[nodiscard]] std::size_t size() const noexcept { return all_.size(); }
    [[nodiscard]] auto begin() const noexcept { return all_.begin(); }
    [[nodiscard]] auto end() const noexcept { return all_.end(); }

    /// Writes them as `parse` reads them, with a question mark in front; empty when there are none.
    [[nodiscard]] std::string to_string() const;

    friend bool operator==(const parameters& a, const parameters& b) noexcept = default;

private:
    std::vector<parameter> all_;
};

} // namespace runnel::inline v0
