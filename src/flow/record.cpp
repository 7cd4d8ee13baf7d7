// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/record.hpp"

#include "copy_target.hpp"
#include "observed_layer.hpp"
#include "runnel/async/loop.hpp"

#include <memory>
#include <utility>

namespace runnel::inline v0 {
namespace {

class recording_observer final : public observer {
public:
    recording_observer(flow_ptr target, const copy_target_options& options)
        : target_(std::make_shared<copy_target>(std::move(target), options)),
          start_(loop::current().now()) {
        recording_writer::begin(encoded_);
        target_->push(encoded_);
    }
    recording_observer(const recording_observer&) = delete;
    recording_observer& operator=(const recording_observer&) = delete;
    ~recording_observer() override { target_->abort(); }

    [[nodiscard]] bool is_ready() const noexcept override { return target_->is_ready(); }
    task<result<void>> ready() override { return target_->ready(); }

    void passed(direction which, buffer data) override {
        const recorded what = which == direction::read ? recorded::read : recorded::written;
        append(recorded_event(what, now(), std::move(data)));
    }
    void ended(direction which, const error& how) override {
        const recorded what = which == direction::read ? recorded::read_end : recorded::write_end;
        append(recorded_event(what, now(), how.kind()));
    }
    void shut_down() override { append(recorded_event(recorded::shutdown, now())); }

    task<result<void>> finish() override { return target_->finish(); }
    void abort() noexcept override { target_->abort(); }

private:
    [[nodiscard]] duration now() const { return loop::current().now() - start_; }

    void append(recorded_event event) {
        writer_.append(std::move(event), encoded_);
        target_->push(encoded_);
    }

    std::shared_ptr<copy_target> target_;
    time_point start_;
    recording_writer writer_;
    buffer_queue encoded_;
};

} // namespace

flow_ptr make_record(flow_ptr below, flow_ptr target, copy_target_options options) {
    return make_layered(std::make_unique<observed_layer>(
        std::move(below), std::make_unique<recording_observer>(std::move(target), options)));
}

} // namespace runnel::inline v0
