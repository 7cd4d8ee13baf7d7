// SPDX-License-Identifier: Apache-2.0
#include "runnel/core/check.hpp"
#include "runnel/flow/buffered_flow.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace runnel::inline v0 {

/// Takes bytes out: by reference where they lie in one buffer.
buffer buffered_flow::take(std::size_t size) {
    if (size == 0) {
        return {};
    }
    if (input_.front().size() >= size) {
        return input_.pop_front(size);
    }
    buffer whole = buffer::allocate(size);
    input_.copy_out(whole.writable());
    return whole;
}

/// Whether the pattern stands at byte `at` of the given piece of the input, and behind it.
bool buffered_flow::matches(std::size_t piece, std::size_t at, std::string_view pattern) noexcept {
    while (!pattern.empty()) {
        const std::string_view here = input_[piece].view().substr(at);
        const std::size_t size = std::min(here.size(), pattern.size());
        if (here.substr(0, size) != pattern.substr(0, size)) {
            return false;
        }
        pattern.remove_prefix(size);
        ++piece;
        at = 0;
    }
    return true;
}

/// Where the pattern first stands in the input at or behind `from`, whole within `limit` bytes.
std::optional<std::size_t> buffered_flow::find(std::string_view pattern, std::size_t from,
                                               std::size_t limit) noexcept {
    const std::size_t end = std::min(limit, input_.bytes());
    std::size_t start = 0; // of the piece
    for (std::size_t piece = 0; piece < input_.size() && start + pattern.size() <= end; ++piece) {
        const std::string_view here = input_[piece].view();
        // The last places at which a whole pattern can begin.
        const std::size_t stop = std::min(here.size(), end - pattern.size() + 1 - start);
        for (std::size_t at = std::max(from, start) - start; at < stop; ++at) {
            const void* found = std::memchr(here.data() + at, pattern.front(), stop - at);
            if (found == nullptr) {
                break;
            }
            at = static_cast<std::size_t>(static_cast<const char*>(found) - here.data());
            if (matches(piece, at, pattern)) {
                return start + at;
            }
        }
        start += here.size();
    }
    return std::nullopt;
}

std::string_view buffered_read::pattern() const noexcept {
    return kind_ == kind::line ? "\n" : delimiter_;
}

bool buffered_read::try_now() {
    if (source_->reading_) {
        outcome_ = fail(errc::busy);
        return true;
    }
    check(kind_ != kind::until || !delimiter_.empty(), "a delimiter is not empty");
    return try_take();
}

/// Takes what is wanted, if it is there or can never be.
bool buffered_read::try_take() {
    buffer_queue& input = source_->input_;
    switch (kind_) {
    case kind::some:
        if (!input.empty()) {
            outcome_ = input.pop_front(size_ != 0 ? size_ : buffer::max_size);
            return true;
        }
        return false;
    case kind::exactly:
        if (input.bytes() >= size_) {
            outcome_ = source_->take(size_);
            return true;
        }
        return false;
    case kind::peek:
        if (input.bytes() >= size_) {
            if (size_ != 0 && input.front().size() < size_) {
                input.push_front(source_->take(size_)); // put back as one piece
            }
            outcome_ = size_ != 0 ? input.front().share(0, size_) : buffer();
            return true;
        }
        return false;
    case kind::until:
    case kind::line:
        break;
    }
    const std::string_view wanted = pattern();
    if (const auto place = source_->find(wanted, searched_, size_)) {
        buffer unit = source_->take(*place);
        input.consume(wanted.size());
        if (kind_ == kind::line && unit.view().ends_with('\r')) {
            unit.remove_suffix(1);
        }
        outcome_ = std::move(unit);
        return true;
    }
    if (input.bytes() >= size_) {
        outcome_ = fail(errc::limit_exceeded,
                        fmt::format("no {} within {} bytes",
                                    kind_ == kind::line ? "end of line" : "delimiter", size_));
        return true;
    }
    searched_ = input.bytes() - std::min(input.bytes(), wanted.size() - 1);
    return false;
}

task<void> buffered_read::wait() {
    buffered_flow& source = *source_;
    source.reading_ = true;
    do {
        result<buffer> data = co_await source.below_->read(source.options_.read_hint);
        if (!data) {
            ended(std::move(data.error()));
            break;
        }
        source.input_.push_back_compact(std::move(*data));
    } while (!try_take());
    source.reading_ = false;
}

/// Nothing more comes, at least for now.
void buffered_read::ended(error why) {
    const std::size_t left = source_->input_.bytes();
    if (!(why == errc::end) || left == 0) {
        outcome_ = fail(std::move(why));
    } else if (kind_ == kind::line) {
        outcome_ = source_->take(left);
    } else {
        outcome_ =
            fail(errc::truncated,
                 kind_ == kind::until
                     ? fmt::format("the stream ended after {} bytes without a delimiter", left)
                     : fmt::format("the stream ended after {} of {} bytes", left, size_));
    }
}

task<result<void>> buffered_flow::skip(std::uint64_t& left) {
    while (left != 0) {
        const std::uint64_t wanted = std::min<std::uint64_t>(left, buffer::max_size);
        const result<buffer> dropped = co_await read(static_cast<std::size_t>(wanted));
        if (!dropped) {
            co_return fail(dropped.error());
        }
        left -= dropped->size();
    }
    co_return result<void>();
}

} // namespace runnel::inline v0
