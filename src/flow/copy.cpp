// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/copy.hpp"

#include "copier.hpp"

#include <utility>

namespace runnel::inline v0 {

double copy_statistics::bytes_per_second() const noexcept {
    const double seconds = std::chrono::duration<double>(elapsed()).count();
    return seconds > 0 ? static_cast<double>(bytes_written) / seconds : 0;
}

task<copy_result> copy(flow& source, flow& sink, copy_options options) {
    copier copying(source, sink, options);
    co_await copying.run();
    co_return std::move(copying.outcome);
}

} // namespace runnel::inline v0
