// SPDX-License-Identifier: Apache-2.0
#include "certificate_text.hpp"

namespace runnel::inline v0::tls {

std::string text_of(const bio_ptr& written) {
    char* bytes = nullptr;
    const long size = BIO_get_mem_data(written.get(), &bytes);
    return {bytes, static_cast<std::size_t>(size)};
}

std::string text_of(const X509_NAME* name) {
    const bio_ptr text(BIO_new(BIO_s_mem()));
    X509_NAME_print_ex(text.get(), name, 0, XN_FLAG_RFC2253);
    const std::string written = text_of(text);
    return written.empty() ? "(no name)" : written;
}

std::string text_of(const ASN1_TIME* moment) {
    const bio_ptr text(BIO_new(BIO_s_mem()));
    ASN1_TIME_print(text.get(), moment);
    return text_of(text);
}

std::vector<std::string> all_names_of(X509* certificate) {
    std::vector<std::string> all;
    auto* names = static_cast<GENERAL_NAMES*>(
        X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
    for (int i = 0; i < sk_GENERAL_NAME_num(names); ++i) {
        const bio_ptr text(BIO_new(BIO_s_mem()));
        GENERAL_NAME_print(text.get(), sk_GENERAL_NAME_value(names, i));
        all.push_back(text_of(text));
    }
    GENERAL_NAMES_free(names);
    return all;
}

} // namespace runnel::inline v0::tls
