// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

// OpenSSL's, here only by name.
extern "C" {
struct evp_md_ctx_st;
}

namespace runnel::inline v0::program {

/// The SHA-256 (FIPS 180-4) of bytes that come in pieces.
class sha256 {
public:
    sha256();

    void update(std::span<const std::byte> bytes);

    /// The hash of all so far, in hexadecimal digits. Call once, at the end.
    [[nodiscard]] std::string finish();

private:
    struct deleter {
        void operator()(evp_md_ctx_st* context) const noexcept;
    };
    std::unique_ptr<evp_md_ctx_st, deleter> context_;
};

} // namespace runnel::inline v0::program
