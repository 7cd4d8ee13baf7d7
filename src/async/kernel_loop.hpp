// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/loop.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

namespace runnel::inline v0 {

/// Base of tests that run on each kernel backend; skipped where the kernel refuses one.
class kernel_loop_test : public testing::TestWithParam<backend_kind> {
protected:
    void SetUp() override {
        owned = make_loop();
        if (owned == nullptr) {
            GTEST_SKIP() << why_not;
        }
    }
    std::unique_ptr<loop> make_loop() {
        auto made = loop::create({.backend = GetParam()});
        if (!made) {
            why_not = made.error().message();
            return nullptr;
        }
        return std::move(*made);
    }

    std::unique_ptr<loop> owned;
    std::string why_not;
};

inline auto every_kernel_backend() {
    return testing::Values(backend_kind::epoll, backend_kind::io_uring);
}

inline std::string name_of_backend(const testing::TestParamInfo<backend_kind>& each) {
    return std::string(to_string(each.param));
}

} // namespace runnel::inline v0
