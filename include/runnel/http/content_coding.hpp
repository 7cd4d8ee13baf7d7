// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/buffer.hpp"
#include "runnel/core/buffer_list.hpp"
#include "runnel/core/error.hpp"
#include "runnel/http/handler.hpp"
#include "runnel/http/incoming_body.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>

namespace runnel::inline v0::http {

/// How content is coded (RFC 9110, section 8.4.1; RFC 7932; RFC 8878).
enum class content_coding : std::uint8_t { identity, gzip, zstd, brotli };

/// The name of a coding in fields.
[[nodiscard]] std::string_view name_of(content_coding coding) noexcept;
/// The coding of a name, upper or lower case, `x-gzip` too; nothing for others.
[[nodiscard]] std::optional<content_coding> coding_of(std::string_view name) noexcept;

/// The coding that a client wants most by its `Accept-Encoding`; of several, the one that makes
/// texts smallest in the same time: zstd, brotli, gzip. `identity` without a word about any.
[[nodiscard]] content_coding choose_coding(const fields_view& fields) noexcept;

/// Whether content of this type gets smaller by a coding: texts of all kinds.
[[nodiscard]] bool is_compressible(std::string_view type) noexcept;

/// Codes content as a stream. An engine without I/O.
class content_encoder {
public:
    enum class end : std::uint8_t {
        none,  ///< more follows
        flush, ///< more follows, but who reads gets all so far
        whole, ///< the content ends here
    };
    content_encoder() = default;
    content_encoder(const content_encoder&) = delete;
    content_encoder& operator=(const content_encoder&) = delete;
    virtual ~content_encoder() = default;
    /// Adds what becomes of `data` to `into`.
    virtual void encode(std::span<const std::byte> data, end how, buffer_queue& into) = 0;
};

/// Decodes content as a stream, a bounded step at a time. An engine without I/O.
class content_decoder {
public:
    /// Bytes of one step.
    static constexpr std::size_t step_size = std::size_t{16} << 10U;

    content_decoder() = default;
    content_decoder(const content_decoder&) = delete;
    content_decoder& operator=(const content_decoder&) = delete;
    virtual ~content_decoder() = default;
    /// Gives the next bytes, and drops what was used from the front of `data`. Empty: more data is
    /// wanted. `protocol_error` for what cannot be decoded.
    [[nodiscard]] virtual result<buffer> decode(std::span<const std::byte>& data) = 0;
    /// Whether the content may end here.
    [[nodiscard]] virtual bool complete() const noexcept = 0;
};

/// None for `identity`.
[[nodiscard]] std::unique_ptr<content_encoder> make_encoder(content_coding coding);
[[nodiscard]] std::unique_ptr<content_decoder> make_decoder(content_coding coding);

/// A body as it was before it was coded. Reading gives `truncated` for content that is cut,
/// `protocol_error` for what cannot be decoded, and `limit_exceeded` for more than `most` bytes,
/// so that little that is received cannot become much. `coded` outlives it.
[[nodiscard]] std::unique_ptr<incoming_body> decode_body(incoming_body& coded,
                                                         content_coding coding, std::uint64_t most);

/// What `compress` does.
struct compress_options {
    /// Bodies that are known to be smaller stay as they are.
    std::uint64_t least = 1024;
};
static_assert(std::is_trivially_destructible_v<compress_options>);

/// Middleware that codes answers as the client wants them: those of a type that gets smaller, and
/// that are whole, not coded yet, and not marked `no-transform`. Strong entity tags become weak.
///
/// Answers with secrets beside what a stranger can choose tell the secrets by their size (BREACH):
/// such handlers stand outside of this, or mark the answer `Cache-Control: no-transform`.
[[nodiscard]] middleware compress(compress_options options = {});

/// Middleware that gives handlers the bodies of requests decoded, up to `most` bytes. 415 for a
/// coding that is not known.
[[nodiscard]] middleware decompress(std::uint64_t most);

} // namespace runnel::inline v0::http
