// SPDX-License-Identifier: Apache-2.0
#include "runnel/async/io_uring_support.hpp"

#include "uring_backend.hpp"

#include <memory>

namespace runnel::inline v0 {

io_uring_features uring_backend::features() {
    static_cast<void>(ring_.submit()); // which is when the ring gets registered
    io_uring_features found;
    found.available = true;
    found.deferred_work = (ring_.flags() & IORING_SETUP_DEFER_TASKRUN) != 0;
    found.registered_ring = ring_.registered();
    found.multishot_receive = multishot_receive_;
    found.zero_copy_send = zero_copy_;
    return found;
}

io_uring_features io_uring_support() {
    const auto trial = std::make_unique<uring_backend>();
    if (const auto opened = trial->open(); !opened) {
        io_uring_features none;
        none.reason = opened.error().message();
        return none;
    }
    return trial->features();
}

std::string to_string(const io_uring_features& features) {
    if (!features.available) {
        return features.reason;
    }
    std::string text = "multishot accept, provided buffers";
    const auto add = [&text](bool has, const char* name) {
        if (has) {
            text += ", ";
            text += name;
        }
    };
    add(features.multishot_receive, "multishot receive");
    add(features.zero_copy_send, "zero-copy send");
    add(features.deferred_work, "deferred task work");
    add(features.registered_ring, "registered ring");
    return text;
}

} // namespace runnel::inline v0
