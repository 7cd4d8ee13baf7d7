// SPDX-License-Identifier: Apache-2.0
#include "bulk.hpp"

#include "runnel/async/deadline.hpp"
#include "runnel/async/scope.hpp"
#include "runnel/async/sleep.hpp"
#include "runnel/core/byte_order.hpp"
#include "runnel/core/random.hpp"

#include <fmt/format.h>

#include <array>
#include <cstring>
#include <string_view>

namespace runnel::inline v0::program {
namespace {

constexpr std::string_view magic = "runnel bulk 1";
constexpr std::size_t greeting_size = 16;
constexpr std::size_t count_size = 8;
/// How long the data on its way may take to arrive in the end.
constexpr duration patience = std::chrono::seconds(10);

/// Bytes that do not compress.
buffer payload(std::size_t size) {
    buffer data = buffer::allocate(size);
    prng(1).fill(data.writable());
    return data;
}

buffer greeting(bulk_direction direction) {
    std::array<char, greeting_size> text{};
    std::memcpy(text.data(), magic.data(), magic.size());
    text[magic.size()] = static_cast<char>(direction);
    return buffer::copy_of(std::string_view(text.data(), text.size()));
}

/// Reads exactly as much as `target` holds.
task<result<void>> read_exactly(flow& source, std::span<std::byte> target) {
    while (!target.empty()) {
        const result<std::size_t> count = co_await source.read_into(target);
        if (!count) {
            co_return fail(count.error() == errc::end ? error(errc::truncated) : count.error());
        }
        target = target.subspan(*count);
    }
    co_return result<void>();
}

/// Writes the payload again and again, until told to stop. Gives the number of bytes.
task<result<std::uint64_t>> send_until(flow& target, std::size_t size, const bool& stop,
                                       std::uint64_t& sent) {
    const buffer data = payload(size);
    while (!stop) {
        const write_result written = co_await target.write(data.share());
        sent += written.accepted();
        if (!written) {
            co_return fail(written.error());
        }
    }
    co_return sent;
}

class bulk_handler final : public connection_handler {
public:
    explicit bulk_handler(std::size_t size) : size_(size) {}

    task<void> serve(flow_ptr client, connection& record) override {
        const result<void> done = co_await exchange(*client, record);
        if (!done) {
            record.failure = done.error();
            co_return;
        }
        const result<void> closed = co_await client->close();
        if (!closed) {
            record.failure = closed.error();
        }
    }

private:
    task<result<void>> exchange(flow& client, connection& record) {
        std::array<std::byte, greeting_size> first{};
        const result<void> greeted = co_await read_exactly(client, first);
        if (!greeted) {
            co_return fail(greeted.error());
        }
        const std::string_view text(reinterpret_cast<const char*>(first.data()), first.size());
        if (!text.starts_with(magic)) {
            co_return fail(errc::protocol_error, "the client does not speak as 'bench flow' does");
        }
        const bool sends = text[magic.size()] != static_cast<char>(bulk_direction::up);
        bool ended = false;
        const auto both = [&](scope& beside) -> task<result<void>> {
            const auto send = [&]() -> task<result<void>> {
                const auto sent =
                    co_await send_until(client, size_, ended, record.out.bytes_written);
                co_return sent ? result<void>() : result<void>(fail(sent.error()));
            };
            if (sends) {
                beside.spawn(send, "sender");
            }
            result<void> counted = co_await count(client, record.in.bytes_read);
            ended = true;
            co_return counted;
        };
        const result<void> moved = co_await with_scope(both);
        if (!moved) {
            co_return fail(moved.error());
        }
        co_return co_await send_count(client, record.in.bytes_read);
    }

    static task<result<void>> count(flow& client, std::uint64_t& received) {
        for (;;) {
            const result<buffer> data = co_await client.read();
            if (!data) {
                co_return data.error() == errc::end ? result<void>()
                                                    : result<void>(fail(data.error()));
            }
            received += data->size();
        }
    }

    static task<result<void>> send_count(flow& client, std::uint64_t received) {
        std::array<std::byte, count_size> bytes{};
        store_le64(bytes.data(), received);
        const write_result written = co_await client.write(buffer::copy_of(bytes));
        if (!written) {
            co_return fail(written.error());
        }
        co_return co_await client.shutdown(direction::write);
    }

    std::size_t size_;
};

/// Reads to the end, and keeps the last bytes apart: the server's count.
class tail_reader {
public:
    task<result<void>> read(flow& source) {
        for (;;) {
            const result<buffer> data = co_await source.read();
            if (!data) {
                co_return data.error() == errc::end ? result<void>()
                                                    : result<void>(fail(data.error()));
            }
            received_ += data->size();
            keep(data->span());
        }
    }
    [[nodiscard]] bool has_count() const { return received_ >= count_size; }
    [[nodiscard]] std::uint64_t count() const { return load_le64(tail_.data()); }
    /// Bytes before the count.
    [[nodiscard]] std::uint64_t received() const { return received_ - count_size; }

private:
    void keep(std::span<const std::byte> bytes) {
        if (bytes.size() >= count_size) {
            std::memcpy(tail_.data(), bytes.last(count_size).data(), count_size);
        } else {
            std::memmove(tail_.data(), tail_.data() + bytes.size(), count_size - bytes.size());
            std::memcpy(tail_.data() + count_size - bytes.size(), bytes.data(), bytes.size());
        }
    }

    std::uint64_t received_ = 0;
    std::array<std::byte, count_size> tail_{};
};

} // namespace

task<result<bulk_figures>> move_bulk(flow& server, bulk_direction direction, std::size_t size,
                                     duration span) {
    const time_point start = loop::current().now();
    const write_result greeted = co_await server.write(greeting(direction));
    if (!greeted) {
        co_return fail(greeted.error());
    }
    bulk_figures figures;
    tail_reader tail;
    bool over = span <= duration(0);
    const auto all = [&](scope& beside) -> task<result<void>> {
        const auto read = [&]() -> task<result<void>> { co_return co_await tail.read(server); };
        beside.spawn(read, "reader");
        const auto clock = [&]() -> task<void> {
            static_cast<void>(co_await sleep_until(saturating_add(start, span)));
            over = true;
        };
        if (direction == bulk_direction::down) {
            co_await clock();
        } else {
            beside.spawn(clock, "clock");
            const auto sent = co_await send_until(server, size, over, figures.sent);
            if (!sent) {
                co_return fail(sent.error());
            }
        }
        co_return co_await server.shutdown(runnel::direction::write);
    };
    const result<void> moved = co_await with_timeout(span + patience, with_scope(all));
    if (!moved) {
        co_return fail(moved.error());
    }
    if (!tail.has_count() || tail.count() != figures.sent) {
        co_return fail(errc::protocol_error, "the server did not receive all that was sent");
    }
    figures.received = tail.received();
    figures.took = loop::current().now() - start;
    co_return figures;
}

std::unique_ptr<connection_handler> make_bulk_handler(std::size_t size) {
    return std::make_unique<bulk_handler>(size);
}

} // namespace runnel::inline v0::program
