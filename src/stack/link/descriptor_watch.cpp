// SPDX-License-Identifier: Apache-2.0
#include "descriptor_watch.hpp"

#include <unistd.h>

namespace runnel::inline v0::stack {

result<descriptor_watch::pointer> descriptor_watch::create(loop& on, int fd, descriptor_kind kind) {
    pointer watch(new descriptor_watch(on, fd, kind));
    if (const int number = on.io().attach(watch->file_); number != 0) {
        return fail(error::from_errno(number, "wait for a link"));
    }
    return watch;
}

descriptor_watch::~descriptor_watch() {
    if (file_.attached()) {
        io_.detach(file_);
    }
    ::close(file_.fd());
}

void descriptor_watch::wait(request& what, io_kind kind) noexcept {
    if (what.pending()) {
        return;
    }
    what.kind = kind;
    if (io_.start(what) && call_ != nullptr) {
        call_(context_);
    }
}

void descriptor_watch::done(io_request& self) noexcept {
    descriptor_watch& owner = *static_cast<request&>(self).owner;
    if (owner.released_) {
        owner.end_if_idle();
    } else if (owner.call_ != nullptr) {
        owner.call_(owner.context_);
    }
}

void descriptor_watch::release() noexcept {
    released_ = true;
    for (request* one : {&reading_, &writing_}) {
        if (one->pending()) {
            // False: `done` follows, and ends what is left.
            (void)io_.cancel(*one);
        }
    }
    end_if_idle();
}

void descriptor_watch::end_if_idle() noexcept {
    if (!reading_.pending() && !writing_.pending()) {
        delete this;
    }
}

} // namespace runnel::inline v0::stack
