// SPDX-License-Identifier: Apache-2.0
#include "backends.hpp"

#include <algorithm>
#include <cerrno>

namespace runnel::inline v0 {
namespace {

/// Time that jumps to whatever moment the loop waits for, and no kernel.
class virtual_backend final : public io_backend {
public:
    [[nodiscard]] time_point now() noexcept override { return now_; }

    time_point wait(time_point deadline, bool poll) noexcept override {
        if (!poll && deadline != never) {
            now_ = std::max(now_, deadline);
        }
        return now_;
    }

    void wake() noexcept override {}
    [[nodiscard]] int attach(descriptor& /*file*/) noexcept override { return ENOTSUP; }
    void detach(descriptor& /*file*/) noexcept override {}
    [[nodiscard]] bool start(io_request& request) noexcept override {
        request.result = -ENOTSUP;
        return true;
    }
    [[nodiscard]] bool cancel(io_request& /*request*/) noexcept override { return true; }

private:
    time_point now_{};
};

} // namespace

std::unique_ptr<io_backend> make_virtual_backend() {
    return std::make_unique<virtual_backend>();
}

} // namespace runnel::inline v0
