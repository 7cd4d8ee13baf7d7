// SPDX-License-Identifier: Apache-2.0
#include "steps.hpp"

#include "runnel/async/sleep.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <ostream>

namespace runnel::conformance {
namespace {

std::string_view name(errc what) {
    return what == errc{} ? "no error" : describe(what);
}

bool fails_with(const error* what, errors why, place where) {
    if (what != nullptr && why.has(what->kind())) {
        return true;
    }
    ADD_FAILURE_AT(where.file_name(), static_cast<int>(where.line()))
        << "expected: " << why << "\n  actual: " << (what != nullptr ? what->message() : "success");
    return false;
}

bool succeeds(const error* what, place where) {
    if (what == nullptr) {
        return true;
    }
    ADD_FAILURE_AT(where.file_name(), static_cast<int>(where.line()))
        << "expected: success\n  actual: " << what->message();
    return false;
}

template <class T>
const error* error_of(const result<T>& outcome) {
    return outcome.has_value() ? nullptr : &outcome.error();
}

const error* error_of(const write_result& outcome) {
    return outcome.has_value() ? nullptr : &outcome.error();
}

/// The news of an abort may need this many turns of the loop.
constexpr int patience = 1000;

} // namespace

std::ostream& operator<<(std::ostream& out, errors all) {
    const char* between = "";
    for (unsigned code = 1; code < 32; ++code) {
        if (all.has(static_cast<errc>(code))) {
            out << between << '"' << name(static_cast<errc>(code)) << '"';
            between = " or ";
        }
    }
    return out;
}

std::ostream& operator<<(std::ostream& out, const received& what) {
    return out << what.bytes << " bytes, " << (what.intact ? "intact" : "DAMAGED") << ", then "
               << name(what.end);
}

std::ostream& operator<<(std::ostream& out, const sent& what) {
    return out << what.bytes << " bytes accepted, then " << name(what.end);
}

task<received> drain(flow& from, pattern expected, std::uint64_t offset, std::size_t hint) {
    received all;
    while (true) {
        const auto data = co_await from.read(hint);
        if (!data) {
            all.end = data.error().kind();
            co_return all;
        }
        all.intact = all.intact && !data->empty() && (hint == 0 || data->size() <= hint) &&
                     expected.matches(offset + all.bytes, data->span());
        all.bytes += data->size();
    }
}

task<received> drain_some(flow& from, pattern expected, std::uint64_t offset, std::uint64_t size) {
    received all;
    while (all.bytes < size) {
        const auto data = co_await from.read(size - all.bytes);
        if (!data) {
            all.end = data.error().kind();
            break;
        }
        all.intact = all.intact && expected.matches(offset + all.bytes, data->span());
        all.bytes += data->size();
    }
    co_return all;
}

task<sent> fill(flow& to, pattern stream, std::uint64_t size, std::size_t piece) {
    sent all;
    do {
        const std::uint64_t part = std::min<std::uint64_t>(piece, size - all.bytes);
        const auto outcome = co_await to.write(stream.cut(all.bytes, part));
        all.bytes += outcome.accepted();
        if (!outcome) {
            all.end = outcome.error().kind();
            break;
        }
    } while (all.bytes < size);
    co_return all;
}

task<sent> fill_and_finish(flow& to, pattern stream, std::uint64_t size, std::size_t piece) {
    sent all = co_await fill(to, stream, size, piece);
    const auto outcome = co_await to.shutdown(direction::write);
    if (!outcome && all.end == errc{}) {
        all.end = outcome.error().kind();
    }
    co_return all;
}

task<void> expect_read(flow& from, std::string_view words, place where) {
    std::string got;
    while (got.size() < words.size()) {
        const auto data = co_await from.read(words.size() - got.size());
        if (!data) {
            got += " [" + data.error().message() + "]";
            break;
        }
        got += data->view();
    }
    if (got != words) {
        ADD_FAILURE_AT(where.file_name(), static_cast<int>(where.line()))
            << "expected to read: " << words << "\n          actual: " << got;
    }
}

task<void> expect_read_end(flow& from, errors why, place where) {
    const auto first = co_await from.read();
    if (!fails_with(error_of(first), why, where)) {
        co_return;
    }
    const errors same = first.error().kind();
    const auto second = co_await from.read(1);
    fails_with(error_of(second), same, where);
    std::array<std::byte, 4> memory{};
    const auto third = co_await from.read_into(memory);
    fails_with(error_of(third), same, where);
}

task<void> expect_write_end(flow& to, errors why, place where) {
    const auto first = co_await to.write(text("never"));
    if (!fails_with(error_of(first), why, where)) {
        co_return;
    }
    const errors same = first.error().kind();
    const auto second = co_await to.writev(buffer_list(text("ne"), text("ver")));
    fails_with(error_of(second), same, where);
    const auto third = co_await to.write_nodelay(text("never"));
    fails_with(error_of(third), same, where);
    const auto fourth = co_await to.writev_nodelay(buffer_list(text("never")));
    fails_with(error_of(fourth), same, where);
    const std::size_t accepted =
        first.accepted() + second.accepted() + third.accepted() + fourth.accepted();
    if (accepted != 0) {
        ADD_FAILURE_AT(where.file_name(), static_cast<int>(where.line()))
            << accepted << " bytes count as accepted by writes that failed at once";
    }
}

task<void> expect_writes_to_fail(flow& to, errors why, place where) {
    for (int turn = 0; turn < patience; ++turn) {
        const auto outcome = co_await to.write(text("x"));
        if (!outcome) {
            if (fails_with(error_of(outcome), why, where)) {
                co_await expect_write_end(to, outcome.error().kind(), where);
            }
            co_return;
        }
        co_await yield();
    }
    ADD_FAILURE_AT(where.file_name(), static_cast<int>(where.line())) << "all writes succeeded";
}

bool expect_success(const result<void>& outcome, place where) {
    return succeeds(error_of(outcome), where);
}
bool expect_success(const write_result& outcome, place where) {
    return succeeds(error_of(outcome), where);
}
bool expect_error(const result<void>& outcome, errors why, place where) {
    return fails_with(error_of(outcome), why, where);
}
bool expect_error(const result<buffer>& outcome, errors why, place where) {
    return fails_with(error_of(outcome), why, where);
}
bool expect_error(const result<std::size_t>& outcome, errors why, place where) {
    return fails_with(error_of(outcome), why, where);
}
bool expect_error(const write_result& outcome, errors why, place where) {
    return fails_with(error_of(outcome), why, where);
}

} // namespace runnel::conformance
