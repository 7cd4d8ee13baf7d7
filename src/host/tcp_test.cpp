// SPDX-License-Identifier: Apache-2.0
#include "runnel/host/tcp.hpp"

#include "host_test.hpp"
#include "runnel/async/deadline.hpp"
#include "runnel/async/scope.hpp"
#include "runnel/async/sleep.hpp"
#include "runnel/async/when.hpp"

#include <netinet/tcp.h>

#include <array>
#include <chrono>
#include <vector>

namespace runnel::host {
namespace {

using namespace runnel::host_test;
using namespace std::chrono_literals;

class Tcp : public BackendTest {
protected:
    void SetUp() override {
        BackendTest::SetUp();
        if (loop_ != nullptr) {
            run([this]() -> task<void> {
                auto made = listen(loopback(), {.congestion_control = "reno"});
                EXPECT_TRUE(made) << made.error().message();
                listener_ = std::move(*made);
                co_return;
            });
        }
    }
    void TearDown() override { listener_.reset(); }

    [[nodiscard]] ip_endpoint place() const { return *listener_->local().ip(); }
    [[nodiscard]] raw_peer raw_client() const { return raw_peer::connect(place().port()); }
    task<flow_ptr> accept() {
        auto made = co_await listener_->accept();
        EXPECT_TRUE(made) << made.error().message();
        co_return std::move(*made);
    }
    /// A flow and the plain socket at its other end.
    struct connection {
        flow_ptr flow;
        raw_peer peer;
        connection(flow_ptr ours, raw_peer theirs)
            : flow(std::move(ours)), peer(std::move(theirs)) {}
    };
    task<connection> joined() {
        raw_peer peer = raw_client();
        flow_ptr ours = co_await accept();
        co_return connection(std::move(ours), std::move(peer));
    }

