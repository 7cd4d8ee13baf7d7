// SPDX-License-Identifier: Apache-2.0
#include "runnel/http/fault.hpp"

#include <string>
#include <string_view>

namespace runnel::inline v0::http {
namespace {

struct fault_info {
    errc kind;
    status answer;
    std::string_view words;
};

fault_info info_of(fault code) noexcept {
    using enum errc;
    switch (code) {
    case fault::start_line:
        return {protocol_error, status::bad_request, "HTTP: malformed first line"};
    case fault::version:
        return {not_supported, status::version_not_supported, "HTTP: version is not 1.0 or 1.1"};
    case fault::long_start_line:
        return {limit_exceeded, status::uri_too_long, "HTTP: first line too long"};
    case fault::long_head:
        return {limit_exceeded, status::header_fields_too_large, "HTTP: head too long"};
    case fault::many_fields:
        return {limit_exceeded, status::header_fields_too_large, "HTTP: too many fields"};
    case fault::field_line:
        return {protocol_error, status::bad_request, "HTTP: malformed field line"};
    case fault::target:
        return {protocol_error, status::bad_request, "HTTP: wrong form of request target"};
    case fault::host:
        return {protocol_error, status::bad_request, "HTTP: missing, repeated or wrong Host"};
    case fault::length:
        return {protocol_error, status::bad_request, "HTTP: wrong Content-Length"};
    case fault::coding:
        return {protocol_error, status::bad_request, "HTTP: wrong Transfer-Encoding"};
    case fault::length_and_coding:
        return {protocol_error, status::bad_request,
                "HTTP: both Content-Length and Transfer-Encoding"};
    case fault::unknown_coding:
        return {not_supported, status::not_implemented, "HTTP: unknown transfer coding"};
    case fault::chunk:
        return {protocol_error, status::bad_request, "HTTP: malformed chunked body"};
    case fault::long_extension:
        return {limit_exceeded, status::bad_request, "HTTP: chunk extensions too long"};
    case fault::expectation:
        return {not_supported, status::expectation_failed, "HTTP: unknown expectation"};
    case fault::long_body:
        return {limit_exceeded, status::content_too_large, "HTTP: body too long"};
    case fault::unexpected_answer:
        return {protocol_error, status::bad_gateway, "HTTP: answer that was not asked for"};
    }
    return {protocol_error, status::bad_request, "HTTP: unknown fault"};
}

class category final : public std::error_category {
public:
    [[nodiscard]] const char* name() const noexcept override { return "http"; }
    [[nodiscard]] std::string message(int code) const override {
        return std::string(info_of(static_cast<fault>(code)).words);
    }
    [[nodiscard]] std::error_condition default_error_condition(int code) const noexcept override {
        return make_error_condition(info_of(static_cast<fault>(code)).kind);
    }
};

} // namespace

const std::error_category& http_category() noexcept {
    static const category instance;
    return instance;
}

std::error_code make_error_code(fault code) noexcept {
    return {static_cast<int>(code), http_category()};
}

status answer_to(fault code) noexcept {
    return info_of(code).answer;
}

status answer_to(const error& what) noexcept {
    if (what.code().category() == http_category()) {
        return answer_to(static_cast<fault>(what.code().value()));
    }
    return what == errc::timed_out ? status::request_timeout : status::bad_request;
}

} // namespace runnel::inline v0::http
