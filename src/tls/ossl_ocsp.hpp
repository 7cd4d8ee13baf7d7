// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ossl.hpp"

#include <openssl/ocsp.h>

#include <memory>

/// Owners of what OpenSSL makes for OCSP (RFC 6960).
namespace runnel::inline v0::tls {

using asn1_time_ptr = std::unique_ptr<ASN1_TIME, free_with<&ASN1_TIME_free>>;
using ocsp_basic_ptr = std::unique_ptr<OCSP_BASICRESP, free_with<&OCSP_BASICRESP_free>>;
using ocsp_id_ptr = std::unique_ptr<OCSP_CERTID, free_with<&OCSP_CERTID_free>>;
using ocsp_response_ptr = std::unique_ptr<OCSP_RESPONSE, free_with<&OCSP_RESPONSE_free>>;

} // namespace runnel::inline v0::tls
