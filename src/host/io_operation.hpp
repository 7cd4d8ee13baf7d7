// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/io.hpp"
#include "runnel/async/operation.hpp"
#include "runnel/core/error.hpp"

#include <optional>
#include <string_view>

namespace runnel::inline v0::host {

/// Awaits a single request of a backend: `co_await io_operation(file, io_kind::writable,
/// "connect")`.
///
/// Gives the request's result, or the error of the stop that came first. A request that succeeded
/// in the moment of the stop has succeeded.
class io_operation final : public operation {
public:
    /// `purpose` is for reports, and a constant of the program.
    io_operation(descriptor& file, io_kind kind, std::string_view purpose) noexcept
        : request_(*this, file, kind), purpose_(purpose) {}

    [[nodiscard]] std::string_view what() const noexcept override { return purpose_; }
    result<int> await_resume() noexcept {
        if (error_) {
            return fail(std::move(*error_));
        }
        return request_.result;
    }

private:
    struct request final : io_request {
        request(io_operation& user, descriptor& target, io_kind what) noexcept
            : io_request(target,
                         [](io_request& self) noexcept {
                             static_cast<request&>(self).owner.finish_request();
                         }),
              owner(user) {
            kind = what;
        }
        io_operation& owner;
    };

    void start() override {
        if (owner().io().start(request_)) {
            finish_request();
        }
    }
    bool stop(stop_reason reason) noexcept override {
        if (!owner().io().cancel(request_)) {
            return false;
        }
        refuse(reason);
        return true;
    }
    void refuse(stop_reason reason) noexcept override { error_ = to_error(reason); }

    void finish_request() noexcept {
        if (request_.result == -ECANCELED && stopped() != stop_reason::none) {
            error_ = to_error(stopped());
        } else if (request_.result < 0) {
            error_ = error::from_errno(-request_.result);
        }
        complete();
    }

    request request_;
    std::string_view purpose_;
    std::optional<error> error_;
};

} // namespace runnel::inline v0::host
