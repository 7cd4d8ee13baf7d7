// SPDX-License-Identifier: Apache-2.0
#include "runnel/async/remote.hpp"

namespace runnel::inline v0 {

/// What is posted to the other loop. If that ends first and drops it, the call is told so.
class remote_call::errand {
public:
    errand(remote_call& call, stop_reason stop) noexcept : call_(&call), stop_(stop) {}
    errand(errand&& other) noexcept
        : call_(std::exchange(other.call_, nullptr)), stop_(other.stop_) {}
    errand& operator=(errand&&) = delete;
    ~errand() {
        if (call_ != nullptr) {
            if (stop_ == stop_reason::none) {
                call_->fail_with(error(errc::closed, "the other loop has ended"));
            }
            call_->answer();
        }
    }
    void operator()() noexcept { std::exchange(call_, nullptr)->obey(stop_); }

private:
    remote_call* call_;
    stop_reason stop_; // none: start
};

void remote_call::start() {
    const bool possible = target_ == &owner() || (!target_->is_virtual() && !owner().is_virtual());
    if (possible) {
        request(stop_reason::none);
    } else {
        fail_with(error(errc::not_supported, "virtual time knows one loop only"));
        complete();
    }
}

bool remote_call::stop(stop_reason reason) noexcept {
    request(reason);
    return false;
}

void remote_call::request(stop_reason stop) {
    ++outstanding_;
    target_->post(errand(*this, stop));
}

void remote_call::obey(stop_reason stop) noexcept {
    if (stop == stop_reason::none) {
        stop_source& source = there_.emplace(&target_->guest_begins());
        run_there(source); // may be done within, and this be destroyed by our loop
        return;
    }
    if (there_) {
        there_->request_stop(stop);
    }
    answer();
}

void remote_call::done_there() noexcept {
    there_.reset();
    target_->guest_ends();
    answer();
}

void remote_call::answer() noexcept {
    owner().post([this] {
        if (--outstanding_ == 0) {
            complete();
        }
    });
}

} // namespace runnel::inline v0
