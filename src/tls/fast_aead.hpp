// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ossl.hpp"

namespace runnel::inline v0::tls {

/// Adds AES-GCM on libipsec-mb to a library context, as a provider of its own beside OpenSSL's.
///
/// Gives the provider, to be dropped before the library context; null where there is nothing to
/// gain or the code cannot be trusted: a build without libipsec-mb, a CPU without VAES and AVX-512,
/// a self-test that failed.
[[nodiscard]] provider_ptr add_fast_aead(OSSL_LIB_CTX* to);

/// The property query that finds it, or OpenSSL's own algorithm where it has none.
constexpr const char* fast_aead_query = "?provider=runnel";

} // namespace runnel::inline v0::tls
