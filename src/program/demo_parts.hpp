// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "session.hpp"

#include "runnel/async/io.hpp"
#include "runnel/async/task.hpp"
#include "runnel/core/error.hpp"
#include "runnel/flow/flow.hpp"

#include <cstdint>
#include <string>
#include <string_view>

/// What the parts of the demonstration share.
namespace runnel::inline v0::program {

/// Tells the story, and counts what does not hold.
class storyteller {
public:
    explicit storyteller(const session& session) : session_(session) {}

    void say(std::string_view line);
    void title(std::string_view text);
    void check(bool holds, std::string_view what);
    void check(const result<void>& done, std::string_view what);
    /// The exit status.
    int finish();

private:
    void print(std::string_view text) { printed_ = printed_ && session_.print(text) == exit_ok; }

    const session& session_;
    int failed_ = 0;
    int checks_ = 0;
    bool printed_ = true;
};

/// What the two ends of a flow say of its content.
struct hashes {
    std::string sent = {};
    std::string received = {};
};

/// Writes so many bytes and ends the writing side. Gives their hash.
[[nodiscard]] task<result<std::string>> send_volume(flow& target, std::uint64_t volume);
/// Reads to the end. Gives the hash.
[[nodiscard]] task<result<std::string>> receive_hash(flow& source);
/// Sends, ends its side, waits for the answer, and closes.
[[nodiscard]] task<result<hashes>> ask(flow& server, std::uint64_t volume);
/// The other side: reads everything, thinks for a while, answers with the hash, and closes.
[[nodiscard]] task<result<void>> think_and_answer(flow& client, duration thinking_time);

/// The part about the TCP/IP stack; `clock` tells the real time. The packets of its first half go
/// to a pcapng file, unless `capture` is empty.
void show_stack(storyteller& story, io_backend& clock, const std::string& capture);

} // namespace runnel::inline v0::program
