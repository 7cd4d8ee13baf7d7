// SPDX-License-Identifier: Apache-2.0
#include "bystander.hpp"
#include "splice_transfer.hpp"
#include "stream.hpp"

#include <utility>

namespace runnel::inline v0::host {

std::unique_ptr<bulk_transfer> stream::transfer_to(kernel_stream& sink) {
    return splice_transfer::make(*this, static_cast<stream&>(sink));
}

bool stream::join_input(bystander& user) noexcept {
    // A receive that is still under way would take its bytes out of their order.
    const bool free = is_socket() && open_ && !retiring_ && read_end_ == still_open &&
                      reader_ == nullptr && input_user_ == nullptr && !in_.pending() &&
                      !discarding_ && !closing_ && stash_.empty() && passing_ == nullptr &&
                      !options_.unsent_syn;
    if (free) {
        input_user_ = &user;
    }
    return free;
}

bool stream::join_output(bystander& user) noexcept {
    const bool free = is_socket() && open_ && !retiring_ && write_end_ == still_open &&
                      broken_ == 0 && writer_ == nullptr && output_user_ == nullptr &&
                      !out_.pending() && !fin_sent_ && !options_.unsent_syn;
    if (free) {
        output_user_ = &user;
    }
    return free;
}

void stream::leave(bystander& user) noexcept {
    if (input_user_ == &user) {
        input_user_ = nullptr;
        if (std::exchange(input_awaited_, false) && !wants_input()) {
            static_cast<void>(take_back(in_));
        }
    }
    if (output_user_ == &user) {
        output_user_ = nullptr;
        if (std::exchange(output_awaited_, false) && writer_ == nullptr) {
            static_cast<void>(take_back(out_));
        }
    }
}

/// Sends the user of a direction away.
void stream::dismiss(bystander*& user) noexcept {
    if (bystander* present = user; present != nullptr) {
        leave(*present);
        present->on_leave(*this);
    }
}

void stream::await_input() noexcept {
    input_awaited_ = true;
    pump_reading();
}

void stream::await_output() noexcept {
    output_awaited_ = true;
    out_.cancelled = false;
    out_.kind = io_kind::writable;
    if (io_.start(out_)) {
        sent();
    }
}

void stream::note_input_error(int number) noexcept {
    in_.cancelled = false;
    input_failed(number);
}

void stream::note_output_error(int number) noexcept {
    output_ended(number);
    dismiss(output_user_);
}

} // namespace runnel::inline v0::host
