// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the tests of this layer share: running a task in virtual time, and a server at the other end
// of a pipe.

#include "runnel/async/loop.hpp"
#include "runnel/async/task.hpp"
#include "runnel/async/when.hpp"
#include "runnel/core/buffer.hpp"
#include "runnel/core/error.hpp"
#include "runnel/flow/flow.hpp"
#include "runnel/flow/pipe.hpp"
#include "runnel/http/server.hpp"

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace runnel::http {

/// Runs the coroutine `make()` on a new loop in virtual time.
template <class F>
auto run_virtual(F make) {
    const std::unique_ptr<loop> virtual_loop =
        loop::create({.backend = backend_kind::virtual_time, .report_deadlock = true}).value();
    return virtual_loop->run(make());
}

/// A server whose answers have no date, so that they can be compared.
class plain_server : public server {
public:
    explicit plain_server(handler answer, server_options options = {})
        : server(std::move(answer), dateless(options)) {}

private:
    static server_options dateless(server_options options) {
        options.date = false;
        return options;
    }
};

inline duration virtual_time() {
    return loop::current().now().time_since_epoch();
}

/// Reads until the flow ends; gives the bytes, and behind them how it ended, unless cleanly.
inline task<std::string> read_to_end(flow& source) {
    std::string all;
    for (;;) {
        const result<buffer> data = co_await source.read();
        if (!data) {
            const errc why = data.error().kind();
            co_return why == errc::end ? all : all + "<" + std::string(runnel::describe(why)) + ">";
        }
        all += data->view();
    }
}

/// Reads until so many bytes have come, or the flow ends.
inline task<std::string> read_some(flow& source, std::size_t size) {
    std::string all;
    while (all.size() < size) {
        const result<buffer> data = co_await source.read();
        if (!data) {
            break;
        }
        all += data->view();
    }
    co_return all;
}

inline task<void> write_text(flow& target, std::string_view text) {
    static_cast<void>(co_await target.write(buffer::copy_of(text)));
}

/// Serves one connection, whose client is `client(flow&)`, a coroutine; its flow is closed then.
template <class F>
void with_server(server& serving, F client) {
    run_virtual([&]() -> task<void> {
        auto ends = make_pipe();
        auto talk = [&]() -> task<void> {
            const flow_ptr mine = std::move(ends.second);
            co_await client(*mine);
            static_cast<void>(co_await mine->close());
        };
        co_await when_all(serving.serve_flow(std::move(ends.first)), talk());
    });
}

/// All that a server answers to a client that sends this and ends its side.
inline std::string answers_to(server& serving, std::string_view sent) {
    std::string answer;
    with_server(serving, [&](flow& with) -> task<void> {
        co_await write_text(with, sent);
        static_cast<void>(co_await with.shutdown(direction::write));
        answer = co_await read_to_end(with);
    });
    return answer;
}

} // namespace runnel::http