    listener_ptr listener_;
};

TEST_P(Tcp, CarriesBytesBothWays) {
    run([this]() -> task<void> {
        auto client = co_await connect(place());
        EXPECT_TRUE(client) << client.error().message();
        const flow_ptr server = co_await accept();
        EXPECT_TRUE(co_await (*client)->write(buffer::copy_of("hello")));
        EXPECT_EQ(co_await read_text(*server, 5), "hello");
        EXPECT_TRUE(co_await server->write(buffer::copy_of("world")));
        EXPECT_EQ(co_await read_text(**client, 5), "world");
    });
}

TEST_P(Tcp, TellsBothAddressesAlsoAfterTheEnd) {
    run([this]() -> task<void> {
        auto client = co_await connect(place());
        const flow_ptr server = co_await accept();
        EXPECT_EQ((*client)->remote(), server->local());
        EXPECT_EQ((*client)->local(), server->remote());
        EXPECT_EQ((*client)->remote().to_string(), "tcp://" + place().to_string());
        const flow_address before = (*client)->local();
        (*client)->abort();
        EXPECT_EQ((*client)->local(), before);
        EXPECT_EQ(co_await read_all(*server), std::pair(std::string(), errc::reset));
        EXPECT_EQ(server->remote(), before);
        server->abort();
        EXPECT_EQ(server->local().ip(), place());
    });
}

TEST_P(Tcp, GivesEverythingBeforeTheEndAndTheEndAgainAndAgain) {
    run([this]() -> task<void> {
        connection made = co_await joined();
        const flow_ptr& flow = made.flow;
        raw_peer& peer = made.peer;
        const std::string text = pattern(100'000);
        peer.send(text);
        peer.finish();
        EXPECT_EQ(co_await read_all(*flow), std::pair(text, errc::end));
        EXPECT_EQ((co_await flow->read()).error(), errc::end);
        // The other direction goes on.
        EXPECT_TRUE(co_await flow->write(buffer::copy_of("still here")));
        EXPECT_EQ(peer.receive(10), "still here");
    });
}

TEST_P(Tcp, ReadsIntoTheCallersMemory) {
    run([this]() -> task<void> {
        connection made = co_await joined();
        const flow_ptr& flow = made.flow;
        raw_peer& peer = made.peer;
        std::array<std::byte, 4> room{};
        peer.send("abcdef");
        const auto first = co_await flow->read_into(room);
        EXPECT_EQ(*first, 4U);
        EXPECT_EQ(static_cast<char>(room[3]), 'd');
        const auto second = co_await flow->read_into(room);
        EXPECT_EQ(*second, 2U);
        peer.finish();
        EXPECT_EQ((co_await flow->read_into(room)).error(), errc::end);
    });
}

TEST_P(Tcp, ReportsAResetToBothDirections) {
    run([this]() -> task<void> {
        connection made = co_await joined();
        const flow_ptr& flow = made.flow;
        raw_peer& peer = made.peer;
        peer.reset();
        EXPECT_EQ((co_await flow->read()).error(), errc::reset);
        EXPECT_EQ((co_await flow->read()).error(), errc::reset);
        EXPECT_EQ((co_await flow->write(buffer::copy_of("x"))).error(), errc::reset);
    });
}

TEST_P(Tcp, ReportsAResetToAReadAlsoWhenAWriteMetItFirst) {
    run([this]() -> task<void> {
        connection made = co_await joined();
        const flow_ptr& flow = made.flow;
        raw_peer& peer = made.peer;
        peer.reset();
        EXPECT_EQ((co_await flow->write(buffer::copy_of("x"))).error(), errc::reset);
        EXPECT_EQ((co_await flow->read()).error(), errc::reset);
    });
}

TEST_P(Tcp, SendsAResetWhenDropped) {
    run([this]() -> task<void> {
        connection made = co_await joined();
        made.flow.reset();
        EXPECT_EQ(made.peer.receive_status(), -ECONNRESET);
    });
}

TEST_P(Tcp, SendsAResetWhenDroppedWhileAReadWaits) {
    run([this]() -> task<void> {
        connection made = co_await joined();
        const flow_ptr& flow = made.flow;
        raw_peer& peer = made.peer;
        std::array<std::byte, 16> room{};
        for (const bool into : {false, true}) {
            auto reading = [&]() -> task<errc> {
                if (into) {
                    co_return (co_await flow->read_into(room)).error().kind();
                }
                co_return (co_await flow->read()).error().kind();
            };
            auto dropping = [&]() -> task<void> {
                made.flow.reset();
                co_return;
            };
            const auto both = co_await when_all(reading(), dropping());
            EXPECT_EQ(std::get<0>(both), errc::aborted);
            EXPECT_EQ(peer.receive_status(), -ECONNRESET);
            made = co_await joined();
        }
    });
}

TEST_P(Tcp, TellsThePeerTheEndAndGoesOnReading) {
    run([this]() -> task<void> {
        connection made = co_await joined();
        const flow_ptr& flow = made.flow;
        raw_peer& peer = made.peer;
        EXPECT_TRUE(co_await flow->write(buffer::copy_of("request")));
        EXPECT_TRUE(co_await flow->shutdown(direction::write));
        EXPECT_EQ(peer.receive(100), "request");
        EXPECT_EQ((co_await flow->write(buffer::copy_of("x"))).error(), errc::closed);
        peer.send("reply");
        peer.close();
        EXPECT_EQ(co_await read_all(*flow), std::pair(std::string("reply"), errc::end));
    });
}

TEST_P(Tcp, DoesNotBlockThePeerAfterShutdownOfReading) {
    run([this]() -> task<void> {
        connection made = co_await joined();
        const flow_ptr& flow = made.flow;
        raw_peer& peer = made.peer;
        EXPECT_TRUE(co_await flow->shutdown(direction::read));
        EXPECT_EQ((co_await flow->read()).error(), errc::end);
        // Far more than the buffers of the kernel hold.
        ::fcntl(peer.fd(), F_SETFL, O_NONBLOCK);
        const std::string text = pattern(65536);
        std::size_t sent = 0;
        while (sent < 64UL * 1024 * 1024) {
            const ssize_t count = ::send(peer.fd(), text.data(), text.size(), MSG_NOSIGNAL);
            if (count > 0) {
                sent += static_cast<std::size_t>(count);
            } else {
                EXPECT_EQ(errno, EAGAIN);
                static_cast<void>(co_await sleep_for(100us));
            }
        }
        EXPECT_TRUE(co_await flow->write(buffer::copy_of("writing goes on")));
    });
}

TEST_P(Tcp, LosesNothingWhenReadsAreCancelled) {
    run([this]() -> task<void> {
        connection made = co_await joined();
        const flow_ptr& flow = made.flow;
        raw_peer& peer = made.peer;
        std::array<std::byte, 3> room{};
        std::string expected;
        std::string got;
        for (int round = 0; round < 200; ++round) {
            const std::string piece = pattern(static_cast<std::size_t>(1 + round % 5));
            const bool early = round % 2 == 0;
            if (early) {
                peer.send(piece);
            }
            if (round % 3 == 0) {
                const auto into =
                    co_await with_timeout(duration(round % 7 * 10'000), flow->read_into(room));
                if (into) {
                    for (std::size_t i = 0; i < *into; ++i) {
                        got += static_cast<char>(room[i]);
                    }
                } else {
                    EXPECT_EQ(into.error(), errc::timed_out);
                }
            } else {
                const auto whole =
                    co_await with_timeout(duration(round % 7 * 10'000), flow->read(2));
                if (whole) {
                    got += whole->view();
                } else {
                    EXPECT_EQ(whole.error(), errc::timed_out);
                }
            }
            if (!early) {
                peer.send(piece);
            }
            expected += piece;
        }
        peer.finish();
        const auto rest = co_await read_all(*flow);
        EXPECT_EQ(got + rest.first, expected);
        EXPECT_EQ(rest.second, errc::end);
    });
}

TEST_P(Tcp, CountsWhatACancelledWriteGotAcross) {
    run([this]() -> task<void> {
        connection made = co_await joined();
        const flow_ptr& flow = made.flow;
        raw_peer& peer = made.peer;
        const std::string text = pattern(32UL * 1024 * 1024);
        const auto cut = co_await with_timeout(20ms, flow->write(buffer::copy_of(text)));
        EXPECT_FALSE(cut);
        EXPECT_EQ(cut.error(), errc::timed_out);
        EXPECT_GT(cut.accepted(), 0U);
        EXPECT_LT(cut.accepted(), text.size());
        auto reading = [&]() -> task<std::string> {
            ::fcntl(peer.fd(), F_SETFL, O_NONBLOCK);
            std::string all;
            std::vector<char> room(262144);
            for (;;) {
                const ssize_t count = ::recv(peer.fd(), room.data(), room.size(), 0);
                if (count > 0) {
                    all.append(room.data(), static_cast<std::size_t>(count));
                } else if (count == 0) {
                    co_return all;
                } else {
                    static_cast<void>(co_await sleep_for(50us));
                }
            }
        };
        auto finishing = [&]() -> task<void> {
            EXPECT_TRUE(co_await flow->write(buffer::copy_of("tail")));
            EXPECT_TRUE(co_await flow->shutdown(direction::write));
        };
        const auto both = co_await when_all(reading(), finishing());
        EXPECT_TRUE(std::get<0>(both) == text.substr(0, cut.accepted()) + "tail");
    });
}

TEST_P(Tcp, MovesManyMegabytesBothWaysAtOnce) {
    run([this]() -> task<void> {
        auto client = co_await connect(place(), {.congestion_control = "reno"});
        const flow_ptr server = co_await accept();
        const std::string text = pattern(24UL * 1024 * 1024);
        auto sending = [&text](flow& to) -> task<void> {
            buffer_list pieces;
            const buffer whole = buffer::copy_of(text);
            for (std::size_t at = 0; at < text.size(); at += 100'000) {
                pieces.push_back(whole.share(at, std::min<std::size_t>(100'000, text.size() - at)));
            }
            EXPECT_TRUE(co_await to.writev(std::move(pieces)));
            EXPECT_TRUE(co_await to.shutdown(direction::write));
        };
        const auto all = co_await when_all(sending(**client), sending(*server), read_all(**client),
                                           read_all(*server));
        EXPECT_TRUE(std::get<2>(all).first == text);
        EXPECT_TRUE(std::get<3>(all).first == text);
        EXPECT_EQ(std::get<3>(all).second, errc::end);
    });
}

TEST_P(Tcp, IsDoneWithANodelayWriteWhenThePeerHasAcknowledgedIt) {
    run([this]() -> task<void> {
        auto client = co_await connect(place(), {.nodelay = false});
        const flow_ptr server = co_await accept();
        EXPECT_TRUE(co_await (*client)->write(buffer::copy_of("a")));
        EXPECT_TRUE(co_await (*client)->write_nodelay(buffer::copy_of(pattern(100'000))));
        const auto info = (*client)->info();
        EXPECT_EQ(info->unacknowledged, 0U);
        EXPECT_EQ(info->not_sent, 0U);
        EXPECT_EQ((co_await read_text(*server, 100'001)).size(), 100'001U);
    });
}

TEST_P(Tcp, EndsANodelayWriteThatIsNeverAcknowledgedWithTheReset) {
    run([this]() -> task<void> {
        connection made = co_await joined();
        const flow_ptr& flow = made.flow;
        raw_peer& peer = made.peer;
        auto writing = [&]() -> task<errc> {
            const auto outcome =
                co_await flow->write_nodelay(buffer::copy_of(pattern(32UL * 1024 * 1024)));
            co_return outcome.error().kind();
        };
        auto resetting = [&]() -> task<void> {
            static_cast<void>(co_await sleep_for(20ms));
            peer.reset();
        };
        const auto both = co_await when_all(writing(), resetting());
        EXPECT_EQ(std::get<0>(both), errc::reset);
    });
}

TEST_P(Tcp, FlushesWhatACorkHoldsBack) {
    run([this]() -> task<void> {
        auto client = co_await connect(place(), {.cork = true});
        const flow_ptr server = co_await accept();
        EXPECT_TRUE(co_await (*client)->write(buffer::copy_of("partial")));
        EXPECT_EQ((*client)->info()->not_sent, 7U);
        EXPECT_TRUE(co_await (*client)->flush());
        EXPECT_EQ((*client)->info()->not_sent, 0U);
        EXPECT_EQ(co_await read_text(*server, 7), "partial");
    });
}

TEST_P(Tcp, ClosesWhenThePeerHasClosedAndKeepsWhatItSent) {
    run([this]() -> task<void> {
        connection made = co_await joined();
        const flow_ptr& flow = made.flow;
        raw_peer& peer = made.peer;
        EXPECT_TRUE(co_await flow->write(buffer::copy_of("bye")));
        bool closed = false;
        auto closing = [&]() -> task<void> {
            EXPECT_TRUE(co_await flow->close());
            closed = true;
        };
        auto answering = [&]() -> task<void> {
            static_cast<void>(co_await sleep_for(1ms));
            EXPECT_EQ(peer.receive(100), "bye");
            EXPECT_FALSE(closed);
            peer.send("last words");
            peer.close();
        };
        co_await when_all(closing(), answering());
        EXPECT_EQ(co_await read_all(*flow), std::pair(std::string("last words"), errc::end));
        EXPECT_TRUE(co_await flow->close());
    });
}

TEST_P(Tcp, DiscardsInACloseWhatNobodyReadsAndSaysSo) {
    run([this]() -> task<void> {
        connection made = co_await joined();
        const flow_ptr& flow = made.flow;
        raw_peer& peer = made.peer;
        const std::string text = pattern(16UL * 1024 * 1024);
        auto closing = [&]() -> task<void> { EXPECT_TRUE(co_await flow->close()); };
        auto sending = [&]() -> task<void> {
            ::fcntl(peer.fd(), F_SETFL, O_NONBLOCK);
            for (std::size_t at = 0; at < text.size();) {
                const ssize_t count =
                    ::send(peer.fd(), text.data() + at, text.size() - at, MSG_NOSIGNAL);
                at += count > 0 ? static_cast<std::size_t>(count) : 0;
                if (count < 0) {
                    static_cast<void>(co_await sleep_for(100us));
                }
            }
            peer.close();
        };
        co_await when_all(closing(), sending());
        const auto kept = co_await read_all(*flow);
        EXPECT_EQ(kept.second, errc::closed);
        EXPECT_GE(kept.first.size(), 200'000U);
        EXPECT_TRUE(text.starts_with(kept.first));
    });
}

TEST_P(Tcp, KeepsEverythingForAReaderDuringAClose) {
    run([this]() -> task<void> {
        connection made = co_await joined();
        const flow_ptr& flow = made.flow;
        raw_peer& peer = made.peer;
        const std::string text = pattern(200'000);
        auto closing = [&]() -> task<void> { EXPECT_TRUE(co_await flow->close()); };
        auto sending = [&]() -> task<void> {
            static_cast<void>(co_await sleep_for(1ms));
            peer.send(text);
            peer.close();
        };
        const auto all = co_await when_all(read_all(*flow), closing(), sending());
        EXPECT_EQ(std::get<0>(all).second, errc::end);
        EXPECT_TRUE(std::get<0>(all).first == text);
    });
}

TEST_P(Tcp, TurnsACloseIntoAResetAtItsDeadline) {
    run([this]() -> task<void> {
        connection made = co_await joined();
        const flow_ptr& flow = made.flow;
        raw_peer& peer = made.peer;
        const auto outcome = co_await with_timeout(5ms, flow->close());
        EXPECT_EQ(outcome.error(), errc::aborted);
        // The end came first, so only a write tells of the reset.
        EXPECT_EQ(peer.receive_status(), 0);
        EXPECT_EQ(::send(peer.fd(), "x", 1, MSG_NOSIGNAL), -1);
    });
}

TEST_P(Tcp, GivesTheResetThatEndsAClose) {
    run([this]() -> task<void> {
        connection made = co_await joined();
        const flow_ptr& flow = made.flow;
        raw_peer& peer = made.peer;
        auto closing = [&]() -> task<errc> { co_return (co_await flow->close()).error().kind(); };
        auto resetting = [&]() -> task<void> {
            static_cast<void>(co_await sleep_for(1ms));
            peer.reset();
        };
        const auto both = co_await when_all(closing(), resetting());
        EXPECT_EQ(std::get<0>(both), errc::reset);
    });
}

TEST_P(Tcp, WaitsWithLingerUntilThePeerHasEverythingOrItsTimeIsUp) {
    run([this]() -> task<void> {
        auto client = co_await connect(place(), {.linger = 10s, .congestion_control = "reno"});
        const flow_ptr server = co_await accept();
        EXPECT_TRUE(co_await (*client)->write(buffer::copy_of("x")));
        EXPECT_TRUE(co_await server->shutdown(direction::write));
        EXPECT_TRUE(co_await (*client)->close());

        auto stuck = co_await connect(place(), {.linger = 50ms, .congestion_control = "reno"});
        const flow_ptr reader = co_await accept(); // which never reads
        EXPECT_TRUE(co_await reader->shutdown(direction::write));
        const auto some =
            co_await with_timeout(20ms, (*stuck)->write(buffer::copy_of(pattern(1 << 25))));
        EXPECT_FALSE(some);
        EXPECT_EQ((co_await (*stuck)->close()).error(), errc::timed_out);
    });
}

TEST_P(Tcp, ReportsARefusedConnection) {
    run([this]() -> task<void> {
        const ip_endpoint gone = place();
        listener_->close();
        const auto made = co_await connect(gone);
        EXPECT_EQ(made.error(), errc::refused);
        EXPECT_TRUE(made.error().message().starts_with("connect tcp://" + gone.to_string()))
            << made.error().message();
    });
}

TEST_P(Tcp, ReportsAnUnreachableAddress) {
    run([]() -> task<void> {
        // No TCP connection leads to the broadcast address, and the kernel knows without asking.
        const auto made = co_await connect({ipv4_address(255, 255, 255, 255), 80});
        EXPECT_EQ(made.error(), errc::unreachable) << made.error().message();
    });
}

TEST_P(Tcp, StopsConnectingAtADeadline) {
    run([]() -> task<void> {
        // A full backlog leaves the SYN without an answer.
        auto small = listen(loopback(), {.backlog = 0});
        std::vector<tcp_flow_ptr> kept;
        errc outcome{};
        for (int i = 0; i < 8 && outcome != errc::timed_out; ++i) {
            auto made = co_await with_timeout(20ms, connect(*(*small)->local().ip()));
            if (made) {
                kept.push_back(std::move(*made));
            } else {
                outcome = made.error().kind();
            }
        }
        EXPECT_EQ(outcome, errc::timed_out);
    });
}

TEST_P(Tcp, FailsToListenOnAPortThatIsTaken) {
    run([this]() -> task<void> {
        const auto second = listen(place());
        EXPECT_EQ(second.error(), errc::address_in_use);
        EXPECT_TRUE(second.error().message().starts_with("listen tcp://127.0.0.1:"));
        co_return;
    });
}

TEST_P(Tcp, SetsOptionsAndHandsThemToAcceptedFlows) {
    run([]() -> task<void> {
        auto place =
            listen(loopback(), {.keepalive = tcp_keepalive{.after = 7s, .interval = 3s, .count = 4},
                                .user_timeout = 9s,
                                .congestion_control = "reno"});
        auto client = co_await connect(*(*place)->local().ip());
        auto server = co_await (*place)->accept();
        auto& flow = dynamic_cast<tcp_flow&>(**server);
        EXPECT_TRUE(flow.set_nodelay(false));
        EXPECT_TRUE(flow.set_cork(true));
        EXPECT_TRUE(flow.set_cork(false));
        EXPECT_TRUE(flow.set_quick_ack(true));
        EXPECT_TRUE(flow.set_user_timeout(1s));
        EXPECT_TRUE(flow.set_keepalive(std::nullopt));
        EXPECT_EQ(flow.set_congestion_control("no such thing").error(), errc::not_found);
        EXPECT_EQ(flow.info()->state, tcp_state::established);
        flow.abort();
        EXPECT_EQ(flow.info().error(), errc::closed);
        EXPECT_EQ(flow.set_nodelay(true).error(), errc::closed);
    });
}

INSTANTIATE_TEST_SUITE_P(Kernel, Tcp, kernel_backends(), backend_name);

} // namespace
} // namespace runnel::host
