// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/buffered_flow.hpp"

#include "runnel/core/check.hpp"
#include "runnel/flow/concat.hpp"
#include "runnel/flow/function_flow.hpp"
#include "write_from.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>
#include <vector>

namespace runnel::inline v0 {
namespace {

/// Room for the first small writes after a flush; more are gathered in whole blocks.
constexpr std::size_t first_block = 2048;

/// Buffers given to the flow below in one write.
constexpr std::size_t pieces_at_once = 16;

} // namespace

buffered_flow::buffered_flow(flow_ptr below, buffered_options options) noexcept
    : below_(std::move(below)), options_(options) {
    check(options.block > 0, "small writes are gathered in blocks");
}

buffered_flow::~buffered_flow() {
    check(!reading_ && !writing_, "a buffered flow outlives its operations");
}

/// Queues the block of small writes behind what was written before.
void buffered_flow::seal_block() {
    if (!block_.empty()) {
        output_.push_back(std::move(block_));
    }
}

buffered_write buffered_flow::write(buffer data) {
    if (data.size() < options_.by_reference) {
        return write(data.span());
    }
    seal_block();
    output_.push_back(std::move(data));
    return {*this, false};
}

buffered_write buffered_flow::write(std::span<const std::byte> data) {
    while (!data.empty()) {
        if (block_.tailroom() == 0) {
            const bool first = output_.empty() && block_.empty();
            seal_block();
            const std::size_t size = first ? std::min(first_block, options_.block) : options_.block;
            block_ =
                buffer::allocate(0, buffer::default_headroom, static_cast<std::uint32_t>(size));
        }
        const std::size_t part = std::min(block_.tailroom(), data.size());
        const std::size_t before = block_.size();
        check(block_.append(part), "a block has the room that it says");
        std::memcpy(block_.writable().data() + before, data.data(), part);
        data = data.subspan(part);
    }
    return {*this, false};
}

bool buffered_write::await_ready() {
    if (!all_ && target_->unflushed() <= target_->options_.write_limit) {
        return true;
    }
    if (target_->writing_) {
        outcome_ = fail(errc::busy);
        return true;
    }
    return target_->unflushed() == 0;
}

task<void> buffered_write::wait() {
    target_->writing_ = true;
    outcome_ = co_await target_->write_out();
    target_->writing_ = false;
}

task<result<void>> buffered_flow::write_out() {
    seal_block();
    std::array<buffer, pieces_at_once> pieces;
    while (!output_.empty()) {
        std::size_t count = 0;
        while (count < pieces.size() && !output_.empty()) {
            pieces[count++] = output_.pop_front();
        }
        const write_result written = co_await write_from(*below_, {pieces.data(), count});
        if (!written) {
            while (count != 0) {
                output_.push_front(std::move(pieces[--count]));
            }
            co_return fail(written.error());
        }
        seal_block(); // what was written meanwhile
    }
    co_return result<void>();
}

task<result<void>> buffered_flow::shutdown_write() {
    const result<void> flushed = co_await flush();
    if (!flushed) {
        co_return flushed;
    }
    co_return co_await below_->shutdown(direction::write);
}

task<result<void>> buffered_flow::close() {
    const result<void> flushed = co_await flush();
    const result<void> closed = co_await below_->close();
    co_return closed ? flushed : closed;
}

flow_ptr buffered_flow::release() {
    check(!reading_ && !writing_ && unflushed() == 0, "a flow is given up when all is flushed");
    if (input_.empty()) {
        return std::move(below_);
    }
    std::vector<buffer> pieces;
    while (!input_.empty()) {
        pieces.push_back(input_.pop_front());
    }
    return make_concat(make_source(std::move(pieces)), std::move(below_));
}

} // namespace runnel::inline v0
