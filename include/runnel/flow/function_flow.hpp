// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/task.hpp"
#include "runnel/core/buffer.hpp"
#include "runnel/core/buffer_list.hpp"
#include "runnel/core/error.hpp"
#include "runnel/flow/flow.hpp"

#include <concepts>
#include <cstddef>
#include <functional>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

/// Flows whose bytes come from functions and go to functions: for tests, for generated data, and to
/// give or keep texts and buffers where a flow is asked for.
namespace runnel::inline v0 {

/// The functions behind a flow, each optional. None is called before the one of its direction is
/// done, nor after that direction finished.
class flow_functions {
public:
    flow_functions() noexcept = default;

    /// Gives the next bytes, with what the reader would like at most as a hint (0: anything), or
    /// how reading finished. An empty buffer is the clean end. Missing: the end at once.
    std::move_only_function<task<result<buffer>>(std::size_t hint)> read;
    /// Takes bytes and says how many of them, from the front. Fewer than all, without an error: it
    /// is full, and writing finishes with `closed`. Missing: writing gives `closed` at once.
    std::move_only_function<task<write_result>(buffer data)> write;
    /// What `flow::flush` waits for.
    std::move_only_function<task<result<void>>()> flush;
    /// Hears that nothing more will be read: what still comes is to be discarded.
    std::move_only_function<void()> shutdown_read;
    /// Hears that a close follows, once the write before it is done: see `flow::begin_close`.
    std::move_only_function<void()> begin_close;
    /// Hears that no more will be written: by `shutdown`, or by `close` if that comes first.
    std::move_only_function<task<result<void>>()> shutdown_write;
    /// What `flow::close` waits for in the end.
    std::move_only_function<task<result<void>>()> close;
    /// Hears that the flow was aborted.
    std::move_only_function<void()> abort;
};

/// Makes a flow of functions. Its addresses are `function:`.
[[nodiscard]] flow_ptr make_function_flow(flow_functions functions);

/// What `make_source` calls: `result<buffer>` or a task of it, from the hint or from nothing.
template <class F>
concept source_function = std::invocable<F&> || std::invocable<F&, std::size_t>;

/// What `make_sink` calls with bytes: gives how many it took, or a task or `result` of that.
template <class F>
concept sink_function = std::invocable<F&, std::span<const std::byte>>;

/// A flow to read from: `next` gives the bytes, as `flow_functions::read` does. Not writable.
template <source_function F>
[[nodiscard]] flow_ptr make_source(F next);

/// A flow that gives these texts or buffers, one each read, then the end. Empty ones are skipped.
[[nodiscard]] flow_ptr make_source(const std::string& text);
[[nodiscard]] flow_ptr make_source(std::vector<std::string> texts);
[[nodiscard]] flow_ptr make_source(buffer data);
[[nodiscard]] flow_ptr make_source(std::vector<buffer> pieces);

/// A flow to write to: `take` gets the bytes and says how many it took, as `flow_functions::write`
/// does. Reading gives the end.
template <sink_function F>
[[nodiscard]] flow_ptr make_sink(F take);

/// A flow that appends what is written to `target`, until that has `limit` bytes. `target` must
/// outlive the flow.
[[nodiscard]] flow_ptr make_sink(std::string& target,
                                 std::size_t limit = std::numeric_limits<std::size_t>::max());
[[nodiscard]] flow_ptr make_sink(buffer_queue& target,
                                 std::size_t limit = std::numeric_limits<std::size_t>::max());

/// A flow that fills the caller's memory from its beginning; `filled` says how far, at any time.
/// Both must outlive the flow.
[[nodiscard]] flow_ptr make_sink(std::span<std::byte> memory, std::size_t& filled);

template <source_function F>
flow_ptr make_source(F next) {
    flow_functions functions;
    functions.read = [next = std::move(next)](std::size_t hint) mutable -> task<result<buffer>> {
        auto call = [&] {
            if constexpr (std::invocable<F&, std::size_t>) {
                return next(hint);
            } else {
                return next();
            }
        };
        if constexpr (std::is_same_v<decltype(call()), task<result<buffer>>>) {
            return call();
        } else {
            return [](result<buffer> given) -> task<result<buffer>> {
                co_return std::move(given);
            }(call());
        }
    };
    return make_function_flow(std::move(functions));
}

template <sink_function F>
flow_ptr make_sink(F take) {
    flow_functions functions;
    functions.write = [take = std::move(take)](buffer data) mutable -> task<write_result> {
        using taken = decltype(take(data.span()));
        return [](F& function, buffer bytes) -> task<write_result> {
            result<std::size_t> count = 0;
            if constexpr (std::is_convertible_v<taken, result<std::size_t>>) {
                count = function(bytes.span());
            } else {
                count = co_await function(bytes.span());
            }
            co_return count ? write_result(*count) : write_result(0, std::move(count.error()));
        }(take, std::move(data));
    };
    return make_function_flow(std::move(functions));
}

} // namespace runnel::inline v0
