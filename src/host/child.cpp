// SPDX-License-Identifier: Apache-2.0
#include "child.hpp"

#include <cerrno>
#include <csignal>

#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace runnel::inline v0::host {

result<child_ptr> child::adopt(int id) {
    unique_fd handle(static_cast<int>(::syscall(SYS_pidfd_open, id, 0)));
    const int failed = handle ? 0 : errno;
    child_ptr made(new child(id, std::move(handle)), drop_child());
    const int number = failed != 0 ? failed : made->io_.attach(made->file_);
    if (number != 0) {
        return fail(error::from_errno(number));
    }
    made->exit_.kind = io_kind::readable;
    if (made->io_.start(made->exit_)) {
        made->reap();
    }
    return made;
}

child::~child() {
    if (file_.attached()) {
        io_.detach(file_);
    }
}

void child::kill() noexcept {
    if (!status_) {
        ::kill(id_, SIGKILL);
    }
}

void child::reap() noexcept {
    if (exit_.result < 0) { // the loop ends before the process does
        kill();
    }
    siginfo_t info{};
    if (::waitid(P_PID, static_cast<id_t>(id_), &info, WEXITED) == 0) {
        status_ = info.si_code == CLD_EXITED ? exit_status(info.si_status, 0)
                                             : exit_status(0, info.si_status);
    } else {
        status_ = exit_status(-1, 0); // the program reaps its children elsewhere
    }
    ended_.set();
    if (dropped_) {
        delete this;
    }
}

void drop_child::operator()(child* dropped) const noexcept {
    dropped->kill();
    if (dropped->status_) {
        delete dropped;
    } else if (dropped->exit_.pending()) {
        dropped->dropped_ = true;
    } else {
        dropped->reap();
        delete dropped;
    }
}

} // namespace runnel::inline v0::host
