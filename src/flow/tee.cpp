// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/tee.hpp"

#include "copy_target.hpp"
#include "observed_layer.hpp"

#include <memory>
#include <utility>

namespace runnel::inline v0 {
namespace {

class copying_observer final : public observer {
public:
    copying_observer(flow_ptr target, const tee_options& options)
        : target_(std::make_shared<copy_target>(std::move(target), options)), reads_(options.reads),
          writes_(options.writes) {}
    copying_observer(const copying_observer&) = delete;
    copying_observer& operator=(const copying_observer&) = delete;
    ~copying_observer() override { target_->abort(); }

    [[nodiscard]] bool is_ready() const noexcept override { return target_->is_ready(); }
    task<result<void>> ready() override { return target_->ready(); }
    void passed(direction which, buffer data) override {
        if (which == direction::read ? reads_ : writes_) {
            target_->push(std::move(data));
        }
    }
    task<result<void>> finish() override { return target_->finish(); }
    void abort() noexcept override { target_->abort(); }

private:
    std::shared_ptr<copy_target> target_;
    bool reads_;
    bool writes_;
};

class showing_observer final : public observer {
public:
    explicit showing_observer(tee_function show) noexcept : show_(std::move(show)) {}
    void passed(direction which, buffer data) override { show_(which, data); }

private:
    tee_function show_;
};

} // namespace

flow_ptr make_tee(flow_ptr below, flow_ptr target, tee_options options) {
    return make_layered(std::make_unique<observed_layer>(
        std::move(below), std::make_unique<copying_observer>(std::move(target), options)));
}

flow_ptr make_tee(flow_ptr below, tee_function show) {
    return make_layered(std::make_unique<observed_layer>(
        std::move(below), std::make_unique<showing_observer>(std::move(show))));
}

} // namespace runnel::inline v0
