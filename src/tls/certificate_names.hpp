// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "library.hpp"
#include "ossl.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace runnel::inline v0::tls {

/// The DNS names of a certificate in lower case and in order.
[[nodiscard]] std::vector<std::string> names_of_certificate(X509* certificate);

/// The group that a certificate belongs to: one with the same names that has no key of its kind
/// yet, or a new one at the end of `all`. Its kind of key is noted there.
[[nodiscard]] certificate_group* group_for(std::vector<certificate_group>& all, X509* certificate);

/// The group for a name: the first that is exactly for it, else the first with a fitting wildcard,
/// else the first of all. A wildcard stands for one label (RFC 9525, section 6.3).
[[nodiscard]] const certificate_group& best_group(const std::vector<certificate_group>& all,
                                                  std::string_view name);

} // namespace runnel::inline v0::tls
