// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/mux.hpp"

#include "mux_session.hpp"

#include <utility>

namespace runnel::inline v0 {

mux::mux(flow_ptr link, mux_side side, mux_options options)
    : session_(std::make_shared<mux_session>(std::move(link), side, options)) {
    session_->start();
}

mux::~mux() {
    if (session_ != nullptr) {
        session_->retire();
    }
}

task<result<flow_ptr>> mux::connect() {
    return mux_session::connect(session_);
}

task<result<flow_ptr>> mux::accept() {
    return mux_session::accept(session_);
}

bool mux::usable() const noexcept {
    return session_->usable();
}

std::size_t mux::channels() const noexcept {
    return session_->size();
}

} // namespace runnel::inline v0
