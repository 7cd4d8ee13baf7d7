// SPDX-License-Identifier: Apache-2.0
#include "runnel/core/error.hpp"

#include <atomic>
#include <cerrno>

namespace runnel::inline v0 {
namespace {

class category final : public std::error_category {
public:
    [[nodiscard]] const char* name() const noexcept override { return "runnel"; }

    [[nodiscard]] std::string message(int value) const override {
        return std::string(describe(static_cast<errc>(value)));
    }

    [[nodiscard]] bool equivalent(const std::error_code& code,
                                  int condition) const noexcept override {
        return to_errc(code) == static_cast<errc>(condition);
    }
};

errc from_system(int number) noexcept {
    switch (number) {
    case ECONNRESET:
    case EPIPE:
        return errc::reset;
    case ECONNABORTED:
        return errc::aborted;
    case ETIMEDOUT:
        return errc::timed_out;
    case ECONNREFUSED:
        return errc::refused;
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENETDOWN:
    case EHOSTDOWN:
    case EADDRNOTAVAIL:
    case ENONET:
        return errc::unreachable;
    case ECANCELED:
        return errc::cancelled;
    case EINVAL:
    case EDOM:
    case ENAMETOOLONG:
        return errc::invalid_argument;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
    case ENOSPC:
    case EDQUOT:
        return errc::limit_exceeded;
    case ENOENT:
    case ENOTDIR:
    case ENODEV:
    case ENXIO:
        return errc::not_found;
    case EACCES:
    case EPERM:
    case EROFS:
        return errc::permission_denied;
    case EADDRINUSE:
        return errc::address_in_use;
    case EOPNOTSUPP:
    case ENOSYS:
    case EAFNOSUPPORT:
    case EPROTONOSUPPORT:
    case ENOPROTOOPT:
        return errc::not_supported;
    case EPROTO:
    case EBADMSG:
        return errc::protocol_error;
    case EIO:
        return errc::io_error;
    default:
        return errc::system_error;
    }
}

} // namespace

struct error::shared_text {
    std::atomic<std::uint32_t> references{1};
    std::string text;
};

const std::error_category& core_category() noexcept {
    static const category instance;
    return instance;
}

std::error_code make_error_code(errc code) noexcept {
    return {static_cast<int>(code), core_category()};
}

std::error_condition make_error_condition(errc code) noexcept {
    return {static_cast<int>(code), core_category()};
}

errc to_errc(const std::error_code& code) noexcept {
    const std::error_category& category = code.category();
    if (category == core_category()) {
        return static_cast<errc>(code.value());
    }
    if (category == std::system_category() || category == std::generic_category()) {
        return from_system(code.value());
    }
    const std::error_condition condition = code.default_error_condition();
    return condition.category() == core_category() ? static_cast<errc>(condition.value())
                                                   : errc::system_error;
}

std::string_view describe(errc code) noexcept {
    switch (code) {
    case errc::end:
        return "end of stream";
    case errc::closed:
        return "closed by this side";
    case errc::reset:
        return "connection reset by the peer";
    case errc::aborted:
        return "aborted by this side";
    case errc::timed_out:
        return "timed out";
    case errc::refused:
        return "connection refused";
    case errc::unreachable:
        return "destination unreachable";
    case errc::truncated:
        return "stream cut short";
    case errc::protocol_error:
        return "protocol error";
    case errc::cancelled:
        return "cancelled";
    case errc::busy:
        return "another operation of the same side is still waiting";
    case errc::invalid_argument:
        return "invalid argument";
    case errc::limit_exceeded:
        return "limit exceeded";
    case errc::not_found:
        return "not found";
    case errc::permission_denied:
        return "permission denied";
    case errc::address_in_use:
        return "address in use";
    case errc::not_supported:
        return "not supported";
    case errc::deadlock:
        return "deadlock: nothing can ever happen again";
    case errc::io_error:
        return "input/output error";
    case errc::system_error:
        return "system error";
    }
    return "unknown error";
}

error::error(errc code) noexcept : code_(make_error_code(code)) {}

error::error(std::error_code code, std::string text) : code_(code) {
    if (!text.empty()) {
        text_ = new shared_text{.text = std::move(text)};
    }
}

error::error(errc code, std::string text) : error(make_error_code(code), std::move(text)) {}

error::error(const error& other) noexcept : code_(other.code_), text_(other.text_) {
    if (text_ != nullptr) {
        text_->references.fetch_add(1, std::memory_order_relaxed);
    }
}

error& error::operator=(const error& other) noexcept {
    return *this = error(other);
}

error& error::operator=(error&& other) noexcept {
    std::swap(code_, other.code_);
    std::swap(text_, other.text_);
    return *this;
}

void error::release() noexcept {
    if (text_->references.fetch_sub(1, std::memory_order_acq_rel) == 1) {
        delete text_;
    }
}

error error::from_errno(int number, std::string text) {
    return {std::error_code(number, std::system_category()), std::move(text)};
}

std::string_view error::text() const noexcept {
    return text_ != nullptr ? std::string_view(text_->text) : std::string_view();
}

std::string error::message() const {
    if (text_ == nullptr) {
        return code_.message();
    }
    return text_->text + ": " + code_.message();
}

error error::wrap(std::string_view text) const {
    std::string whole(text);
    if (text_ != nullptr) {
        whole += ": ";
        whole += text_->text;
    }
    return {code_, std::move(whole)};
}

} // namespace runnel::inline v0
