// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/function_flow.hpp"

#include "runnel/core/check.hpp"
#include "runnel/flow/layer.hpp"

#include <algorithm>
#include <memory>
#include <utility>

namespace runnel::inline v0 {
namespace {

class function_layer final : public layer {
public:
    explicit function_layer(flow_functions functions) noexcept : call_(std::move(functions)) {}

    task<result<buffer>> read(std::size_t hint) override {
        if (discarding_ || !call_.read) {
            co_return fail(errc::end);
        }
        result<buffer> data = co_await call_.read(hint);
        if (data && data->empty()) {
            co_return fail(errc::end);
        }
        co_return data;
    }

    task<result<void>> write(write_operation& op) override {
        while (op.remaining() != 0) {
            if (!call_.write) {
                co_return fail(errc::closed);
            }
            const buffer* front = op.rest().data();
            while (front->empty()) {
                ++front;
            }
            const std::size_t given = front->size();
            // A share, so that what the function does not take stays with the operation.
            const write_result taken = co_await call_.write(front->share());
            check(taken.accepted() <= given, "a function takes at most what it is given");
            op.accept(taken.accepted());
            if (!taken) {
                co_return fail(taken.error());
            }
            if (taken.accepted() < given) {
                co_return fail(errc::closed);
            }
        }
        co_return result<void>();
    }

    task<result<void>> flush() override { return call(call_.flush); }

    task<result<void>> shutdown_write() override {
        shut_ = true;
        return call(call_.shutdown_write);
    }

    void shutdown_read() noexcept override {
        discarding_ = true;
        if (call_.shutdown_read) {
            call_.shutdown_read();
        }
    }

    void begin_close() noexcept override {
        if (call_.begin_close) {
            call_.begin_close();
        }
    }

    task<result<void>> close() override {
        if (!shut_) {
            const result<void> told = co_await shutdown_write();
            if (!told) {
                co_return told;
            }
        }
        co_return co_await call(call_.close);
    }

    void abort() noexcept override {
        if (call_.abort) {
            call_.abort();
        }
    }

    [[nodiscard]] flow_address local() const override { return flow_address("function"); }
    [[nodiscard]] flow_address remote() const override { return flow_address("function"); }

private:
    static task<result<void>> call(std::move_only_function<task<result<void>>()>& function) {
        if (!function) {
            co_return result<void>();
        }
        co_return co_await function();
    }

    flow_functions call_;
    bool shut_ = false;
    bool discarding_ = false;
};

/// Gives the elements of a list one after the other.
template <class T>
flow_ptr list_source(std::vector<T> list, buffer (*next)(T& element)) {
    return make_source(
        [list = std::move(list), next, index = std::size_t{0}]() mutable -> result<buffer> {
            while (index < list.size()) {
                buffer data = next(list[index++]);
                if (!data.empty()) {
                    return data;
                }
            }
            return fail(errc::end);
        });
}

} // namespace

flow_ptr make_function_flow(flow_functions functions) {
    return make_layered(std::make_unique<function_layer>(std::move(functions)));
}

flow_ptr make_source(const std::string& text) {
    return make_source(buffer::copy_of(text));
}

flow_ptr make_source(std::vector<std::string> texts) {
    return list_source<std::string>(std::move(texts),
                                    [](std::string& text) { return buffer::copy_of(text); });
}

flow_ptr make_source(buffer data) {
    std::vector<buffer> only;
    only.push_back(std::move(data));
    return make_source(std::move(only));
}

flow_ptr make_source(std::vector<buffer> pieces) {
    return list_source<buffer>(std::move(pieces), [](buffer& piece) { return std::move(piece); });
}

flow_ptr make_sink(std::string& target, std::size_t limit) {
    return make_sink([&target, limit](std::span<const std::byte> data) {
        const std::size_t room = limit - std::min(limit, target.size());
        const std::size_t count = std::min(room, data.size());
        target.append(reinterpret_cast<const char*>(data.data()), count);
        return count;
    });
}

flow_ptr make_sink(buffer_queue& target, std::size_t limit) {
    flow_functions functions;
    functions.write = [&target, limit](buffer data) -> task<write_result> {
        const std::size_t room = limit - std::min(limit, target.bytes());
        data.truncate(std::min(room, data.size()));
        return [](buffer_queue& queue, buffer part) -> task<write_result> {
            const std::size_t count = part.size();
            queue.push_back(std::move(part));
            co_return write_result(count);
        }(target, std::move(data));
    };
    return make_function_flow(std::move(functions));
}

flow_ptr make_sink(std::span<std::byte> memory, std::size_t& filled) {
    filled = 0;
    return make_sink([memory, &filled](std::span<const std::byte> data) {
        const std::size_t count = std::min(memory.size() - filled, data.size());
        std::copy_n(data.begin(), count, memory.begin() + static_cast<std::ptrdiff_t>(filled));
        filled += count;
        return count;
    });
}

} // namespace runnel::inline v0
