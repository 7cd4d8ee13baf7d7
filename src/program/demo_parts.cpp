// SPDX-License-Identifier: Apache-2.0
#include "demo_parts.hpp"

#include "human.hpp"
#include "sha256.hpp"

#include "runnel/async/sleep.hpp"
#include "runnel/core/random.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace runnel::inline v0::program {

void storyteller::say(std::string_view line) {
    print(fmt::format("{}\n", line));
}

void storyteller::title(std::string_view text) {
    print("\n" + session_.out.paint(style::bold, text) + "\n");
}

void storyteller::check(bool holds, std::string_view what) {
    failed_ += holds ? 0 : 1;
    ++checks_;
    const std::string mark = holds ? session_.out.paint(style::green, "ok    ")
                                   : session_.out.paint(style::red, "FAILED");
    print(fmt::format("  {}  {}\n", mark, what));
}

void storyteller::check(const result<void>& done, std::string_view what) {
    check(done.has_value(),
          done ? std::string(what) : fmt::format("{}: {}", what, human_error(done.error())));
}

int storyteller::finish() {
    print(failed_ == 0 ? fmt::format("\nAll {} checks hold.\n", checks_)
                       : fmt::format("\n{} of {} checks failed.\n", failed_, checks_));
    return failed_ == 0 && printed_ ? exit_ok : exit_failed;
}

task<result<std::string>> send_volume(flow& target, std::uint64_t volume) {
    constexpr std::uint64_t piece = std::uint64_t{1} << 20U;
    buffer block = buffer::allocate(piece);
    prng noise(42);
    sha256 hash;
    for (std::uint64_t sent = 0; sent < volume; sent += block.size()) {
        if (!block.unique()) { // still on its way
            block = buffer::allocate(piece);
        }
        noise.fill(block.writable());
        hash.update(block.span());
        const write_result written = co_await target.write(block.share());
        if (!written) {
            co_return fail(written.error());
        }
    }
    const result<void> ended = co_await target.shutdown(direction::write);
    if (!ended) {
        co_return fail(ended.error());
    }
    co_return hash.finish();
}

task<result<std::string>> receive_hash(flow& source) {
    sha256 hash;
    for (;;) {
        const result<buffer> data = co_await source.read();
        if (!data) {
            if (data.error() != errc::end) {
                co_return fail(data.error());
            }
            co_return hash.finish();
        }
        hash.update(data->span());
    }
}

task<result<hashes>> ask(flow& server, std::uint64_t volume) {
    const result<std::string> sent = co_await send_volume(server, volume);
    if (!sent) {
        co_return fail(sent.error());
    }
    std::string answer;
    for (;;) {
        const result<buffer> part = co_await server.read();
        if (!part) {
            break; // the hash will tell if something is missing
        }
        answer += part->view();
    }
    const result<void> closed = co_await server.close();
    if (!closed) {
        co_return fail(closed.error());
    }
    co_return hashes{*sent, answer};
}

task<result<void>> think_and_answer(flow& client, duration thinking_time) {
    const result<std::string> hash = co_await receive_hash(client);
    if (!hash) {
        co_return fail(hash.error());
    }
    static_cast<void>(co_await sleep_for(thinking_time));
    const write_result answered = co_await client.write(buffer::copy_of(*hash));
    if (!answered) {
        co_return fail(answered.error());
    }
    co_return co_await client.close();
}

} // namespace runnel::inline v0::program
