// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/limit.hpp"

#include "runnel/flow/layer.hpp"

#include <algorithm>
#include <memory>
#include <utility>

namespace runnel::inline v0 {
namespace {

error exceeded(const char* what) {
    return {errc::limit_exceeded, what};
}

class limit_layer final : public passing_layer {
public:
    limit_layer(flow_ptr below, const limit_options& options) noexcept
        : passing_layer(std::move(below)), readable_(options.read), writable_(options.write),
          at_end_(options.at_end) {}

    task<result<buffer>> read(std::size_t hint) override {
        if (readable_ == 0 && at_end_ == limit_end::end) {
            co_return fail(errc::end);
        }
        const std::size_t wanted = hint != 0 ? hint : buffer::max_size;
        const bool last = readable_ < wanted;
        // At the limit one more byte shows whether the peer sends more than it may.
        const std::uint64_t most =
            std::max<std::uint64_t>(std::min<std::uint64_t>(readable_, wanted), 1);
        result<buffer> data = co_await below().read(last ? static_cast<std::size_t>(most) : hint);
        if (!data) {
            co_return data;
        }
        if (readable_ == 0) {
            co_return fail(exceeded("the peer sent more than is allowed"));
        }
        readable_ -= data->size();
        co_return data;
    }

    task<result<void>> write(write_operation& op) override {
        const std::size_t before = op.remaining();
        const auto most = static_cast<std::size_t>(std::min<std::uint64_t>(writable_, before));
        result<void> outcome = co_await write_front(op, most);
        writable_ -= before - op.remaining();
        if (outcome && op.remaining() != 0) {
            co_return fail(exceeded("more was written than is allowed"));
        }
        co_return outcome;
    }

private:
    std::uint64_t readable_;
    std::uint64_t writable_;
    limit_end at_end_;
};

} // namespace

flow_ptr make_limit(flow_ptr below, limit_options options) {
    return make_layered(std::make_unique<limit_layer>(std::move(below), options));
}

} // namespace runnel::inline v0
