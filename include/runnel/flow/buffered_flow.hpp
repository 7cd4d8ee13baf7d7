// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/awaitable.hpp"
#include "runnel/async/task.hpp"
#include "runnel/core/buffer.hpp"
#include "runnel/core/buffer_list.hpp"
#include "runnel/core/error.hpp"
#include "runnel/flow/flow.hpp"

#include <bit>
#include <concepts>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <source_location>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

namespace runnel::inline v0 {

class buffered_flow;

/// How to buffer a flow.
struct buffered_options {
    /// Most bytes of one read of the flow below; 0: as it likes.
    std::size_t read_hint = 0;
    /// Writes below this size are copied together into blocks; others are passed on by reference.
    std::size_t by_reference = 2048;
    /// Size of those blocks.
    std::size_t block = std::size_t{16} * 1024;
    /// A write that leaves more than this unflushed waits until all of it is written.
    std::size_t write_limit = std::size_t{64} * 1024;
};
static_assert(std::is_trivially_destructible_v<buffered_options>);

/// A read of a `buffered_flow`: `co_await` gives `result<buffer>`. At once, without a task, if what
/// it wants is there.
class [[nodiscard]] buffered_read {
public:
    enum class kind : std::uint8_t { some, exactly, peek, until, line };

    buffered_read(buffered_flow& source, kind what, std::size_t size,
                  std::string_view delimiter = {}) noexcept
        : source_(&source), kind_(what), size_(size), delimiter_(delimiter) {}

    [[nodiscard]] bool await_ready() { return try_now(); }
    template <class P>
    bool await_suspend(std::coroutine_handle<P> waiting,
                       const std::source_location& where = std::source_location::current()) {
        slow_ = wait();
        return suspend_for(slow_, waiting, where);
    }
    result<buffer> await_resume() { return std::move(*outcome_); }

private:
    friend class buffered_flow;
    [[nodiscard]] bool try_now();
    [[nodiscard]] bool try_take();
    task<void> wait();
    void ended(error why);
    [[nodiscard]] std::string_view pattern() const noexcept;

    buffered_flow* source_;
    kind kind_;
    std::size_t size_; // bytes wanted, or at most
    std::string_view delimiter_;
    std::size_t searched_ = 0; // so many bytes do not begin a delimiter
    std::optional<result<buffer>> outcome_;
    task<void> slow_{task<void>::handle()};
};

/// A number read from a `buffered_flow`: `co_await` gives `result<T>`.
template <std::unsigned_integral T, std::endian Order>
class [[nodiscard]] buffered_number : public buffered_read {
public:
    explicit buffered_number(buffered_flow& source) noexcept
        : buffered_read(source, kind::exactly, sizeof(T)) {}
    result<T> await_resume() {
        const result<buffer> bytes = buffered_read::await_resume();
        if (!bytes) {
            return fail(bytes.error());
        }
        T value = 0;
        std::memcpy(&value, bytes->data(), sizeof(T));
        return Order == std::endian::native ? value : std::byteswap(value);
    }
};

/// A write to a `buffered_flow`, or a flush of it: `co_await` gives `result<void>`. At once,
/// without a task, unless the buffer is full or something is to be flushed.
class [[nodiscard]] buffered_write {
public:
    /// `all`: a flush, otherwise only down to the limit.
    buffered_write(buffered_flow& target, bool all) noexcept : target_(&target), all_(all) {}

    [[nodiscard]] bool await_ready();
    template <class P>
    bool await_suspend(std::coroutine_handle<P> waiting,
                       const std::source_location& where = std::source_location::current()) {
        slow_ = wait();
        return suspend_for(slow_, waiting, where);
    }
    result<void> await_resume() { return std::move(outcome_); }

private:
    friend class buffered_flow;
    task<void> wait();

    buffered_flow* target_;
    bool all_;
    result<void> outcome_;
    task<void> slow_{task<void>::handle()};
};

/// A flow with a buffer in each direction: reads of units, such as lines and records of a known
/// size, and small writes that are sent together.
///
/// Reads: whatever stops a unit from being complete, the bytes that are there stay and can be read
/// otherwise, also after an error or a cancellation. Units that lie in one buffer of the flow below
/// are given by reference; others are copied together. When the stream ends within a unit, the
/// error is `truncated`; when it ends before the first byte of one, it is `end`, and any other
/// finish of the flow below is itself. What a peer can make this hold is bounded by what is asked
/// for, plus one read of the flow below, in memory at most a few times that.
///
/// Writes: what is written belongs to the buffer and is never lost: after a flush that failed or
/// was cancelled, what did not leave is still to be flushed.
///
/// One read and one write or flush may wait at a time; a second one gives `busy` (and what it was
/// to write is buffered all the same). Dropping it aborts the flow below, and drops what was not
/// flushed. Must outlive its operations.
class buffered_flow {
public:
    explicit buffered_flow(flow_ptr below, buffered_options options = {}) noexcept;
    buffered_flow(const buffered_flow&) = delete;
    buffered_flow& operator=(const buffered_flow&) = delete;
    ~buffered_flow();

