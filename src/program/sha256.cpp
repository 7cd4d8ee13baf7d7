// SPDX-License-Identifier: Apache-2.0
#include "sha256.hpp"

#include "runnel/core/check.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>

namespace runnel::inline v0::program {

sha256::sha256() : context_(EVP_MD_CTX_new()) {
    check(context_ != nullptr && EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1,
          "libcrypto has SHA-256");
}

void sha256::update(std::span<const std::byte> bytes) {
    check(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1, "hashing works");
}

std::string sha256::finish() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    check(EVP_DigestFinal_ex(context_.get(), digest.data(), &size) == 1, "hashing works");
    std::string text;
    for (unsigned i = 0; i < size; ++i) {
        text += fmt::format("{:02x}", digest[i]);
    }
    return text;
}

void sha256::deleter::operator()(evp_md_ctx_st* context) const noexcept {
    EVP_MD_CTX_free(context);
}

} // namespace runnel::inline v0::program
