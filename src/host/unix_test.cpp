// SPDX-License-Identifier: Apache-2.0
#include "runnel/host/unix.hpp"

#include "host_test.hpp"
#include "runnel/async/deadline.hpp"
#include "runnel/async/sleep.hpp"
#include "runnel/async/when.hpp"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <vector>

#include <sys/stat.h>
#include <sys/un.h>

namespace runnel::host {
namespace {

using namespace runnel::host_test;
using namespace std::chrono_literals;

class Unix : public FolderTest {
protected:
    [[nodiscard]] unix_address at(std::string_view name) const {
        return *unix_address::path((folder_ / name).string());
    }
    [[nodiscard]] static bool exists(const unix_address& place) {
        return std::filesystem::exists(std::filesystem::symlink_status(place.text()));
    }

    struct pair {
        unix_flow_ptr left;
        unix_flow_ptr right;
    };
    static pair joined() {
        auto made = make_socket_pair();
        EXPECT_TRUE(made) << made.error().message();
        return {std::move(made->first), std::move(made->second)};
    }
};

/// A pipe, to have descriptors to pass.
struct plain_pipe {
    plain_pipe() {
        std::array<int, 2> ends{};
        EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
        out = unique_fd(ends[0]);
        in = unique_fd(ends[1]);
    }
    unique_fd out;
    unique_fd in;
};

bool is_open(int fd) {
    return ::fcntl(fd, F_GETFD) >= 0;
}

TEST_P(Unix, CarriesBytesOverAPath) {
    run([this]() -> task<void> {
        auto from = listen(at("s"));
        EXPECT_TRUE(from) << from.error().message();
        auto client = co_await connect(at("s"));
        EXPECT_TRUE(client) << client.error().message();
        auto server = co_await (*from)->accept();
        EXPECT_TRUE(co_await (*client)->write(buffer::copy_of("hello")));
        EXPECT_EQ(co_await read_text(**server, 5), "hello");
        EXPECT_TRUE(co_await (*client)->shutdown(direction::write));
        EXPECT_EQ(co_await read_all(**server), std::pair(std::string(), errc::end));
        EXPECT_TRUE(co_await (*server)->write(buffer::copy_of("still")));
        EXPECT_EQ(co_await read_text(**client, 5), "still");
    });
}

TEST_P(Unix, CarriesBytesOverAnAbstractName) {
    run([this]() -> task<void> {
        const unix_address place = *unix_address::abstract(folder_.string());
        auto from = listen(place);
        auto client = co_await connect(place);
        EXPECT_TRUE(client) << client.error().message();
        auto server = co_await (*from)->accept();
        EXPECT_TRUE(co_await (*client)->write(buffer::copy_of("hello")));
        EXPECT_EQ(co_await read_text(**server, 5), "hello");
        EXPECT_EQ((*client)->remote().to_string(), "unix-abstract:" + folder_.string());
        EXPECT_EQ((*server)->local(), (*client)->remote());
    });
}

TEST_P(Unix, TellsItsAddressesAlsoAfterTheEnd) {
    run([this]() -> task<void> {
        auto from = listen(at("s"));
        auto client = co_await connect(at("s"));
        auto server = co_await (*from)->accept();
        EXPECT_EQ((*from)->local().to_string(), "unix:" + at("s").text());
        (*server)->abort();
        (*client)->abort();
        EXPECT_EQ((*server)->local().to_string(), "unix:" + at("s").text());
        EXPECT_EQ((*server)->remote().to_string(), "unix:");
        EXPECT_EQ((*client)->remote().to_string(), "unix:" + at("s").text());
    });
}

TEST_P(Unix, TellsWhoThePeerIs) {
    run([]() -> task<void> {
        pair flows = joined();
        const auto peer = flows.left->peer();
        EXPECT_EQ(peer->process, ::getpid());
        EXPECT_EQ(peer->user, ::geteuid());
        EXPECT_EQ(peer->group, ::getegid());
        flows.left->abort();
        EXPECT_EQ(flows.left->peer().error(), errc::closed);
        co_return;
    });
}

TEST_P(Unix, RefusesPathsThatNoSocketCanHave) {
    EXPECT_EQ(unix_address::path("").error(), errc::invalid_argument);
    EXPECT_EQ(
        unix_address::path(std::string(108, 'x')).error().message(),
        "the path of a Unix socket has 108 bytes, at most 107 are possible: invalid argument");
    EXPECT_EQ(unix_address::path(std::string_view("a\0b", 3)).error(), errc::invalid_argument);
    EXPECT_TRUE(unix_address::path(std::string(107, 'x')));
    EXPECT_TRUE(unix_address::abstract(std::string_view("a\0b", 3)));
}

TEST_P(Unix, ReportsWhereNobodyListens) {
    run([this]() -> task<void> {
        const auto missing = co_await connect(at("missing"));
        EXPECT_EQ(missing.error(), errc::not_found);
        EXPECT_TRUE(missing.error().message().starts_with("connect unix:" + at("missing").text()));
        {
            auto gone = listen(at("stale"), {.unlink = false});
            EXPECT_TRUE(gone);
        }
        EXPECT_EQ((co_await connect(at("stale"))).error(), errc::refused);
    });
}

TEST_P(Unix, ReplacesTheSocketOfACrashedListenerOnly) {
    run([this]() -> task<void> {
        {
            auto gone = listen(at("s"), {.unlink = false});
        }
        EXPECT_TRUE(exists(at("s")));
        EXPECT_EQ(listen(at("s"), {.replace_stale = false}).error(), errc::address_in_use);
        auto fresh = listen(at("s"));
        EXPECT_TRUE(fresh) << fresh.error().message();
        // Now somebody listens.
        EXPECT_EQ(listen(at("s")).error(), errc::address_in_use);
        EXPECT_TRUE(co_await connect(at("s")));
        std::ofstream(at("file").text()) << "precious";
        EXPECT_EQ(listen(at("file")).error(), errc::address_in_use);
        EXPECT_TRUE(std::filesystem::is_regular_file(at("file").text()));
    });
}

TEST_P(Unix, RemovesItsSocketAtTheEndUnlessSomebodyReplacedIt) {
    run([this]() -> task<void> {
        {
            auto from = listen(at("s"));
            EXPECT_TRUE(exists(at("s")));
        }
        EXPECT_FALSE(exists(at("s")));
        auto first = listen(at("s"));
        std::filesystem::remove(at("s").text());
        auto second = listen(at("s"));
        (*first)->close();
        EXPECT_TRUE(exists(at("s")));
        (*second)->close();
        EXPECT_FALSE(exists(at("s")));
        co_return;
    });
}

TEST_P(Unix, GivesItsSocketTheAccessRightsAskedFor) {
    run([this]() -> task<void> {
        for (const mode_t mode : {mode_t{0600}, mode_t{0666}}) {
            auto from = listen(at("s"), {.permissions = mode});
            struct stat status{};
            EXPECT_EQ(::stat(at("s").text().c_str(), &status), 0);
            EXPECT_EQ(status.st_mode & 0777, mode);
        }
        co_return;
    });
}

TEST_P(Unix, WaitsWhileTheBacklogIsFull) {
    run([this]() -> task<void> {
        auto from = listen(at("s"), {.backlog = 0});
        auto first = co_await connect(at("s"));
        EXPECT_TRUE(first);
        EXPECT_EQ((co_await with_timeout(3ms, connect(at("s")))).error(), errc::timed_out);
        auto later = [&]() -> task<result<flow_ptr>> {
            static_cast<void>(co_await sleep_for(2ms));
            co_return co_await (*from)->accept();
        };
        const auto both = co_await when_all(connect(at("s")), later());
        EXPECT_TRUE(std::get<0>(both));
    });
}

TEST_P(Unix, LooksLikeAResetWhenThePeerLeftSomethingUnread) {
    run([]() -> task<void> {
        pair flows = joined();
        EXPECT_TRUE(co_await flows.left->write(buffer::copy_of("unread")));
        flows.right.reset();
        EXPECT_EQ((co_await flows.left->read()).error(), errc::reset);
        EXPECT_EQ((co_await flows.left->write(buffer::copy_of("x"))).error(), errc::reset);
    });
}

TEST_P(Unix, LooksLikeTheEndWhenThePeerHadReadEverything) {
    run([]() -> task<void> {
        pair flows = joined();
        flows.right.reset();
        EXPECT_EQ((co_await flows.left->read()).error(), errc::end);
        EXPECT_EQ((co_await flows.left->write(buffer::copy_of("x"))).error(), errc::reset);
    });
}

TEST_P(Unix, PassesDescriptors) {
    run([]() -> task<void> {
        pair flows = joined();
        plain_pipe pipe;
        std::vector<int> passed{pipe.in.get(), pipe.out.get()};
        EXPECT_TRUE(co_await flows.left->send_descriptors(buffer::copy_of("two"), passed));
        pipe = plain_pipe(); // ours are closed, theirs go on
        auto got = co_await flows.right->receive_descriptors();
        EXPECT_TRUE(got) << got.error().message();
        EXPECT_EQ(got->data.view(), "two");
        EXPECT_EQ(got->descriptors.size(), 2U);
        EXPECT_FALSE(got->truncated);
        EXPECT_EQ(::fcntl(got->descriptors[0].get(), F_GETFD), FD_CLOEXEC);
        EXPECT_EQ(::write(got->descriptors[0].get(), "x", 1), 1);
        char byte = 0;
        EXPECT_EQ(::read(got->descriptors[1].get(), &byte, 1), 1);
        EXPECT_EQ(byte, 'x');
    });
}

TEST_P(Unix, TakesNoMoreDescriptorsThanAskedForAndClosesTheOthers) {
    run([]() -> task<void> {
        pair flows = joined();
        const plain_pipe pipe;
        const int next = ::dup(0);
        ::close(next);
        std::vector<int> passed(5, pipe.in.get());
        EXPECT_TRUE(co_await flows.left->send_descriptors(buffer::copy_of("many"), passed));
        auto got = co_await flows.right->receive_descriptors(2);
        EXPECT_EQ(got->descriptors.size(), 2U);
        EXPECT_TRUE(got->truncated);
        got->descriptors.clear();
        EXPECT_FALSE(is_open(next));
        EXPECT_TRUE(co_await flows.left->send_descriptors(buffer::copy_of("none"), {}));
        auto none = co_await flows.right->receive_descriptors(2);
        EXPECT_EQ(none->data.view(), "none");
        EXPECT_TRUE(none->descriptors.empty());
        EXPECT_FALSE(none->truncated);
    });
}

TEST_P(Unix, KeepsDescriptorsThatArriveWithACancelledReceive) {
    run([]() -> task<void> {
        pair flows = joined();
        const plain_pipe pipe;
        std::size_t received = 0;
        std::string text;
        constexpr int rounds = 60;
        for (int round = 0; round < rounds; ++round) {
            std::vector<int> passed{pipe.in.get()};
            const bool early = round % 2 == 0;
            if (early) {
                EXPECT_TRUE(co_await flows.left->send_descriptors(buffer::copy_of("x"), passed));
            }
            auto got = co_await with_timeout(duration(round % 7 * 10'000),
                                             flows.right->receive_descriptors());
            if (got) {
                received += got->descriptors.size();
                text += got->data.view();
            }
            if (!early) {
                EXPECT_TRUE(co_await flows.left->send_descriptors(buffer::copy_of("x"), passed));
            }
        }
        EXPECT_TRUE(co_await flows.left->shutdown(direction::write));
        for (;;) {
            auto got = co_await flows.right->receive_descriptors();
            if (!got) {
                EXPECT_EQ(got.error(), errc::end);
                break;
            }
            received += got->descriptors.size();
            text += got->data.view();
        }
        EXPECT_EQ(text, std::string(rounds, 'x'));
        EXPECT_EQ(received, static_cast<std::size_t>(rounds));
    });
}

TEST_P(Unix, ClosesDescriptorsThatMeetAPlainRead) {
    run([]() -> task<void> {
        pair flows = joined();
        plain_pipe pipe;
        std::vector<int> passed{pipe.in.get()};
        EXPECT_TRUE(co_await flows.left->send_descriptors(buffer::copy_of("x"), passed));
        EXPECT_EQ(co_await read_text(*flows.right, 1), "x");
        pipe.in.reset();
        char byte = 0;
        EXPECT_EQ(::read(pipe.out.get(), &byte, 1), 0); // nobody holds the other end
    });
}

TEST_P(Unix, RefusesToPassDescriptorsWithoutDataOrTooMany) {
    run([]() -> task<void> {
        pair flows = joined();
        std::vector<int> one{0};
        std::vector<int> many(unix_flow::most_descriptors + 1, 0);
        EXPECT_EQ((co_await flows.left->send_descriptors(buffer(), one)).error(),
                  errc::invalid_argument);
        EXPECT_EQ((co_await flows.left->send_descriptors(buffer::copy_of("x"), many)).error(),
                  errc::invalid_argument);
    });
}

INSTANTIATE_TEST_SUITE_P(Kernel, Unix, kernel_backends(), backend_name);

} // namespace
} // namespace runnel::host
