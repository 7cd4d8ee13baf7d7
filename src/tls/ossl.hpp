// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>

/// Owners of what OpenSSL makes.
namespace runnel::inline v0::tls {

template <auto Free>
struct free_with {
    template <class T>
    void operator()(T* object) const noexcept {
        Free(object);
    }
};

using ssl_ptr = std::unique_ptr<SSL, free_with<&SSL_free>>;
using ssl_ctx_ptr = std::unique_ptr<SSL_CTX, free_with<&SSL_CTX_free>>;
using ssl_session_ptr = std::unique_ptr<SSL_SESSION, free_with<&SSL_SESSION_free>>;
using bio_ptr = std::unique_ptr<BIO, free_with<&BIO_free_all>>;
using x509_ptr = std::unique_ptr<X509, free_with<&X509_free>>;
using x509_crl_ptr = std::unique_ptr<X509_CRL, free_with<&X509_CRL_free>>;
using x509_store_ptr = std::unique_ptr<X509_STORE, free_with<&X509_STORE_free>>;
using cipher_ptr = std::unique_ptr<EVP_CIPHER, free_with<&EVP_CIPHER_free>>;
using key_ptr = std::unique_ptr<EVP_PKEY, free_with<&EVP_PKEY_free>>;
using lib_ctx_ptr = std::unique_ptr<OSSL_LIB_CTX, free_with<&OSSL_LIB_CTX_free>>;
using provider_ptr = std::unique_ptr<OSSL_PROVIDER, free_with<&OSSL_PROVIDER_unload>>;

} // namespace runnel::inline v0::tls
