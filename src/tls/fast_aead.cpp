// SPDX-License-Identifier: Apache-2.0
//
// A provider of OpenSSL (provider-cipher(7)) around `gcm_cipher`.

#include "fast_aead.hpp"

#include "gcm_cipher.hpp"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>
#include <vector>

namespace runnel::inline v0::tls {
namespace {

constexpr const char* provider_name = "runnel";

gcm_cipher& of(void* context) {
    return *static_cast<gcm_cipher*>(context);
}

template <const gcm_method* (*Method)()>
void* make_context(void* /*provider*/) {
    return new gcm_cipher(*Method());
}

void free_context(void* context) {
    delete static_cast<gcm_cipher*>(context);
}

void* copy_context(void* context) {
    return new gcm_cipher(of(context));
}

int set_context_params(void* context, const OSSL_PARAM* params) {
    gcm_cipher& cipher = of(context);
    const auto bytes = [](const OSSL_PARAM& item) {
        return std::span(static_cast<const unsigned char*>(item.data), item.data_size);
    };
    for (const OSSL_PARAM* item = params; item != nullptr && item->key != nullptr; ++item) {
        const std::string_view name = item->key;
        std::size_t size = 0;
        bool fine = true;
        if (name == OSSL_CIPHER_PARAM_AEAD_TAG) {
            // Without bytes this would only set the size, and there is one.
            fine = item->data == nullptr ? item->data_size == gcm_cipher::tag_size
                                         : cipher.set_tag(bytes(*item));
        } else if (name == OSSL_CIPHER_PARAM_AEAD_IVLEN) {
            fine = OSSL_PARAM_get_size_t(item, &size) == 1 && size == gcm_cipher::nonce_size;
        } else if (name == OSSL_CIPHER_PARAM_AEAD_TLS1_AAD) {
            fine = cipher.set_record_header(bytes(*item));
        } else if (name == OSSL_CIPHER_PARAM_AEAD_TLS1_IV_FIXED) {
            fine = cipher.set_fixed_nonce(bytes(*item));
        }
        if (!fine) {
            return 0;
        }
    }
    return 1;
}

int get_context_params(void* context, OSSL_PARAM* params) {
    const gcm_cipher& cipher = of(context);
    for (OSSL_PARAM* item = params; item->key != nullptr; ++item) {
        const std::string_view name = item->key;
        int fine = 1;
        if (name == OSSL_CIPHER_PARAM_KEYLEN) {
            fine = OSSL_PARAM_set_size_t(item, cipher.key_size());
        } else if (name == OSSL_CIPHER_PARAM_IVLEN) {
            fine = OSSL_PARAM_set_size_t(item, gcm_cipher::nonce_size);
        } else if (name == OSSL_CIPHER_PARAM_AEAD_TAGLEN ||
                   name == OSSL_CIPHER_PARAM_AEAD_TLS1_AAD_PAD) {
            fine = OSSL_PARAM_set_size_t(item, gcm_cipher::tag_size);
        } else if (name == OSSL_CIPHER_PARAM_IV || name == OSSL_CIPHER_PARAM_UPDATED_IV) {
            fine = OSSL_PARAM_set_octet_string(item, cipher.nonce().data(), cipher.nonce().size());
        } else if (name == OSSL_CIPHER_PARAM_AEAD_TAG) {
            fine = static_cast<int>(
                cipher.get_tag({static_cast<unsigned char*>(item->data), item->data_size}));
        }
        if (fine != 1) {
            return 0;
        }
    }
    return 1;
}

template <bool Encrypting>
int begin(void* context, const unsigned char* key, std::size_t key_size, const unsigned char* nonce,
          std::size_t nonce_size, const OSSL_PARAM* params) {
    const std::span key_bytes(key, key != nullptr ? key_size : 0);
    const std::span nonce_bytes(nonce, nonce != nullptr ? nonce_size : 0);
    return of(context).begin(Encrypting, key_bytes, nonce_bytes)
               ? set_context_params(context, params)
               : 0;
}

int update(void* context, unsigned char* out, std::size_t* written, std::size_t room,
           const unsigned char* in, std::size_t size) {
    gcm_cipher& cipher = of(context);
    *written = 0;
    if (cipher.has_record_header()) {
        return static_cast<int>(out == in && cipher.record({out, size}, *written));
    }
    if (size == 0) {
        return 1;
    }
    if (out != nullptr && room < size) {
        return 0;
    }
    const bool done = out == nullptr ? cipher.add_data({in, size}) : cipher.update(out, in, size);
    *written = done ? size : 0;
    return static_cast<int>(done);
}

int finish(void* context, unsigned char* /*out*/, std::size_t* written, std::size_t /*room*/) {
    *written = 0;
    return static_cast<int>(of(context).finish());
}

template <std::size_t KeySize>
int get_params(OSSL_PARAM* params) {
    for (OSSL_PARAM* item = params; item->key != nullptr; ++item) {
        const std::string_view name = item->key;
        int fine = 1;
        if (name == OSSL_CIPHER_PARAM_MODE) {
            fine = OSSL_PARAM_set_uint(item, EVP_CIPH_GCM_MODE);
        } else if (name == OSSL_CIPHER_PARAM_KEYLEN) {
            fine = OSSL_PARAM_set_size_t(item, KeySize);
        } else if (name == OSSL_CIPHER_PARAM_IVLEN) {
            fine = OSSL_PARAM_set_size_t(item, gcm_cipher::nonce_size);
        } else if (name == OSSL_CIPHER_PARAM_BLOCK_SIZE) {
            fine = OSSL_PARAM_set_size_t(item, 1);
        } else if (name == OSSL_CIPHER_PARAM_AEAD || name == OSSL_CIPHER_PARAM_CUSTOM_IV) {
            fine = OSSL_PARAM_set_int(item, 1);
        }
        if (fine != 1) {
            return 0;
        }
    }
    return 1;
}

const OSSL_PARAM* readable_params(void* /*context*/, void* /*provider*/) {
    constexpr auto item = [](const char* name, unsigned int type) {
        return OSSL_PARAM{name, type, nullptr, 0, OSSL_PARAM_UNMODIFIED};
    };
    static const std::array all{item(OSSL_CIPHER_PARAM_KEYLEN, OSSL_PARAM_UNSIGNED_INTEGER),
                                item(OSSL_CIPHER_PARAM_AEAD_TAG, OSSL_PARAM_OCTET_STRING),
                                OSSL_PARAM_construct_end()};
    return all.data();
}

template <class F>
constexpr OSSL_DISPATCH entry(int number, F* function) {
    return {number, reinterpret_cast<void (*)()>(function)};
}

template <const gcm_method* (*Method)(), std::size_t KeySize>
const OSSL_DISPATCH* functions() {
    static const std::array all{entry(OSSL_FUNC_CIPHER_NEWCTX, &make_context<Method>),
                                entry(OSSL_FUNC_CIPHER_FREECTX, &free_context),
                                entry(OSSL_FUNC_CIPHER_DUPCTX, &copy_context),
                                entry(OSSL_FUNC_CIPHER_ENCRYPT_INIT, &begin<true>),
                                entry(OSSL_FUNC_CIPHER_DECRYPT_INIT, &begin<false>),
                                entry(OSSL_FUNC_CIPHER_UPDATE, &update),
                                entry(OSSL_FUNC_CIPHER_FINAL, &finish),
                                entry(OSSL_FUNC_CIPHER_GET_PARAMS, &get_params<KeySize>),
                                entry(OSSL_FUNC_CIPHER_GET_CTX_PARAMS, &get_context_params),
                                entry(OSSL_FUNC_CIPHER_SET_CTX_PARAMS, &set_context_params),
                                entry(OSSL_FUNC_CIPHER_GETTABLE_CTX_PARAMS, &readable_params),
                                OSSL_DISPATCH{0, nullptr}};
    return all.data();
}

const OSSL_ALGORITHM* query(void* /*provider*/, int operation, int* no_cache) {
    static const std::array all{
        OSSL_ALGORITHM{"AES-128-GCM:id-aes128-GCM", "provider=runnel",
                       functions<&gcm_method_128, 16>(), "AES-128-GCM on libipsec-mb"},
        OSSL_ALGORITHM{"AES-256-GCM:id-aes256-GCM", "provider=runnel",
                       functions<&gcm_method_256, 32>(), "AES-256-GCM on libipsec-mb"},
        OSSL_ALGORITHM{nullptr, nullptr, nullptr, nullptr}};
    *no_cache = 0;
    return operation == OSSL_OP_CIPHER ? all.data() : nullptr;
}

int begin_provider(const OSSL_CORE_HANDLE* /*handle*/, const OSSL_DISPATCH* /*offered*/,
                   const OSSL_DISPATCH** given, void** context) {
    static const std::array all{entry(OSSL_FUNC_PROVIDER_QUERY_OPERATION, &query),
                                OSSL_DISPATCH{0, nullptr}};
    static char any = 0; // a context must not be null
    *context = &any;
    *given = all.data();
    return 1;
}

/// Key, nonce and authenticated data of the self-test, each from somewhere in it.
constexpr std::string_view key = "a key of thirty-two bytes at most";

const unsigned char* from_key(std::size_t offset) {
    return reinterpret_cast<const unsigned char*>(key.data()) + offset;
}

/// What a cipher makes of a message: its ciphertext and tag; nothing if it fails.
std::vector<unsigned char> seal(const EVP_CIPHER* cipher, std::span<const unsigned char> message) {
    EVP_CIPHER_CTX* run = EVP_CIPHER_CTX_new();
    std::vector<unsigned char> out(message.size() + gcm_cipher::tag_size);
    int count = 0;
    int last = 0;
    const bool fine =
        EVP_EncryptInit_ex2(run, cipher, from_key(0), from_key(7), nullptr) == 1 &&
        EVP_EncryptUpdate(run, nullptr, &count, from_key(3), gcm_cipher::header_size) == 1 &&
        EVP_EncryptUpdate(run, out.data(), &count, message.data(),
                          static_cast<int>(message.size())) == 1 &&
        EVP_EncryptFinal_ex(run, out.data() + count, &last) == 1 &&
        EVP_CIPHER_CTX_ctrl(run, EVP_CTRL_AEAD_GET_TAG, gcm_cipher::tag_size,
                            out.data() + message.size()) == 1;
    EVP_CIPHER_CTX_free(run);
    return fine ? out : std::vector<unsigned char>();
}

/// Whether a cipher takes what `seal` made back to the message, with this tag.
bool opens(const EVP_CIPHER* cipher, std::span<const unsigned char> message,
           std::vector<unsigned char> sealed) {
    EVP_CIPHER_CTX* run = EVP_CIPHER_CTX_new();
    std::vector<unsigned char> out(message.size());
    int count = 0;
    int last = 0;
    const bool fine =
        EVP_DecryptInit_ex2(run, cipher, from_key(0), from_key(7), nullptr) == 1 &&
        EVP_CIPHER_CTX_ctrl(run, EVP_CTRL_AEAD_SET_TAG, gcm_cipher::tag_size,
                            sealed.data() + message.size()) == 1 &&
        EVP_DecryptUpdate(run, nullptr, &count, from_key(3), gcm_cipher::header_size) == 1 &&
        EVP_DecryptUpdate(run, out.data(), &count, sealed.data(),
                          static_cast<int>(message.size())) == 1 &&
        EVP_DecryptFinal_ex(run, out.data() + count, &last) == 1 &&
        std::ranges::equal(out, message);
    EVP_CIPHER_CTX_free(run);
    return fine;
}

/// Whether the provider and OpenSSL's own code make the same of messages of many sizes.
bool passes_self_test(OSSL_LIB_CTX* in) {
    for (const char* name : {"AES-128-GCM", "AES-256-GCM"}) {
        const cipher_ptr ours(EVP_CIPHER_fetch(in, name, "provider=runnel"));
        const cipher_ptr theirs(EVP_CIPHER_fetch(in, name, "provider=default"));
        if (ours == nullptr || theirs == nullptr) {
            return false;
        }
        for (const std::size_t size :
             {0U, 1U, 15U, 16U, 17U, 47U, 255U, 256U, 1400U, 5000U, 16384U}) {
            std::vector<unsigned char> message(size);
            for (std::size_t i = 0; i < size; ++i) {
                message[i] = static_cast<unsigned char>(i * 7 + (i >> 8U) + size);
            }
            std::vector<unsigned char> sealed = seal(ours.get(), message);
            if (sealed.empty() || sealed != seal(theirs.get(), message) ||
                !opens(ours.get(), message, sealed)) {
                return false;
            }
            sealed.back() ^= 1U;
            if (opens(ours.get(), message, sealed)) {
                return false;
            }
        }
    }
    return true;
}

} // namespace

provider_ptr add_fast_aead(OSSL_LIB_CTX* to) {
    if (gcm_method_128() == nullptr || gcm_method_256() == nullptr ||
        OSSL_PROVIDER_add_builtin(to, provider_name, &begin_provider) != 1) {
        return nullptr;
    }
    provider_ptr made(OSSL_PROVIDER_load(to, provider_name));
    static const bool trusted = made != nullptr && passes_self_test(to);
    ERR_clear_error();
    return trusted ? std::move(made) : nullptr;
}

} // namespace runnel::inline v0::tls
