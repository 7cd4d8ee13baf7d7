// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/recording.hpp"

#include "runnel/flow/function_flow.hpp"
#include "virtual_run.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

using namespace std::chrono_literals;

namespace runnel {
namespace {

std::string flat(buffer_queue& queue) {
    std::string all;
    while (!queue.empty()) {
        all += queue.pop_front().view();
    }
    return all;
}

/// One recording with every kind of event, as bytes.
std::string sample() {
    buffer_queue out;
    recording_writer writer;
    recording_writer::begin(out);
    writer.append({recorded::written, 5ns, buffer::copy_of("GET")}, out);
    writer.append({recorded::read, 305ns, buffer::copy_of("200")}, out);
    writer.append({recorded::shutdown, 1s}, out);
    writer.append({recorded::read_end, 2h, errc::reset}, out);
    writer.append({recorded::write_end, 2h, errc::closed}, out);
    return flat(out);
}

result<std::vector<recorded_event>> parse(std::string_view file) {
    return parse_recording(as_bytes(file));
}

std::string message_of(std::string_view file) {
    const auto parsed = parse(file);
    return parsed ? "no error" : parsed.error().message();
}

TEST(Recording, HasADocumentedLayout) {
    EXPECT_EQ(sample().substr(0, 8), std::string_view("RNLREC\0\1", 8));
    EXPECT_EQ(sample().substr(8, 6), "\x01\x05\x03GET");
    EXPECT_EQ(sample().substr(14, 7), std::string_view("\x00\xac\x02\x03"
                                                       "200",
                                                       7));
}

TEST(Recording, GivesBackWhatWasWritten) {
    const auto events = parse(sample());
    ASSERT_TRUE(events) << events.error().message();
    ASSERT_EQ(events->size(), 5U);
    EXPECT_EQ((*events)[0].what, recorded::written);
    EXPECT_EQ((*events)[0].at, 5ns);
    EXPECT_EQ((*events)[0].data.view(), "GET");
    EXPECT_EQ((*events)[1].what, recorded::read);
    EXPECT_EQ((*events)[1].at, 305ns);
    EXPECT_EQ((*events)[1].data.view(), "200");
    EXPECT_EQ((*events)[2].what, recorded::shutdown);
    EXPECT_EQ((*events)[3].at, 2h);
    EXPECT_EQ((*events)[3].how, errc::reset);
    EXPECT_EQ((*events)[4].how, errc::closed);
}

TEST(Recording, IsReadFromPiecesOfAnySize) {
    const std::string file = sample();
    for (std::size_t size = 1; size <= file.size(); ++size) {
        run_virtual([&]() -> task<void> {
            std::vector<std::string> pieces;
            for (std::size_t at = 0; at < file.size(); at += size) {
                pieces.push_back(file.substr(at, size));
            }
            const flow_ptr source = make_source(std::move(pieces));
            const auto events = co_await read_recording(*source);
            EXPECT_TRUE(events);
            EXPECT_EQ(events->size(), 5U);
            EXPECT_EQ((*events)[1].data.view(), "200");
        });
    }
}

TEST(Recording, SaysWhereItIsCutShort) {
    const std::string file = sample();
    const std::vector<std::size_t> whole{8, 14, 21, 27, 36, 39};
    for (std::size_t size = 0; size < file.size(); ++size) {
        const auto events = parse(std::string_view(file).substr(0, size));
        const bool at_event = std::ranges::find(whole, size) != whole.end();
        EXPECT_EQ(events.has_value(), at_event) << size;
        if (!events) {
            EXPECT_EQ(events.error(), errc::truncated);
        }
    }
}

TEST(Recording, SaysWhereItIsBroken) {
    const auto with = [](std::size_t at, char byte) {
        std::string file = sample();
        file[at] = byte;
        return message_of(file);
    };
    EXPECT_THAT(with(3, 'X'), testing::HasSubstr("byte 3: this is not a recording"));
    EXPECT_THAT(with(7, 2), testing::HasSubstr("byte 7: an unknown version"));
    EXPECT_THAT(with(8, 5), testing::HasSubstr("byte 8: an unknown kind of event"));
    EXPECT_THAT(with(10, 0), testing::HasSubstr("byte 10: the length of an event"));
    EXPECT_THAT(with(35, 0), testing::HasSubstr("byte 35: an unknown kind of error"));
    EXPECT_THAT(message_of(sample() + "\x02\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
                testing::HasSubstr("a delay of more than 292 years"));
    EXPECT_THAT(message_of(sample() + "\x02\xff\xff\xff\xff\xff\xff\xff\xff\x7f"),
                testing::HasSubstr("a delay of more than 292 years"));
}

TEST(Recording, SplitsWhatIsTooLongForOneEvent) {
    buffer_queue out;
    recording_writer writer;
    recording_writer::begin(out);
    const std::string text = pattern(recorded_event::max_bytes + 10);
    writer.append({recorded::read, 1ns, buffer::copy_of(text)}, out);
    const auto events = parse(flat(out));
    ASSERT_TRUE(events);
    ASSERT_EQ(events->size(), 2U);
    EXPECT_EQ((*events)[0].data.size(), recorded_event::max_bytes);
    EXPECT_EQ((*events)[1].data.view(), text.substr(recorded_event::max_bytes));
    EXPECT_EQ((*events)[1].at, 1ns);
}

TEST(Recording, IsNotReadBeyondALimit) {
    run_virtual([]() -> task<void> {
        const flow_ptr source = make_source(sample());
        const auto events = co_await read_recording(*source, 20);
        EXPECT_EQ(events.error(), errc::limit_exceeded);
    });
}

} // namespace
} // namespace runnel
