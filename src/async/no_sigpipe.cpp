// SPDX-License-Identifier: Apache-2.0
#include "no_sigpipe.hpp"

#include "runnel/async/signals.hpp"

#include <array>
#include <csignal>

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

namespace runnel::inline v0 {
namespace {

constexpr int rwf_nosignal = 0x100; // RWF_NOSIGNAL, newer than our headers

bool kernel_knows_flag() noexcept {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) {
        return false;
    }
    char byte = 0;
    const iovec piece{&byte, 1};
    const bool knows = ::pwritev2(ends[1], &piece, 1, -1, rwf_nosignal) == 1;
    ::close(ends[0]);
    ::close(ends[1]);
    return knows;
}

} // namespace

void ignore_sigpipe() noexcept {
    struct sigaction current{};
    if (::sigaction(SIGPIPE, nullptr, &current) == 0 && (current.sa_flags & SA_SIGINFO) == 0 &&
        current.sa_handler == SIG_DFL) {
        static_cast<void>(std::signal(SIGPIPE, SIG_IGN));
    }
}

int no_sigpipe_flag() noexcept {
    static const int flag = [] {
        if (kernel_knows_flag()) {
            return rwf_nosignal;
        }
        ignore_sigpipe();
        return 0;
    }();
    return flag;
}

} // namespace runnel::inline v0
