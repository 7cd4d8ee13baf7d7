// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fstream>
#include <string>

namespace runnel::guest {

/// Whether this process runs in a virtual machine that tests/guest/guest.py started. Only there may
/// a test open vsock sockets: elsewhere their other end is somebody's hypervisor.
[[nodiscard]] inline bool is_test_guest() {
    std::ifstream file("/proc/cmdline");
    std::string word;
    while (file >> word) {
        if (word == "runnel_guest=1") {
            return true;
        }
    }
    return false;
}

} // namespace runnel::guest
