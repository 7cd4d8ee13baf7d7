// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <intel-ipsec-mb.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace runnel::inline v0::tls {

/// The functions of libipsec-mb for AES-GCM with keys of one size.
struct gcm_method {
    std::size_t key_size;
    aes_gcm_pre_t expand;
    aes_gcm_init_t begin;
    aes_gcm_enc_dec_update_t encrypt;
    aes_gcm_enc_dec_update_t decrypt;
    aes_gcm_enc_dec_finalize_t finish_encrypting;
    aes_gcm_enc_dec_finalize_t finish_decrypting;
};

/// Null where the CPU has no vector instructions for AES on 512 bits: OpenSSL's own code is as fast
/// there.
[[nodiscard]] const gcm_method* gcm_method_128();
[[nodiscard]] const gcm_method* gcm_method_256();

/// AES-GCM (NIST SP 800-38D) as libssl uses a cipher of a provider: with a nonce of 96 bits and a
/// tag of 128, for records of TLS 1.3 by way of `add_data`, `update` and `finish`, and for those of
/// TLS 1.2 (RFC 5288) in one step.
class gcm_cipher {
public:
    static constexpr std::size_t nonce_size = 12;
    static constexpr std::size_t tag_size = 16;
    static constexpr std::size_t explicit_nonce_size = 8;
    /// The header of a record as TLS 1.2 authenticates it.
    static constexpr std::size_t header_size = 13;

    explicit gcm_cipher(const gcm_method& how) noexcept : how_(&how) {}
    gcm_cipher(const gcm_cipher&) = default;
    gcm_cipher& operator=(const gcm_cipher&) = delete;
    ~gcm_cipher(); // wipes the key

    [[nodiscard]] std::size_t key_size() const noexcept { return how_->key_size; }
    [[nodiscard]] bool encrypting() const noexcept { return encrypting_; }

    // Each says whether it could do it.

    /// Begins a message. Either span may be empty: the key or the nonce set before stays.
    [[nodiscard]] bool begin(bool encrypting, std::span<const unsigned char> key,
                             std::span<const unsigned char> nonce);
    /// Data that is authenticated only; before everything that is encrypted. At most 64 bytes.
    [[nodiscard]] bool add_data(std::span<const unsigned char> data);
    /// In place, or from one memory to another.
    [[nodiscard]] bool update(unsigned char* out, const unsigned char* in, std::size_t size);
    /// Ends the message: makes the tag, or compares it with the one that was set.
    [[nodiscard]] bool finish();
    [[nodiscard]] bool set_tag(std::span<const unsigned char> tag);
    [[nodiscard]] bool get_tag(std::span<unsigned char> tag) const;
    [[nodiscard]] std::span<const unsigned char> nonce() const noexcept { return nonce_; }

    /// The part of the nonce that never changes in TLS 1.2; the rest begins anywhere and counts up.
    [[nodiscard]] bool set_fixed_nonce(std::span<const unsigned char> fixed);
    /// The header of the next record, with the length before decryption.
    [[nodiscard]] bool set_record_header(std::span<const unsigned char> header);
    [[nodiscard]] bool has_record_header() const noexcept { return has_header_; }
    /// A whole record in place: nonce, data, tag. `size` is what it has become.
    [[nodiscard]] bool record(std::span<unsigned char> all, std::size_t& size);

private:
    [[nodiscard]] bool start();
    void count_up() noexcept;

    alignas(64) gcm_key_data key_{};
    gcm_context_data run_{};
    const gcm_method* how_;
    std::array<unsigned char, nonce_size> nonce_{};
    std::array<unsigned char, tag_size> tag_{};
    std::array<unsigned char, 64> data_{};
    std::size_t data_size_ = 0;
    bool encrypting_ = false;
    bool has_key_ = false;
    bool has_nonce_ = false; // one that was not used yet
    bool counts_ = false;    // the nonce is made by counting
    bool started_ = false;
    bool has_tag_ = false;
    bool has_header_ = false;
};

} // namespace runnel::inline v0::tls
