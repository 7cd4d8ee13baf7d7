// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ossl.hpp"

#include <string>
#include <vector>

/// Parts of certificates as text for people.
namespace runnel::inline v0::tls {

/// What was written into a BIO of memory.
[[nodiscard]] std::string text_of(const bio_ptr& written);
[[nodiscard]] std::string text_of(const X509_NAME* name);
[[nodiscard]] std::string text_of(const ASN1_TIME* moment);

/// The names and addresses that a certificate is for: "DNS:example.org".
[[nodiscard]] std::vector<std::string> all_names_of(X509* certificate);

} // namespace runnel::inline v0::tls
