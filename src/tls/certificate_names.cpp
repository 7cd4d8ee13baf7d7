// SPDX-License-Identifier: Apache-2.0
#include "certificate_names.hpp"

#include <algorithm>

namespace runnel::inline v0::tls {
namespace {

std::string lower_case(std::string_view text) {
    std::string lower(text);
    for (char& c : lower) {
        c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    }
    return lower;
}

} // namespace

std::vector<std::string> names_of_certificate(X509* certificate) {
    std::vector<std::string> all;
    auto* names = static_cast<GENERAL_NAMES*>(
        X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
    for (int i = 0; i < sk_GENERAL_NAME_num(names); ++i) {
        int kind = 0;
        const void* value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &kind);
        if (kind == GEN_DNS) {
            const auto* name = static_cast<const ASN1_IA5STRING*>(value);
            all.push_back(lower_case({reinterpret_cast<const char*>(ASN1_STRING_get0_data(name)),
                                      static_cast<std::size_t>(ASN1_STRING_length(name))}));
        }
    }
    GENERAL_NAMES_free(names);
    std::ranges::sort(all);
    return all;
}

certificate_group* group_for(std::vector<certificate_group>& all, X509* certificate) {
    const std::vector<std::string> names = names_of_certificate(certificate);
    const int kind = EVP_PKEY_get_base_id(X509_get0_pubkey(certificate));
    auto found = std::ranges::find_if(all, [&](const certificate_group& each) {
        return each.names == names &&
               std::ranges::find(each.key_kinds, kind) == each.key_kinds.end();
    });
    if (found == all.end()) {
        all.emplace_back();
        found = std::prev(all.end());
        found->names = names;
    }
    found->key_kinds.push_back(kind);
    return &*found;
}

const certificate_group& best_group(const std::vector<certificate_group>& all,
                                    std::string_view name) {
    const std::string exact = lower_case(name);
    const std::size_t dot = exact.find('.');
    const std::string wildcard = dot == std::string::npos ? "" : "*" + exact.substr(dot);
    for (const std::string& wanted : {exact, wildcard}) {
        for (const certificate_group& each : all) {
            if (std::ranges::binary_search(each.names, wanted)) {
                return each;
            }
        }
    }
    return all.front();
}

} // namespace runnel::inline v0::tls
