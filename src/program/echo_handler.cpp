// SPDX-License-Identifier: Apache-2.0
#include "echo_handler.hpp"

#include "runnel/async/deadline.hpp"
#include "runnel/flow/timeout.hpp"

#include <chrono>

namespace runnel::inline v0::program {
namespace {

/// How long a peer that has all of its data may take to close.
constexpr duration close_timeout = std::chrono::seconds(10);

class echo_handler final : public connection_handler {
public:
    explicit echo_handler(duration idle_timeout) : idle_timeout_(idle_timeout) {}

    task<void> serve(flow_ptr client, connection& record) override {
        if (idle_timeout_ > duration(0)) {
            client = make_timeout(std::move(client), {.idle = idle_timeout_});
        }
        const result<void> ended = co_await echo(*client, record);
        if (!ended) {
            record.failure = ended.error();
            co_return;
        }
        record.ends = "client: end of stream";
        const result<void> closed = co_await with_timeout(close_timeout, client->close());
        if (!closed) {
            record.failure = closed.error();
        }
    }

private:
    static task<result<void>> echo(flow& client, connection& record) {
        for (;;) {
            result<buffer> data = co_await client.read();
            if (!data) {
                co_return data.error() == errc::end ? result<void>()
                                                    : result<void>(fail(data.error()));
            }
            record.in.bytes_read += data->size();
            const write_result written = co_await client.write(*std::move(data));
            record.out.bytes_written += written.accepted();
            if (!written) {
                co_return fail(written.error());
            }
        }
    }

    duration idle_timeout_;
};

} // namespace

std::unique_ptr<connection_handler> make_echo_handler(duration idle_timeout) {
    return std::make_unique<echo_handler>(idle_timeout);
}

} // namespace runnel::inline v0::program
