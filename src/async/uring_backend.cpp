// SPDX-License-Identifier: Apache-2.0
#include "backends.hpp"

namespace runnel::inline v0 {

result<std::unique_ptr<io_backend>> make_uring_backend() {
    return fail(errc::not_supported, "built without io_uring");
}

} // namespace runnel::inline v0
