// SPDX-License-Identifier: Apache-2.0
#include "gcm_cipher.hpp"

#include "runnel/core/random.hpp"

#include <openssl/crypto.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

namespace runnel::inline v0::tls {
namespace {

using manager_ptr = std::unique_ptr<IMB_MGR, decltype(&free_mb_mgr)>;

/// The library's functions for this CPU; null if it lacks what makes them fast. Constant once made:
/// all threads share it.
const IMB_MGR* manager() {
    static const manager_ptr only = [] {
        manager_ptr made(alloc_mb_mgr(0), &free_mb_mgr);
        if (made != nullptr) {
            IMB_ARCH chosen{};
            init_mb_mgr_auto(made.get(), &chosen);
            constexpr std::uint64_t wanted =
                IMB_FEATURE_AVX512_SKX | IMB_FEATURE_VAES | IMB_FEATURE_VPCLMULQDQ;
            if (chosen != IMB_ARCH_AVX512 || (made->features & wanted) != wanted) {
                made.reset();
            }
        }
        return made;
    }();
    return only.get();
}

} // namespace

const gcm_method* gcm_method_128() {
    const IMB_MGR* all = manager();
    if (all == nullptr) {
        return nullptr;
    }
    static const gcm_method method{16,
                                   all->gcm128_pre,
                                   all->gcm128_init,
                                   all->gcm128_enc_update,
                                   all->gcm128_dec_update,
                                   all->gcm128_enc_finalize,
                                   all->gcm128_dec_finalize};
    return &method;
}

const gcm_method* gcm_method_256() {
    const IMB_MGR* all = manager();
    if (all == nullptr) {
        return nullptr;
    }
    static const gcm_method method{32,
                                   all->gcm256_pre,
                                   all->gcm256_init,
                                   all->gcm256_enc_update,
                                   all->gcm256_dec_update,
                                   all->gcm256_enc_finalize,
                                   all->gcm256_dec_finalize};
    return &method;
}

gcm_cipher::~gcm_cipher() {
    OPENSSL_cleanse(&key_, sizeof(key_));
    OPENSSL_cleanse(&run_, sizeof(run_));
}

bool gcm_cipher::begin(bool encrypting, std::span<const unsigned char> key,
                       std::span<const unsigned char> nonce) {
    encrypting_ = encrypting;
    started_ = false;
    has_tag_ = false;
    data_size_ = 0;
    if (!key.empty()) {
        if (key.size() != how_->key_size) {
            return false;
        }
        how_->expand(key.data(), &key_);
        has_key_ = true;
    }
    if (!nonce.empty()) {
        if (nonce.size() != nonce_size) {
            return false;
        }
        std::ranges::copy(nonce, nonce_.begin());
        has_nonce_ = true;
        counts_ = false;
    }
    return true;
}

bool gcm_cipher::add_data(std::span<const unsigned char> data) {
    if (started_ || data.size() > data_.size() - data_size_) {
        return false;
    }
    std::ranges::copy(data, data_.begin() + static_cast<std::ptrdiff_t>(data_size_));
    data_size_ += data.size();
    return true;
}

/// Begins the computation; a nonce serves one message only.
bool gcm_cipher::start() {
    if (started_) {
        return true;
    }
    if (!has_key_ || !has_nonce_) {
        return false;
    }
    how_->begin(&key_, &run_, nonce_.data(), data_.data(), data_size_);
    has_nonce_ = false;
    started_ = true;
    return true;
}

bool gcm_cipher::update(unsigned char* out, const unsigned char* in, std::size_t size) {
    if (!start()) {
        return false;
    }
    (encrypting_ ? how_->encrypt : how_->decrypt)(&key_, &run_, out, in, size);
    return true;
}

bool gcm_cipher::finish() {
    if (!start()) { // a message of no data has a tag, too
        return false;
    }
    started_ = false;
    data_size_ = 0;
    if (encrypting_) {
        how_->finish_encrypting(&key_, &run_, tag_.data(), tag_.size());
        has_tag_ = true;
        return true;
    }
    std::array<unsigned char, tag_size> made{};
    how_->finish_decrypting(&key_, &run_, made.data(), made.size());
    const bool expected = std::exchange(has_tag_, false);
    return expected && CRYPTO_memcmp(made.data(), tag_.data(), tag_size) == 0;
}

bool gcm_cipher::set_tag(std::span<const unsigned char> tag) {
    if (encrypting_ || tag.size() != tag_size) {
        return false;
    }
    std::ranges::copy(tag, tag_.begin());
    has_tag_ = true;
    return true;
}

bool gcm_cipher::get_tag(std::span<unsigned char> tag) const {
    if (!encrypting_ || !has_tag_ || tag.empty() || tag.size() > tag_size) {
        return false;
    }
    std::memcpy(tag.data(), tag_.data(), tag.size());
    return true;
}

bool gcm_cipher::set_fixed_nonce(std::span<const unsigned char> fixed) {
    if (fixed.size() != nonce_size - explicit_nonce_size) {
        return false;
    }
    std::ranges::copy(fixed, nonce_.begin());
    if (encrypting_) {
        secure_random(std::as_writable_bytes(std::span(nonce_).subspan(fixed.size())));
    }
    counts_ = true;
    return true;
}

bool gcm_cipher::set_record_header(std::span<const unsigned char> header) {
    if (header.size() != header_size) {
        return false;
    }
    std::size_t length = std::size_t{header[11]} * 256 + header[12];
    const std::size_t around = explicit_nonce_size + (encrypting_ ? 0 : tag_size);
    if (length < around) {
        return false;
    }
    length -= around;
    std::ranges::copy(header, data_.begin());
    data_[11] = static_cast<unsigned char>(length >> 8U);
    data_[12] = static_cast<unsigned char>(length);
    data_size_ = header_size;
    started_ = false;
    has_header_ = true;
    return true;
}

void gcm_cipher::count_up() noexcept {
    for (std::size_t i = nonce_size; i-- > nonce_size - explicit_nonce_size;) {
        if (++nonce_[i] != 0) {
            break;
        }
    }
}

bool gcm_cipher::record(std::span<unsigned char> all, std::size_t& size) {
    constexpr std::size_t around = explicit_nonce_size + tag_size;
    if (!std::exchange(has_header_, false) || !counts_ || all.size() < around) {
        return false;
    }
    const std::span<unsigned char> shown = all.first(explicit_nonce_size);
    const std::span<unsigned char> tag = all.last(tag_size);
    const std::span<unsigned char> data = all.subspan(shown.size(), all.size() - around);
    const std::span<unsigned char> counter = std::span(nonce_).last(explicit_nonce_size);
    if (encrypting_) {
        std::ranges::copy(counter, shown.begin());
    } else {
        std::ranges::copy(shown, counter.begin());
        static_cast<void>(set_tag(tag));
    }
    has_nonce_ = true;
    if (!update(data.data(), data.data(), data.size()) || !finish()) {
        OPENSSL_cleanse(data.data(), data.size());
        return false;
    }
    size = encrypting_ ? all.size() : data.size();
    if (encrypting_) {
        count_up();
        return get_tag(tag);
    }
    return true;
}

} // namespace runnel::inline v0::tls
