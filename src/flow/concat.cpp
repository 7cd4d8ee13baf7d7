// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/concat.hpp"

#include "close_part.hpp"
#include "runnel/async/when.hpp"
#include "runnel/core/check.hpp"
#include "runnel/flow/layer.hpp"

#include <cstddef>
#include <memory>
#include <optional>
#include <utility>

namespace runnel::inline v0 {
namespace {

class concat_layer final : public passing_layer {
public:
    concat_layer(std::vector<flow_ptr> first, flow_ptr last) noexcept
        : passing_layer(std::move(last)), first_(std::move(first)) {}

    task<result<buffer>> read(std::size_t hint) override {
        while (current_ < first_.size()) {
            result<buffer> data = co_await first_[current_]->read(hint);
            if (data || !(data.error() == errc::end)) {
                co_return data;
            }
            ++current_;
        }
        co_return co_await below().read(hint);
    }

    void shutdown_read() noexcept override {
        for (const flow_ptr& part : first_) {
            part->shutdown_read();
        }
        passing_layer::shutdown_read();
    }

    void begin_close() noexcept override {
        for (const flow_ptr& part : first_) {
            part->begin_close();
        }
        passing_layer::begin_close();
    }

    task<result<void>> close() override {
        std::vector<task<std::optional<error>>> closes;
        closes.reserve(first_.size() + 1);
        for (const flow_ptr& part : first_) {
            closes.push_back(close_part(*part));
        }
        closes.push_back(close_part(below()));
        const std::vector<std::optional<error>> failures = co_await when_all(std::move(closes));
        for (const std::optional<error>& failure : failures) {
            if (failure) {
                co_return fail(*failure);
            }
        }
        co_return result<void>();
    }

    void abort() noexcept override {
        for (const flow_ptr& part : first_) {
            part->abort();
        }
        passing_layer::abort();
    }

private:
    std::vector<flow_ptr> first_;
    std::size_t current_ = 0;
};

} // namespace

flow_ptr make_concat(std::vector<flow_ptr> parts) {
    check(!parts.empty(), "there is something to read one after the other");
    flow_ptr last = std::move(parts.back());
    parts.pop_back();
    return make_layered(std::make_unique<concat_layer>(std::move(parts), std::move(last)));
}

flow_ptr make_concat(flow_ptr first, flow_ptr second) {
    std::vector<flow_ptr> parts;
    parts.push_back(std::move(first));
    parts.push_back(std::move(second));
    return make_concat(std::move(parts));
}

} // namespace runnel::inline v0
