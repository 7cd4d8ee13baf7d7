// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/error.hpp"
#include "runnel/tls/certificate.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace runnel::inline v0::program {

/// A certificate for development: where it is put, and what it says.
struct development_certificate {
    std::string folder = {};
    /// Names and addresses that it is for, at least one. The first names the files.
    std::vector<std::string> names = {};
    tls::key_kind key = tls::key_kind::ecdsa_p256;
    tls::certificate_use use = tls::certificate_use::both;
    std::uint64_t days = 365;
};

/// Makes the certificate and its key, signed by the authority of the folder, which is made if there
/// is none. Gives the path of the new files without their endings, `.pem` and `.key`.
[[nodiscard]] result<std::string>
make_development_certificate(const development_certificate& wanted);

} // namespace runnel::inline v0::program
