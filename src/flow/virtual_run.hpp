// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the tests of this layer share: running a task in virtual time, and texts of buffers.

#include "runnel/async/loop.hpp"
#include "runnel/async/task.hpp"
#include "runnel/core/buffer.hpp"
#include "runnel/core/error.hpp"
#include "runnel/flow/flow.hpp"

#include <cstddef>
#include <memory>
#include <string>
#include <utility>

namespace runnel {

/// Runs the coroutine `make()` on a new loop in virtual time.
template <class F>
auto run_virtual(F make) {
    const std::unique_ptr<loop> virtual_loop =
        loop::create({.backend = backend_kind::virtual_time, .report_deadlock = false}).value();
    return virtual_loop->run(make());
}

/// The time that has passed in a virtual loop.
inline duration virtual_time() {
    return loop::current().now().time_since_epoch();
}

/// The bytes of a buffer, or the name of the error that came instead.
inline std::string text_of(const result<buffer>& data) {
    return data ? std::string(data->view())
                : "<" + std::string(describe(data.error().kind())) + ">";
}

/// What an operation gave: "ok" or the name of its error.
template <class R>
std::string outcome_of(const R& outcome) {
    return outcome ? "ok" : "<" + std::string(describe(outcome.error().kind())) + ">";
}

/// Reads until the flow ends; gives the bytes, and how it ended behind them.
inline task<std::string> read_to_end(flow& source) {
    std::string all;
    for (;;) {
        const result<buffer> data = co_await source.read();
        if (!data) {
            co_return all + text_of(data);
        }
        all += data->view();
    }
}

/// Bytes that differ from place to place, so that any lost or swapped one shows.
inline std::string pattern(std::size_t size) {
    std::string text(size, '\0');
    for (std::size_t i = 0; i < size; ++i) {
        text[i] = static_cast<char>('!' + (i * 7 + i / 251 + i / 65536) % 90);
    }
    return text;
}

} // namespace runnel
