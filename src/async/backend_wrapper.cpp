// SPDX-License-Identifier: Apache-2.0
#include "runnel/async/backend_wrapper.hpp"

#include <utility>

namespace runnel::inline v0 {
namespace {

thread_local backend_wrapper* innermost = nullptr;

} // namespace

backend_wrapper::backend_wrapper(function wrap)
    : wrap_(std::move(wrap)), outer_(std::exchange(innermost, this)) {}

backend_wrapper::~backend_wrapper() {
    innermost = outer_;
}

std::unique_ptr<io_backend> backend_wrapper::apply(std::unique_ptr<io_backend> real) {
    std::function<void(backend_wrapper*)> apply_from = [&](backend_wrapper* at) {
        if (at != nullptr) {
            apply_from(at->outer_);
            real = at->wrap_(std::move(real));
        }
    };
    apply_from(innermost);
    return real;
}

} // namespace runnel::inline v0
