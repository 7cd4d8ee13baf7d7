// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/time.hpp"
#include "runnel/stack/link/link.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>
#include <vector>

namespace runnel::inline v0::stack {

/// Which way a captured frame went.
enum class capture_direction : std::uint8_t { unknown, inbound, outbound };

/// Writes frames in the pcapng format (draft-ietf-opsawg-pcapng), which Wireshark and tcpdump read.
/// Any thread may call it.
class pcapng_writer {
public:
    /// Takes the bytes of whole blocks, in order.
    using sink = std::move_only_function<void(std::span<const std::byte>)>;

    /// Writes the head of the file at once. `epoch` is what the loop's clock starts from, since
    /// 1970; `snap_length` bounds what is kept of each frame, in bytes.
    explicit pcapng_writer(sink out, duration epoch = {}, std::uint32_t snap_length = 262'144);

    /// Introduces a link and gives its number.
    std::uint32_t add_interface(std::string_view name, link_medium medium);

    /// Writes a frame, with a comment unless it is empty. Requires a number from `add_interface`.
    void write(std::uint32_t interface, const frame& one, time_point when,
               capture_direction direction, std::string_view comment = {});

private:
    void begin(std::uint32_t type);
    void put16(std::uint16_t value);
    void put32(std::uint32_t value);
    void put_padded(std::span<const std::byte> bytes);
    void put_option(std::uint16_t code, std::span<const std::byte> value);
    void finish();

    std::mutex guard_;
    sink out_;
    duration epoch_;
    std::uint32_t snap_length_;
    std::uint32_t interfaces_ = 0;
    std::vector<std::byte> block_; // kept, so that a frame allocates nothing
};

/// A link of which all frames are captured.
class captured_link : public link {
public:
    /// Says what became of a frame that was received: the oldest one of which this was not said
    /// yet. It is then written, with this comment unless it is empty.
    virtual void explain(std::string_view comment) = 0;
};

/// A link that writes all that goes over `inner` to a file. The writer must outlive it.
///
/// `explained`: frames that come are written when somebody says by `explain` what became of them;
/// without that when the next call of the link shows that nobody will.
[[nodiscard]] std::unique_ptr<captured_link> capture_link(std::unique_ptr<link> inner,
                                                          pcapng_writer& writer,
                                                          std::string_view name,
                                                          bool explained = false);

} // namespace runnel::inline v0::stack
