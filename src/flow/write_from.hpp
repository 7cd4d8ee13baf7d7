// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/flow/flow.hpp"

#include <span>

namespace runnel::inline v0 {

/// A write of buffers that stay where they are: what the flow accepts is taken out of them, and
/// what it does not accept, after an error or a stop, is still there. The buffers must stay put
/// meanwhile; nobody else touches them.
class [[nodiscard]] write_from final : public write_operation {
public:
    write_from(flow& target, std::span<buffer> items) noexcept
        : write_operation(target, false), all_(items) {}
    write_result await_resume() noexcept { return outcome(); }

private:
    void start() override {
        set_items(all_);
        write_operation::start();
    }
    std::span<buffer> all_;
};

} // namespace runnel::inline v0
