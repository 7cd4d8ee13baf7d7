// SPDX-License-Identifier: Apache-2.0
//
// Any bytes in any pieces, read by any calls, against a model that has the whole stream at hand.
// The input: how the stream is cut, then the calls, then the stream.

#include "runnel/core/check.hpp"
#include "runnel/flow/buffered_flow.hpp"
#include "runnel/flow/function_flow.hpp"
#include "virtual_run.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

namespace runnel {
namespace {

/// Numbers from the front of the fuzzer's input; zeros when it is used up.
class dice {
public:
    explicit dice(std::string_view bytes) noexcept : bytes_(bytes) {}
    std::size_t next() noexcept {
        return at_ < bytes_.size() ? static_cast<unsigned char>(bytes_[at_++]) : 0;
    }
    [[nodiscard]] bool empty() const noexcept { return at_ == bytes_.size(); }

private:
    std::string_view bytes_;
    std::size_t at_ = 0;
};

/// What a call has to give: bytes or an error, and what is left of the stream.
struct expectation {
    std::string_view unit;
    errc why{};
    std::size_t taken = 0;
};

expectation fixed(std::string_view left, std::size_t size, bool takes, errc finish) {
    if (left.size() >= size) {
        return {left.substr(0, size), {}, takes ? size : 0};
    }
    const bool within = finish == errc::end && !left.empty();
    return {{}, within ? errc::truncated : finish, 0};
}

expectation delimited(std::string_view left, std::string_view delimiter, std::size_t limit,
                      bool line, errc finish) {
    const std::size_t place = left.substr(0, limit).find(delimiter);
    if (place != std::string_view::npos) {
        std::string_view unit = left.substr(0, place);
        if (line && unit.ends_with('\r')) {
            unit.remove_suffix(1);
        }
        return {unit, {}, place + delimiter.size()};
    }
    if (left.size() >= limit) {
        return {{}, errc::limit_exceeded, 0};
    }
    if (finish == errc::end && line && !left.empty()) {
        return {left, {}, left.size()};
    }
    const bool within = finish == errc::end && !left.empty();
    return {{}, within ? errc::truncated : finish, 0};
}

void compare(const result<buffer>& got, const expectation& expected) {
    check(got.has_value() == (expected.why == errc{}), "the call succeeds when it should");
    if (got) {
        check(got->view() == expected.unit, "the call gives the right bytes");
    } else {
        check(got.error() == expected.why, "the call fails in the right way");
    }
}

flow_ptr cut(std::string_view stream, std::string_view cuts, errc finish) {
    return make_source([stream, sizes = dice(cuts), finish]() mutable -> result<buffer> {
        if (stream.empty()) {
            return fail(finish);
        }
        const std::size_t size = std::min(sizes.next() + 1, stream.size());
        buffer piece = buffer::copy_of(stream.substr(0, size));
        stream.remove_prefix(size);
        return piece;
    });
}

task<void> call_all(std::string_view stream, std::string_view cuts, std::string_view calls,
                    errc finish) {
    buffered_flow source(cut(stream, cuts, finish));
    std::string left(stream);
    const std::string_view delimiters[] = {"\n", "ab", "aab", "--\r\n"};
    for (dice call(calls); !call.empty();) {
        const std::size_t what = call.next() % 7;
        const std::size_t size = call.next();
        expectation expected;
        result<buffer> got = buffer();
        if (what == 0) {
            expected = fixed(left, size, true, finish);
            got = co_await source.read_exactly(size);
        } else if (what == 1) {
            expected = fixed(left, size, false, finish);
            got = co_await source.peek(size);
        } else if (what == 2) {
            expected = delimited(left, "\n", size, true, finish);
            got = co_await source.read_line(size);
        } else if (what == 3) {
            const std::string_view delimiter = delimiters[call.next() % 4];
            expected = delimited(left, delimiter, size, false, finish);
            got = co_await source.read_until(delimiter, size);
        } else if (what == 4) {
            got = co_await source.read(size);
            const std::size_t count = got ? got->size() : 1;
            check(got.has_value() != left.empty(), "some is there until the end");
            check(count > 0 && (size == 0 || count <= size), "some is at least one");
            expected = fixed(left, count, true, finish);
        } else if (what == 5) {
            const std::string back(size % 4, static_cast<char>(size));
            source.unread(buffer::copy_of(back));
            left.insert(0, back);
        } else {
            std::uint64_t count = size;
            const result<void> skipped = co_await source.skip(count);
            check(skipped.has_value() == (left.size() >= size), "skips what is there");
            left.erase(0, size - static_cast<std::size_t>(count));
        }
        if (what < 5) {
            compare(got, expected);
        }
        left.erase(0, expected.taken);
    }
}

} // namespace
} // namespace runnel

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view input(reinterpret_cast<const char*>(data), size);
    if (size < 3) {
        return 0;
    }
    const std::size_t cuts = std::min<std::size_t>(static_cast<unsigned char>(input[0]), size - 3);
    const std::size_t calls =
        std::min<std::size_t>(static_cast<unsigned char>(input[1]), size - 3 - cuts);
    const runnel::errc finish = input[2] % 2 == 0 ? runnel::errc::end : runnel::errc::reset;
    input.remove_prefix(3);
    runnel::run_virtual([&] {
        return runnel::call_all(input.substr(cuts + calls), input.substr(0, cuts),
                                input.substr(cuts, calls), finish);
    });
    return 0;
}
