// SPDX-License-Identifier: Apache-2.0
#include "certificate_text.hpp"
#include "context.hpp"
#include "engine.hpp"
#include "failure.hpp"
#include "runnel/tls/config.hpp"
#include "runnel/tls/error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>

namespace runnel::inline v0::tls {
namespace {

using digest = std::array<unsigned char, 32>;

/// The names and addresses that a certificate is for, as far as they are few.
std::string names_of(X509* certificate) {
    constexpr std::size_t few = 10;
    const std::vector<std::string> names = all_names_of(certificate);
    std::string all;
    for (std::size_t i = 0; i < std::min(few, names.size()); ++i) {
        all += (i == 0 ? "" : ", ") + names[i];
    }
    if (names.size() > few) {
        all += ", …";
    }
    return all.empty() ? "no name at all" : all;
}

error refusal_of(X509_STORE_CTX* checked) {
    const int code = X509_STORE_CTX_get_error(checked);
    X509* certificate = X509_STORE_CTX_get_current_cert(checked);
    std::string text;
    if (certificate != nullptr) {
        const int depth = X509_STORE_CTX_get_error_depth(checked);
        text = fmt::format("{} \"{}\"", depth == 0 ? "certificate" : "issuer",
                           text_of(X509_get_subject_name(certificate)));
        if (code == X509_V_ERR_CERT_HAS_EXPIRED) {
            text += ", valid until " + text_of(X509_get0_notAfter(certificate));
        } else if (code == X509_V_ERR_CERT_NOT_YET_VALID) {
            text += ", valid from " + text_of(X509_get0_notBefore(certificate));
        } else if (code == X509_V_ERR_HOSTNAME_MISMATCH || code == X509_V_ERR_IP_ADDRESS_MISMATCH) {
            text += ", which is for " + names_of(certificate);
        }
    }
    return verification_error(code, std::move(text));
}

/// Whether the text is the fingerprint in hexadecimal digits.
bool matches(std::string_view pin, const digest& own) {
    std::string digits;
    for (const unsigned char byte : own) {
        digits += fmt::format("{:02x}", byte);
    }
    std::string given;
    for (const char c : pin) {
        if (c != ':') {
            given += static_cast<char>(c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c);
        }
    }
    return given == digits;
}

bool is_pinned(const std::vector<std::string>& pins, X509* certificate) {
    digest whole{};
    digest key{};
    unsigned int size = 0;
    X509_digest(certificate, EVP_sha256(), whole.data(), &size);
    unsigned char* bytes = nullptr;
    const int length = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &bytes);
    if (length > 0) {
        EVP_Digest(bytes, static_cast<std::size_t>(length), key.data(), &size, EVP_sha256(),
                   nullptr);
        OPENSSL_free(bytes);
    }
    return std::ranges::any_of(
        pins, [&](const std::string& pin) { return matches(pin, whole) || matches(pin, key); });
}

} // namespace

int on_verify(int good, X509_STORE_CTX* checked) {
    const auto* ssl = static_cast<const SSL*>(
        X509_STORE_CTX_get_ex_data(checked, SSL_get_ex_data_X509_STORE_CTX_idx()));
    engine& session = engine::of(ssl);
    const auto& made = *static_cast<const context*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
    const bool trusting = made.client != nullptr && !made.client->verify;
    if (good != 1 && !trusting) {
        session.note_refusal(refusal_of(checked));
        return 0;
    }
    if (made.client != nullptr && !made.client->pins.empty() &&
        X509_STORE_CTX_get_error_depth(checked) == 0) {
        X509* certificate = X509_STORE_CTX_get_current_cert(checked);
        if (certificate == nullptr || !is_pinned(made.client->pins, certificate)) {
            session.note_refusal(error(make_error_code(fault::not_pinned), ""));
            X509_STORE_CTX_set_error(checked, X509_V_ERR_APPLICATION_VERIFICATION);
            return 0;
        }
    }
    return 1;
}

} // namespace runnel::inline v0::tls
