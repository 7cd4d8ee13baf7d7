// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/dns_error.hpp"

#include "runnel/core/error.hpp"

#include <string>

namespace runnel::inline v0 {
namespace {

class category final : public std::error_category {
public:
    [[nodiscard]] const char* name() const noexcept override { return "dns"; }

    [[nodiscard]] std::string message(int value) const override {
        switch (static_cast<dns_errc>(value)) {
        case dns_errc::no_such_name:
            return "no such name";
        case dns_errc::no_data:
            return "the name has no record of this type";
        case dns_errc::server_failure:
            return "the name servers could not answer";
        case dns_errc::no_answer:
            return "no name server answered";
        case dns_errc::no_server:
            return "no name server could be reached";
        case dns_errc::too_many_aliases:
            return "too many aliases";
        case dns_errc::malformed_name:
            return "malformed name";
        case dns_errc::too_many_lookups:
            return "too many lookups at once";
        }
        return "unknown error";
    }

    [[nodiscard]] std::error_condition default_error_condition(int value) const noexcept override {
        switch (static_cast<dns_errc>(value)) {
        case dns_errc::no_such_name:
        case dns_errc::no_data:
            return make_error_condition(errc::not_found);
        case dns_errc::server_failure:
        case dns_errc::no_server:
            return make_error_condition(errc::unreachable);
        case dns_errc::no_answer:
            return make_error_condition(errc::timed_out);
        case dns_errc::too_many_aliases:
            return make_error_condition(errc::protocol_error);
        case dns_errc::malformed_name:
            return make_error_condition(errc::invalid_argument);
        case dns_errc::too_many_lookups:
            return make_error_condition(errc::limit_exceeded);
        }
        return make_error_condition(errc::system_error);
    }
};

} // namespace

const std::error_category& dns_category() noexcept {
    static const category instance;
    return instance;
}

std::error_code make_error_code(dns_errc code) noexcept {
    return {static_cast<int>(code), dns_category()};
}

} // namespace runnel::inline v0