    /// At least 1 byte, at most `hint` if that is not 0.
    [[nodiscard]] buffered_read read(std::size_t hint = 0) noexcept {
        return {*this, buffered_read::kind::some, hint};
    }
    /// So many bytes.
    [[nodiscard]] buffered_read read_exactly(std::size_t size) noexcept {
        return {*this, buffered_read::kind::exactly, size};
    }
    /// So many bytes, which stay to be read again. Cheap as often as it is repeated.
    [[nodiscard]] buffered_read peek(std::size_t size) noexcept {
        return {*this, buffered_read::kind::peek, size};
    }
    /// What stands before the next `delimiter`, which is taken and not given. `limit_exceeded` if
    /// `limit` bytes do not contain a whole one. The delimiter is not empty, and lives until then.
    [[nodiscard]] buffered_read read_until(std::string_view delimiter, std::size_t limit) noexcept {
        return {*this, buffered_read::kind::until, limit, delimiter};
    }
    /// A line without what ends it: LF, CR LF, or the end of the stream behind at least one byte.
    /// `limit_exceeded` if `limit` bytes came and there is no LF among them: the limit counts the
    /// bytes that end the line, and a line ended by the stream is shorter than it. A CR anywhere
    /// else is a part of the line.
    [[nodiscard]] buffered_read read_line(std::size_t limit) noexcept {
        return {*this, buffered_read::kind::line, limit};
    }
    /// An unsigned number in network byte order, or with its lowest byte first.
    template <std::unsigned_integral T>
    [[nodiscard]] buffered_number<T, std::endian::big> read_be() noexcept {
        return buffered_number<T, std::endian::big>(*this);
    }
    template <std::unsigned_integral T>
    [[nodiscard]] buffered_number<T, std::endian::little> read_le() noexcept {
        return buffered_number<T, std::endian::little>(*this);
    }
    /// Drops the next `left` bytes and counts `left` down, so that it can be continued after it was
    /// stopped. `left` lives until then.
    [[nodiscard]] task<result<void>> skip(std::uint64_t& left);
    /// Puts bytes back in front: the next to be read.
    void unread(buffer data) { input_.push_front(std::move(data)); }

    /// Bytes that can be read without waiting, and those of them that lie in one piece.
    [[nodiscard]] std::size_t buffered() const noexcept { return input_.bytes(); }
    [[nodiscard]] std::span<const std::byte> front() noexcept {
        return input_.empty() ? std::span<const std::byte>() : input_.front().span();
    }

    /// Buffers bytes to be written. Waits only above the limit; an error then is one of the flow.
    [[nodiscard]] buffered_write write(buffer data);
    /// The same with a copy of them.
    [[nodiscard]] buffered_write write(std::span<const std::byte> data);
    [[nodiscard]] buffered_write write(std::string_view text) { return write(as_bytes(text)); }
    template <std::unsigned_integral T>
    [[nodiscard]] buffered_write write_be(T value) {
        return write_number(std::endian::native == std::endian::big ? value : std::byteswap(value));
    }
    template <std::unsigned_integral T>
    [[nodiscard]] buffered_write write_le(T value) {
        return write_number(std::endian::native == std::endian::little ? value
                                                                       : std::byteswap(value));
    }
    /// Hands everything to the flow below; done when that has accepted it.
    [[nodiscard]] buffered_write flush() noexcept { return {*this, true}; }
    /// Bytes that are not flushed.
    [[nodiscard]] std::size_t unflushed() const noexcept { return output_.bytes() + block_.size(); }

    /// Flushes, and shuts the writing side of the flow below down.
    [[nodiscard]] task<result<void>> shutdown_write();
    /// Flushes, and closes the flow below. A stop aborts it, as `flow::close` does.
    [[nodiscard]] task<result<void>> close();
    void abort() noexcept { below_->abort(); }

    /// The flow below: for its addresses, or to use it while nothing is buffered.
    [[nodiscard]] flow& below() noexcept { return *below_; }
    /// Gives the flow up: one that first reads what is still buffered. Requires that all is flushed
    /// and nothing waits. Afterwards this can only be destroyed.
    [[nodiscard]] flow_ptr release();

private:
    friend class buffered_read;
    friend class buffered_write;

    template <class T>
    [[nodiscard]] buffered_write write_number(T value) {
        return write(std::as_bytes(std::span(&value, 1)));
    }
    [[nodiscard]] buffer take(std::size_t size);
    [[nodiscard]] std::optional<std::size_t> find(std::string_view pattern, std::size_t from,
                                                  std::size_t limit) noexcept;
    [[nodiscard]] bool matches(std::size_t piece, std::size_t at,
                               std::string_view pattern) noexcept;
    void seal_block();
    task<result<void>> write_out();

    flow_ptr below_;
    buffered_options options_;
    buffer_queue input_;
    buffer_queue output_;
    buffer block_; // small writes, to be queued behind the others
    bool reading_ = false;
    bool writing_ = false;
};

} // namespace runnel::inline v0
