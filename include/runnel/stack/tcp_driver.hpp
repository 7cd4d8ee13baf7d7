// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/loop.hpp"
#include "runnel/async/timer.hpp"
#include "runnel/stack/tcp_layer.hpp"

namespace runnel::inline v0::stack {

/// Runs a layer of TCP on the current loop: tells it the time, and wakes it when a timer of its is
/// due. Flows and listeners use the layer through its driver.
class tcp_driver final : private timer {
public:
    /// `layer` outlives the driver; both belong to the loop that runs now.
    explicit tcp_driver(tcp_layer& layer) noexcept
        : timer(&fire), loop_(&loop::current()), layer_(&layer) {}

    [[nodiscard]] tcp_layer& layer() const noexcept { return *layer_; }
    [[nodiscard]] loop& owner() const noexcept { return *loop_; }
    [[nodiscard]] time_point now() const noexcept { return loop_->now(); }

    /// See the layer's calls of these names.
    void update(tcp_entry& entry) {
        layer_->update(entry, now());
        arm();
    }
    void release(tcp_entry& entry) {
        layer_->release(entry, now());
        arm();
    }

    /// To be called after the layer was used directly: its next deadline may have changed.
    void arm() noexcept {
        const time_point due = layer_->deadline();
        if (due != never && (!armed() || due < deadline())) {
            loop_->arm(*this, due);
        }
        if (use_ != nullptr) {
            use_(context_);
        }
    }
    /// Sets what is called after every use of the layer: it may have used the network below.
    void on_use(void (*use)(void* context) noexcept, void* context) noexcept {
        use_ = use;
        context_ = context;
    }

private:
    static void fire(timer& self) noexcept {
        auto& driver = static_cast<tcp_driver&>(self);
        driver.layer_->on_timer(driver.now());
        driver.arm();
    }

    void (*use_)(void* context) noexcept = nullptr;
    void* context_ = nullptr;
    loop* loop_;
    tcp_layer* layer_;
};

} // namespace runnel::inline v0::stack
