// SPDX-License-Identifier: Apache-2.0
#include "io_backend_fixture.hpp"
#include "runnel/core/buffer_pool.hpp"

#include <cerrno>

#include <sys/socket.h>
#include <unistd.h>

namespace runnel::test {
namespace {

TEST_P(IoBackend, CancelsAReceiveBeforeThereIsDataAndLosesNothing) {
    for (const bool busy : {false, true}) {
        auto [left, right] = socket_pair();
        if (busy) {
            make_busy(left, right);
        }
        call reader(right, io_kind::receive);
        EXPECT_FALSE(io_->start(reader));
        settle();
        const bool at_once = io_->cancel(reader);
        await(reader);
        EXPECT_EQ(reader.result, -ECANCELED);
        EXPECT_EQ(reader.completions, at_once ? 0 : 1);
        EXPECT_TRUE(io_->cancel(reader)) << "cancelling what is not pending changes nothing";
        send(left, "later");
        EXPECT_EQ(receive(right), "later");
    }
}

// Whatever wins, the cancellation or the data: each byte arrives once and in order.
TEST_P(IoBackend, LosesNothingWhenACancellationMeetsData) {
    for (const bool tcp : {false, true}) {
        auto [left, right] = tcp ? tcp_pair() : socket_pair();
        make_busy(left, right);
        std::string sent;
        std::string arrived;
        for (int round = 0; round < 400; ++round) {
            call reader(right, io_kind::receive);
            const std::string message = "message " + std::to_string(round) + '\n';
            const auto deliver = [&, &from = left] {
                ASSERT_GT(::send(from.fd(), message.data(), message.size(), 0), 0);
                sent += message;
            };
            if (round % 4 == 0) {
                deliver();
            }
            const bool waits = !io_->start(reader);
            if (round % 4 == 1) {
                deliver();
            }
            if (round % 3 == 0) {
                settle();
            }
            if (waits && reader.pending()) {
                static_cast<void>(io_->cancel(reader));
            }
            if (round % 4 >= 2) {
                deliver();
            }
            await(reader);
            EXPECT_EQ(reader.result > 0, !reader.data.empty());
            arrived += reader.data.view();
        }
        while (arrived.size() < sent.size()) {
            const std::string more = receive(right);
            ASSERT_FALSE(more.empty());
            arrived += more;
        }
        EXPECT_EQ(arrived, sent);
    }
}

TEST_P(IoBackend, TellsHowMuchOfACancelledSendWasAccepted) {
    for (const bool tcp : {false, true}) {
        auto [left, right] = tcp ? tcp_pair() : socket_pair();
        const std::string much = pattern(32 << 20);
        stream_sender sender(*io_, left, much);
        sender.go();
        settle();
        ASSERT_TRUE(sender.pending());
        sender.stop();
        static_cast<void>(io_->cancel(sender.request()));
        await(sender.request());
        ::shutdown(left.fd(), SHUT_WR);
        std::string arrived;
        for (std::string more; !(more = receive(right, 262144)).empty();) {
            arrived += more;
        }
        ASSERT_EQ(arrived.size(), sender.sent());
        EXPECT_TRUE(arrived == much.substr(0, sender.sent()));
    }
}

TEST_P(IoBackend, CancelsAnAcceptAndAcceptsTheConnectionLater) {
    open_file listener = tcp_listener();
    call acceptor(listener, io_kind::accept);
    EXPECT_FALSE(io_->start(acceptor));
    settle();
    static_cast<void>(io_->cancel(acceptor));
    await(acceptor);
    EXPECT_EQ(acceptor.result, -ECANCELED);
    const open_file client(connect_to(listener));
    settle();
    const int server = run(acceptor);
    EXPECT_GE(server, 0);
    ::close(server);
}

TEST_P(IoBackend, CancelsWaitingForReadiness) {
    auto [left, right] = socket_pair();
    call waiter(right, io_kind::readable);
    EXPECT_FALSE(io_->start(waiter));
    settle();
    static_cast<void>(io_->cancel(waiter));
    await(waiter);
    EXPECT_EQ(waiter.result, -ECANCELED);
    send(left, "x");
    EXPECT_EQ(run(waiter), 0);
    EXPECT_EQ(receive(right), "x");
}

/// A descriptor whose request frees it when it is done, as the owner of a connection does.
struct owner {
    owner(io_backend& backend, int fd, io_kind kind, int& count)
        : io(&backend), file(fd), request(file, &on_done), done(&count) {
        request.self = this;
        request.kind = kind;
        request.message.msg_iov = &piece;
        request.message.msg_iovlen = 1;
        EXPECT_EQ(io->attach(file), 0);
    }
    static void on_done(io_request& request) noexcept {
        owner* self = static_cast<owned&>(request).self;
        EXPECT_EQ(request.result, -ECANCELED);
        EXPECT_TRUE(self->io->start(request)) << "a backend that ends starts nothing";
        EXPECT_EQ(request.result, -ECANCELED);
        ++*self->done;
        self->io->detach(self->file);
        ::close(self->file.fd());
        delete self;
    }

