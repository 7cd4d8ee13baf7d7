// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/io.hpp"

#include <functional>
#include <memory>

namespace runnel::inline v0 {

/// Puts something between loops and their backends: a test that lets calls of the kernel fail, a
/// trace. While it lives, every loop made on this thread gets its backend through `wrap`, which
/// takes the real one and gives one that passes on to it. Several are applied in the order in which
/// they were made; destroyed in the opposite one.
class backend_wrapper {
public:
    using function = std::function<std::unique_ptr<io_backend>(std::unique_ptr<io_backend> real)>;

    explicit backend_wrapper(function wrap);
    backend_wrapper(const backend_wrapper&) = delete;
    backend_wrapper& operator=(const backend_wrapper&) = delete;
    ~backend_wrapper();

    /// What a new loop is to use instead of `real`.
    [[nodiscard]] static std::unique_ptr<io_backend> apply(std::unique_ptr<io_backend> real);

private:
    function wrap_;
    backend_wrapper* outer_;
};

} // namespace runnel::inline v0
