// SPDX-License-Identifier: Apache-2.0
#include "io_backend_fixture.hpp"
#include "runnel/core/buffer_pool.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <thread>

#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

namespace runnel::test {
namespace {

TEST_P(IoBackend, CarriesBytesOverASocketPair) {
    auto [left, right] = socket_pair();
    call reader(right, io_kind::receive);
    EXPECT_FALSE(io_->start(reader));
    EXPECT_EQ(send(left, "hello"), 5);
    await(reader);
    EXPECT_EQ(reader.data.view(), "hello");
    EXPECT_EQ(reader.completions, 1);
}

TEST_P(IoBackend, CarriesBytesOverAPipeUpToItsEnd) {
    auto [out, in] = pipe();
    EXPECT_EQ(send(in, "hello"), 5);
    EXPECT_EQ(receive(out), "hello");
    in.close();
    EXPECT_EQ(receive(out), "");
}

TEST_P(IoBackend, GivesEpipeInsteadOfASignalForAPipeWithoutReader) {
    auto [out, in] = pipe();
    out.close();
    EXPECT_EQ(send(in, "hello"), -EPIPE);
}

TEST_P(IoBackend, ReadsAndWritesAnEventfd) {
    open_file counter(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    counter.attach(*io_);
    call reader(counter, io_kind::receive);
    EXPECT_FALSE(io_->start(reader));
    settle();
    EXPECT_TRUE(reader.pending());
    const std::uint64_t three = 3;
    EXPECT_EQ(send(counter, {reinterpret_cast<const char*>(&three), sizeof three}), 8);
    await(reader);
    std::uint64_t value = 0;
    ASSERT_EQ(reader.result, 8);
    std::memcpy(&value, reader.data.data(), sizeof value);
    EXPECT_EQ(value, 3U);
}

TEST_P(IoBackend, ReadsARegularFileOrRefusesIt) {
    std::FILE* source = std::tmpfile();
    std::fputs("content", source);
    ASSERT_EQ(std::fseek(source, 0, SEEK_SET), 0);
    descriptor file(::dup(::fileno(source)));
    std::fclose(source);
    const int number = io_->attach(file);
    if (is_epoll()) {
        EXPECT_EQ(number, EPERM);
        EXPECT_FALSE(file.attached());
    } else {
        ASSERT_EQ(number, 0);
        open_file owner(file.fd());
        io_->detach(file);
        owner.attach(*io_);
        EXPECT_EQ(receive(owner), "content");
        EXPECT_EQ(receive(owner), "");
        return;
    }
    ::close(file.fd());
}

TEST_P(IoBackend, CarriesMessagesOfEverySizeWithEveryHint) {
    for (const bool tcp : {false, true}) {
        auto [left, right] = tcp ? tcp_pair() : socket_pair();
        for (const std::uint32_t hint : {0U, 1U, 2048U, 16384U, 65536U, 262144U, 1U << 30}) {
            for (const std::size_t size : {1U, 255U, 256U, 257U, 2047U, 2048U, 2049U, 4096U, 16896U,
                                           65537U, 262145U, 1U << 20}) {
                const std::string message = pattern(size);
                ASSERT_TRUE(carry(left, right, message, hint) == message) << size << ' ' << hint;
            }
        }
    }
}

TEST_P(IoBackend, GathersAndScattersPieces) {
    auto [left, right] = socket_pair();
    call sender(left, io_kind::send);
    std::array<iovec, 3> pieces{iovec{const_cast<char*>("ab"), 2},
                                iovec{const_cast<char*>("cde"), 3},
                                iovec{const_cast<char*>("f"), 1}};
    sender.message.msg_iov = pieces.data();
    sender.message.msg_iovlen = pieces.size();
    EXPECT_EQ(run(sender), 6);

    std::string first(4, ' ');
    std::string second(4, ' ');
    call reader(right, io_kind::receive_into);
    std::array<iovec, 2> room{iovec{first.data(), first.size()},
                              iovec{second.data(), second.size()}};
    reader.message.msg_iov = room.data();
    reader.message.msg_iovlen = room.size();
    EXPECT_EQ(run(reader), 6);
    EXPECT_EQ(first + second, "abcdef  ");
}

TEST_P(IoBackend, LetsAReaderAndAWriterOfOneFileWaitAtOnce) {
    auto [left, right] = socket_pair();
    const std::string much = pattern(4 << 20);
    call reader(left, io_kind::receive);
    EXPECT_FALSE(io_->start(reader));
    stream_sender writer(*io_, left, much);
    writer.go();
    settle();
    EXPECT_TRUE(writer.pending());
    EXPECT_EQ(send(right, "back"), 4);
    await(reader);
    EXPECT_EQ(reader.data.view(), "back");
    EXPECT_TRUE(writer.pending());
    for (std::size_t arrived = 0; arrived < much.size();) {
        arrived += receive(right, 65536).size();
    }
    await(writer.request());
    EXPECT_EQ(writer.sent(), much.size());
}

TEST_P(IoBackend, KeepsASmallMessageInASmallBlock) {
    auto [left, right] = socket_pair();
    send(left, "tiny");
    call reader(right, io_kind::receive);
    reader.size_hint = 65536;
    run(reader);
    EXPECT_EQ(reader.data.view(), "tiny");
    EXPECT_LT(reader.data.footprint(), 1024U);
}

TEST_P(IoBackend, HoldsNoBufferForAReceiveThatWaits) {
    std::vector<file_pair> pairs;
    std::vector<std::unique_ptr<call>> readers;
    const auto wait_on_one_more = [&] {
        pairs.push_back(socket_pair());
        readers.push_back(std::make_unique<call>(pairs.back().second, io_kind::receive));
        EXPECT_FALSE(io_->start(*readers.back()));
        settle();
    };
    wait_on_one_more();
    const auto before = buffer_pool::local().statistics().live;
    for (int i = 0; i < 100; ++i) {
        wait_on_one_more();
    }
    EXPECT_EQ(buffer_pool::local().statistics().live, before);
    for (auto& pair : pairs) {
        send(pair.first, "x");
    }
    for (auto& reader : readers) {
        await(*reader);
        EXPECT_EQ(reader->data.view(), "x");
    }
}

TEST_P(IoBackend, ServesManyFilesThatAreReadyAtOnce) {
    std::vector<file_pair> pairs;
    std::vector<std::unique_ptr<call>> readers;
    const std::string message = pattern(4000);
    for (int i = 0; i < 400; ++i) {
        pairs.push_back(socket_pair());
    }
    for (int round = 0; round < 10; ++round) {
        readers.clear();
        for (auto& pair : pairs) {
            readers.push_back(std::make_unique<call>(pair.second, io_kind::receive));
            ASSERT_FALSE(io_->start(*readers.back()));
        }
        settle();
        for (auto& pair : pairs) {
            ASSERT_EQ(::send(pair.first.fd(), message.data(), message.size(), 0), 4000);
        }
        for (auto& reader : readers) {
            await(*reader);
            ASSERT_TRUE(reader->data.view() == message);
        }
    }
}

TEST_P(IoBackend, LosesNoCompletionWhenThereAreVeryMany) {
    constexpr int many = 6000; // more than io_uring's queue of completions holds
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < many + 100) {
        GTEST_SKIP() << "needs " << many << " open files";
    }
    open_file event(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    std::vector<open_file> files;
    std::vector<std::unique_ptr<call>> waiters;
    for (int i = 0; i < many; ++i) {
        files.emplace_back(::dup(event.fd()), descriptor_kind::other);
        files.back().attach(*io_);
        waiters.push_back(std::make_unique<call>(files.back(), io_kind::readable));
        ASSERT_FALSE(io_->start(*waiters.back()));
    }
    settle();
    const std::uint64_t one = 1;
    ASSERT_EQ(::write(event.fd(), &one, sizeof one), 8);
    for (auto& waiter : waiters) {
        await(*waiter);
        ASSERT_EQ(waiter->result, 0);
        ASSERT_EQ(waiter->completions, 1);
    }
}

TEST_P(IoBackend, ReturnsFromAWaitWhenAnotherThreadWakesIt) {
    for (int i = 0; i < 100; ++i) {
        std::thread other([&] { io_->wake(); });
        io_->wait(never, false);
        other.join();
    }
    io_->wake();
    io_->wait(never, false);
}

TEST_P(IoBackend, WaitsUntilTheDeadlineAndNoShorter) {
    for (const auto span : {std::chrono::microseconds(50), std::chrono::microseconds(3000)}) {
        const time_point deadline = io_->now() + span;
        time_point time{};
        while ((time = io_->wait(deadline, false)) < deadline) {
            ASSERT_GE(deadline - time, duration(1)); // only a signal may end it early
        }
        EXPECT_GE(io_->now(), deadline);
    }
    const time_point past = io_->now() - std::chrono::hours(1);
    EXPECT_GE(io_->wait(past, false), past);
    io_->wait(never, true);
}

TEST_P(IoBackend, RunsOnAnotherThreadThanItWasMadeAndDestroyedOn) {
    file_pair files = socket_pair();
    call stranded(files.first, io_kind::receive);
    file_pair busy = socket_pair();
    std::thread([&] {
        EXPECT_EQ(send(files.first, "hello"), 5);
        EXPECT_EQ(receive(files.second), "hello");
        EXPECT_FALSE(io_->start(stranded));
        make_busy(busy.first, busy.second);
    }).join();
    busy.second.close();
    io_.reset();
    EXPECT_EQ(stranded.result, -ECANCELED);
    EXPECT_EQ(stranded.completions, 1);
}

TEST_P(IoBackend, CountsWhatItDoes) {
    auto [left, right] = socket_pair();
    const io_statistics before = io_->statistics();
    send(left, "hello");
    receive(right);
    io_->wait(never, true);
    const io_statistics& after = io_->statistics();
    EXPECT_EQ(after.requests - before.requests, 2U);
    EXPECT_GE(after.waits - before.waits, 1U);
    EXPECT_GE(after.system_calls - before.system_calls, is_epoll() ? 3U : 1U);
}

std::string backend_name(const testing::TestParamInfo<backend_kind>& info) {
    return std::string(to_string(info.param));
}

INSTANTIATE_TEST_SUITE_P(Kernel, IoBackend,
                         testing::Values(backend_kind::epoll, backend_kind::io_uring),
                         backend_name);

} // namespace
} // namespace runnel::test