    struct owned : io_request {
        using io_request::io_request;
        owner* self = nullptr;
    };
    io_backend* io;
    descriptor file;
    owned request;
    int* done;
    std::string room = std::string(100, ' ');
    iovec piece{room.data(), room.size()};
};

TEST_P(IoBackend, EndsEveryPendingRequestWhenItIsDestroyed) {
    int done = 0;
    int started = 0;
    std::vector<open_file> others;
    const auto start = [&](int fd, io_kind kind) {
        auto* waiting = new owner(*io_, fd, kind, done);
        EXPECT_FALSE(io_->start(waiting->request));
        ++started;
    };
    open_file listener = tcp_listener();
    start(::dup(listener.fd()), io_kind::accept);
    for (const io_kind kind : {io_kind::receive, io_kind::receive_into, io_kind::readable}) {
        file_pair sockets = socket_pair();
        start(::dup(sockets.second.fd()), kind);
        others.push_back(std::move(sockets.first));
        file_pair ends = pipe();
        start(::dup(ends.first.fd()), kind);
        others.push_back(std::move(ends.second));
    }
    settle();
    start(::dup(listener.fd()), io_kind::accept); // which the kernel has not seen
    for (open_file& file : others) {
        file.detach();
    }
    listener.detach();
    io_.reset();
    EXPECT_EQ(done, started);
}

TEST_P(IoBackend, LetsDescriptorsGoWhenItIsDestroyed) {
    auto [left, right] = socket_pair();
    make_busy(left, right);
    auto [client, server] = tcp_pair();
    make_busy(client, server);
    io_.reset();
    EXPECT_FALSE((*left).attached());
    EXPECT_FALSE((*right).attached());
}

TEST_P(IoBackend, ShowsThePeerACloseAtOnceAlsoOfABusyFile) {
    auto [left, right] = tcp_pair();
    make_busy(left, right);
    right.close();
    char byte = 0;
    EXPECT_EQ(::recv(left.fd(), &byte, 1, MSG_DONTWAIT), 0) << "the end has not arrived";
}

TEST_P(IoBackend, ResetsConnectionsThatNobodyAccepted) {
    open_file listener = tcp_listener();
    call acceptor(listener, io_kind::accept);
    std::vector<open_file> clients;
    clients.emplace_back(connect_to(listener));
    ::close(run(acceptor));
    for (int i = 0; i < 5; ++i) {
        clients.emplace_back(connect_to(listener));
    }
    settle();
    listener.close();
    // The first was accepted, and closed by the test.
    char byte = 0;
    EXPECT_EQ(::recv(clients.front().fd(), &byte, 1, 0), 0);
    for (std::size_t i = 1; i < clients.size(); ++i) {
        const ssize_t got = ::recv(clients[i].fd(), &byte, 1, 0);
        EXPECT_TRUE(got < 0 && errno == ECONNRESET) << "client " << i << ": " << got;
    }
}

TEST_P(IoBackend, ReturnsAllItsMemory) {
    io_.reset();
    const auto before = buffer_pool::local().statistics().live;
    io_ = std::move(*make_backend());
    {
        auto [left, right] = tcp_pair();
        make_busy(left, right);
        send(left, pattern(1000));
        settle();
        right.close();
    }
    io_.reset();
    EXPECT_EQ(buffer_pool::local().statistics().live, before);
}

} // namespace
} // namespace runnel::test
