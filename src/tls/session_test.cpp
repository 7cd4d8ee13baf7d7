// SPDX-License-Identifier: Apache-2.0
//
// Sessions on transports that fail in every way, with peers that do not play by the rules.

#include "context.hpp"
#include "engine.hpp"
#include "test_pair.hpp"

#include "runnel/async/deadline.hpp"
#include "runnel/async/sleep.hpp"
#include "runnel/flow/layer.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <tuple>

namespace runnel::tls {
namespace {

using namespace std::chrono_literals;

/// What happens to the bytes that a flow reads.
struct plan {
    enum class kind : std::uint8_t { nothing, flip, end, reset };
    kind what = kind::nothing;
    std::size_t at = 0;   // after so many bytes
    std::size_t hint = 0; // read at most so many at once
};

/// A flow that suffers it.
class faulty final : public passing_layer {
public:
    faulty(flow_ptr below, const plan& fate, std::size_t* seen, bool* harmless)
        : passing_layer(std::move(below)), harmless_(harmless), plan_(fate), seen_(seen) {}

    task<result<buffer>> read(std::size_t hint) override {
        const bool ends = plan_.what == plan::kind::end || plan_.what == plan::kind::reset;
        if (ends && *seen_ == plan_.at) {
            co_return fail(plan_.what == plan::kind::end ? errc::end : errc::reset);
        }
        hint = plan_.hint != 0 ? plan_.hint : hint;
        if (ends) {
            hint = std::min(hint != 0 ? hint : plan_.at, plan_.at - *seen_);
        }
        auto data = co_await below().read(hint);
        if (!data) {
            co_return data;
        }
        if (plan_.what == plan::kind::flip && plan_.at >= *seen_ &&
            plan_.at < *seen_ + data->size()) {
            buffer changed = buffer::copy_of(data->span());
            std::byte& target = changed.writable()[plan_.at - *seen_];
            walk(data->span().first(plan_.at - *seen_));
            // The version in the header of a record counts for nothing (RFC 8446, section 5.1).
            target ^= in_version() ? std::byte{0} : std::byte{0x10};
            data = std::move(changed);
            *harmless_ = in_version();
        } else {
            walk(data->span());
        }
        *seen_ += data->size();
        co_return data;
    }

private:
    /// Follows the records, up to where a bit is flipped.
    void walk(std::span<const std::byte> bytes) {
        for (const std::byte byte : bytes) {
            constexpr std::size_t header = 5;
            if (in_record_ == 3) {
                length_ = std::to_integer<std::size_t>(byte) * 256;
            } else if (in_record_ == 4) {
                length_ += std::to_integer<std::size_t>(byte);
            }
            ++in_record_;
            if (in_record_ >= header && in_record_ == header + length_) {
                in_record_ = 0;
            }
        }
    }
    [[nodiscard]] bool in_version() const { return in_record_ == 1 || in_record_ == 2; }

    std::size_t in_record_ = 0;
    std::size_t length_ = 0;
    bool* harmless_;
    plan plan_;
    std::size_t* seen_;
};

/// Both sides of a conversation: a question and an answer of `size` bytes, then a close.
struct ends {
    error client = errc::end;
    error server = errc::end;
    std::size_t client_saw = 0; // bytes of the transport
    std::size_t server_saw = 0;
    bool harmless = false; // the bit that was to be flipped means nothing
};

task<error> ask(flow_ptr below, client_config config, std::size_t size) {
    auto made = co_await client(std::move(below), config, "server.test");
    if (!made) {
        co_return made.error();
    }
    const auto wrote = co_await (*made)->write(buffer::allocate(size));
    while (wrote) {
        const auto data = co_await (*made)->read();
        if (!data && data.error() == errc::end) {
            break;
        }
        if (!data) {
            co_return data.error();
        }
    }
    const auto closed = co_await (*made)->close();
    co_return !wrote ? wrote.error() : closed ? error(errc::end) : closed.error();
}

task<error> answer(flow_ptr below, server_config config, std::size_t size) {
    auto made = co_await server(std::move(below), config);
    if (!made) {
        co_return made.error();
    }
    std::size_t left = size;
    while (left != 0) {
        const auto data = co_await (*made)->read();
        if (!data) {
            co_return data.error();
        }
        left -= data->size();
    }
    const auto wrote = co_await (*made)->write(buffer::allocate(size));
    const auto closed = co_await (*made)->close();
    co_return !wrote ? wrote.error() : closed ? error(errc::end) : closed.error();
}

/// Signatures of one key differ in length by a few bytes, and so do handshakes.
constexpr std::size_t varies = 8;

class Session : public testing::Test {
protected:
    ends converse(const plan& of_client, const plan& of_server, std::size_t size = 3000) {
        ends all;
        run_virtually([&]() -> task<void> {
            auto pipe = make_pipe();
            flow_ptr a = make_layered(std::make_unique<faulty>(std::move(pipe.first), of_client,
                                                               &all.client_saw, &all.harmless));
            flow_ptr b = make_layered(std::make_unique<faulty>(std::move(pipe.second), of_server,
                                                               &all.server_saw, &all.harmless));
            auto both =
                co_await when_all(ask(std::move(a), from_, size), answer(std::move(b), to_, size));
            all.client = std::get<0>(both);
            all.server = std::get<1>(both);
        });
        return all;
    }

    /// What a server says to a client that sends this.
    error greet(std::string_view bytes) {
        error why = errc::end;
        run_virtually([&]() -> task<void> {
            auto pipe = make_pipe();
            static_cast<void>(co_await pipe.first->write(buffer::copy_of(bytes)));
            auto both = co_await when_all(server(std::move(pipe.second), to_), pipe.first->close());
            why = std::get<0>(both).error();
        });
        return why;
    }

    test_authority all_;
    client_config from_ = client_config::make(fresh_client()).value();
    server_config to_ = server_config::make(all_.server()).value();

private:
    client_options fresh_client() {
        client_options options = all_.client();
        options.resumption = false; // every handshake of a test is the same
        return options;
    }
};

TEST_F(Session, WorksWhenEveryByteComesAlone) {
    const ends all = converse({.hint = 1}, {.hint = 1});
    EXPECT_EQ(all.client, errc::end) << all.client.message();
    EXPECT_EQ(all.server, errc::end) << all.server.message();
}

TEST_F(Session, AFlippedBitAnywhereIsNoticed) {
    const ends whole = converse({}, {});
    ASSERT_EQ(whole.client, errc::end);
    for (std::size_t at = 0; at + varies < whole.server_saw; at += 13) {
        const ends all = converse({}, {.what = plan::kind::flip, .at = at}, 3000);
        EXPECT_TRUE(all.harmless || all.server.kind() != errc::end) << "client's byte " << at;
    }
    for (std::size_t at = 0; at + varies < whole.client_saw; at += 29) {
        const ends all = converse({.what = plan::kind::flip, .at = at}, {}, 3000);
        EXPECT_TRUE(all.harmless || all.client.kind() != errc::end) << "server's byte " << at;
    }
}

TEST_F(Session, TheEndOfTheTransportAnywhereIsNoCleanEnd) {
    const ends whole = converse({}, {});
    for (std::size_t at = 0; at + varies < whole.client_saw; at += 17) {
        const ends all = converse({.what = plan::kind::end, .at = at}, {});
        EXPECT_EQ(all.client, errc::truncated) << at << ": " << all.client.message();
    }
    for (std::size_t at = 0; at + varies < whole.server_saw; at += 17) {
        const ends all = converse({}, {.what = plan::kind::end, .at = at});
        EXPECT_EQ(all.server, errc::truncated) << at << ": " << all.server.message();
    }
}

TEST_F(Session, AResetOfTheTransportAnywhereIsAReset) {
    const ends whole = converse({}, {});
    for (std::size_t at = 0; at + varies < whole.client_saw; at += 17) {
        const ends all = converse({.what = plan::kind::reset, .at = at}, {});
        EXPECT_EQ(all.client, errc::reset) << at << ": " << all.client.message();
    }
    for (std::size_t at = 0; at + varies < whole.server_saw; at += 17) {
        const ends all = converse({}, {.what = plan::kind::reset, .at = at});
        EXPECT_EQ(all.server, errc::reset) << at << ": " << all.server.message();
    }
}

TEST_F(Session, AHandshakeMayBeCancelledAtEveryStep) {
    for (int turns = 0; turns < 12; ++turns) {
        run_virtually([&]() -> task<void> {
            auto pipe = make_pipe();
            const auto wait = [](int count) -> task<void> {
                for (int i = 0; i < count; ++i) {
                    co_await yield();
                }
            };
            auto first = when_any(client(std::move(pipe.first), from_, "server.test"), wait(turns));
            auto both =
                co_await when_all(as_task(std::move(first)), server(std::move(pipe.second), to_));
            const auto& ours = std::get<0>(std::get<0>(both).results);
            EXPECT_TRUE(ours || ours.error() == errc::cancelled);
            const auto& theirs = std::get<1>(both);
            EXPECT_TRUE(ours || !theirs || turns > 1);
        });
    }
}

TEST_F(Session, AReadThatIsCancelledInTheMiddleOfARecordLosesNothing) {
    run_virtually([&]() -> task<void> {
        auto pipe = make_pipe();
        auto slow = make_pipe();
        // The client's bytes arrive one by one, each a millisecond after the other.
        const auto carry = [&]() -> task<void> {
            for (;;) {
                auto data = co_await slow.second->read(1);
                if (!data || !co_await sleep_for(1ms)) {
                    break;
                }
                static_cast<void>(co_await pipe.first->write(std::move(*data)));
            }
        };
        const auto back = [&]() -> task<void> {
            for (;;) {
                auto data = co_await pipe.first->read();
                if (!data) {
                    break;
                }
                static_cast<void>(co_await slow.second->write(std::move(*data)));
            }
        };
        const auto talk = [&]() -> task<void> {
            auto both = co_await when_all(client(std::move(slow.first), from_, "server.test"),
                                          server(std::move(pipe.second), to_));
            EXPECT_TRUE(std::get<0>(both) && std::get<1>(both));
            session& a = **std::get<0>(both);
            session& b = **std::get<1>(both);
            EXPECT_TRUE(co_await a.write(buffer::copy_of("hello")));
            int cancelled = 0;
            for (;;) {
                const auto data = co_await with_timeout(3ms, b.read());
                if (data) {
                    EXPECT_EQ(data->view(), "hello");
                    break;
                }
                EXPECT_EQ(data.error(), errc::timed_out);
                ++cancelled;
            }
            EXPECT_GT(cancelled, 5);
            a.abort();
            b.abort();
        };
        co_await when_all(talk(), carry(), back());
    });
}

TEST_F(Session, ASilentPeerIsGivenUpAfterTheDeadline) {
    run_virtually([&]() -> task<void> {
        auto pipe = make_pipe();
        const time_point start = loop::current().now();
        const auto made = co_await server(std::move(pipe.second), to_);
        EXPECT_FALSE(made.has_value());
        EXPECT_EQ(made.error(), errc::timed_out);
        EXPECT_EQ(loop::current().now() - start, 10s);
        const auto seen = co_await pipe.first->read();
        EXPECT_FALSE(seen.has_value());
    });
}

TEST_F(Session, WhatIsNoTlsIsNamed) {
    EXPECT_EQ(greet("GET / HTTP/1.1\r\nHost: x\r\n\r\n").code(),
              make_error_code(fault::speaks_http));
    EXPECT_EQ(greet("SSH-2.0-OpenSSH_9.2\r\n").code(), make_error_code(fault::not_tls));
    EXPECT_EQ(greet(std::string(300, 'x')).code(), make_error_code(fault::not_tls));
    EXPECT_EQ(greet("").kind(), errc::truncated);
}

TEST_F(Session, AnEndlessHandshakeIsCutOff) {
    // Records of a ClientHello that announces 16 MB, without an end.
    std::string hello("\x16\x03\x01\x40\x00\x01\xff\xff\xff", 9);
    hello.resize(5 + 16384, 'x');
    std::string endless;
    for (int i = 0; i < 8; ++i) {
        endless += hello;
    }
    const error why = greet(endless);
    EXPECT_TRUE(why == errc::limit_exceeded || why == errc::protocol_error) << why.message();
}

TEST_F(Session, ADamagedRecordIsToldToThePeer) {
    const ends whole = converse({}, {});
    const ends all = converse({}, {.what = plan::kind::flip, .at = whole.server_saw - 100});
    EXPECT_EQ(all.server.code(), make_error_code(fault::bad_record)) << all.server.message();
    constexpr std::uint8_t bad_record_mac = 20;
    EXPECT_EQ(all.client.code(), received_alert(bad_record_mac)) << all.client.message();
}

TEST_F(Session, KeysChangeWithinASession) {
    run_virtually([&]() -> task<void> {
        auto pipe = make_pipe();
        auto both = co_await when_all(client(std::move(pipe.first), from_, "server.test"),
                                      server(std::move(pipe.second), to_));
        session& a = **std::get<0>(both);
        session& b = **std::get<1>(both);
        for (int round = 0; round < 100; ++round) {
            EXPECT_TRUE(a.update_keys(round % 2 == 0));
            EXPECT_TRUE(co_await a.write(buffer::copy_of("ping")));
            const auto there = co_await b.read();
            EXPECT_TRUE(there && there->view() == "ping");
            EXPECT_TRUE(co_await b.write(buffer::copy_of("pong")));
            const auto back = co_await a.read();
            EXPECT_TRUE(back && back->view() == "pong");
        }
        const auto closed = co_await when_all(a.close(), b.close());
        EXPECT_TRUE(std::get<0>(closed));
        EXPECT_TRUE(std::get<1>(closed));
        EXPECT_FALSE(a.update_keys(true));
    });
}

TEST_F(Session, ExportsTheSameKeysToBothEndsOnly) {
    run_virtually([&]() -> task<void> {
        auto pipe = make_pipe();
        auto both = co_await when_all(client(std::move(pipe.first), from_, "server.test"),
                                      server(std::move(pipe.second), to_));
        session& a = **std::get<0>(both);
        session& b = **std::get<1>(both);
        EXPECT_EQ(a.channel_binding().value(), b.channel_binding().value());
        EXPECT_EQ(a.channel_binding()->size(), 32U);
        EXPECT_EQ(a.export_key("EXPERIMENTAL x", {}, 7).value(),
                  b.export_key("EXPERIMENTAL x", {}, 7).value());
        EXPECT_NE(a.export_key("EXPERIMENTAL x", {}, 32).value(), a.channel_binding().value());
        EXPECT_FALSE(a.export_key("EXPERIMENTAL x", {}, 0).has_value());
    });
}

/// A client that says something at once, and what it is told; both sides' infos of early data.
struct early_talk {
    std::string question;
    std::string answer;
    std::size_t client_early = 0;
    std::size_t server_early = 0;
};

early_talk ask_early(const client_config& from, const server_config& to) {
    early_talk all;
    run_virtually([&]() -> task<void> {
        auto pipe = make_pipe();
        const auto asked = [&]() -> task<void> {
            auto made = co_await client(std::move(pipe.first), from, "server.test",
                                        replayable(buffer::copy_of("question")));
            EXPECT_TRUE(made.has_value());
            auto data = co_await (*made)->read();
            all.answer = data ? data->view() : data.error().message();
            all.client_early = (*made)->info().early_data;
            EXPECT_TRUE(co_await (*made)->close());
        };
        const auto served = [&]() -> task<void> {
            auto made = co_await server(std::move(pipe.second), to);
            EXPECT_TRUE(made.has_value());
            auto data = co_await (*made)->read();
            all.question = data ? data->view() : data.error().message();
            EXPECT_TRUE(co_await (*made)->write(buffer::copy_of("answer")));
            EXPECT_TRUE(co_await (*made)->close());
            all.server_early = (*made)->info().early_data;
        };
        co_await when_all(asked(), served());
    });
    return all;
}

TEST_F(Session, EarlyDataIsDeliveredOnceWhetherTheServerTakesItOrNot) {
    const client_config from = client_config::make(all_.client()).value();
    server_options options = all_.server();
    options.early_data_most = 1000;
    const server_config takes = server_config::make(options).value();
    options.early_data_most = 0;
    const server_config refuses = takes.renewed(options).value();
    const auto expect = [&](const server_config& to, std::size_t early) {
        const early_talk all = ask_early(from, to);
        EXPECT_EQ(all.question, "question");
        EXPECT_EQ(all.answer, "answer");
        EXPECT_EQ(all.client_early, early);
        EXPECT_EQ(all.server_early, early);
    };
    expect(takes, 0); // there is no session to resume yet
    expect(takes, 8);
    expect(takes, 8);
    expect(refuses, 0);
}

TEST_F(Session, AHandshakeThatEarlyDataInterruptsHasItsDeadline) {
    const client_config from = client_config::make(all_.client()).value();
    server_options options = all_.server();
    options.early_data_most = 1000;
    const server_config to = server_config::make(options).value();
    ask_early(from, to);
    run_virtually([&]() -> task<void> {
        auto pipe = make_pipe();
        auto ready = prepare_client(from, "server.test").value();
        engine mute(std::move(ready.ssl)); // which says nothing after its first flight
        mute.send_early(buffer::copy_of("question"));
        static_cast<void>(mute.handshake());
        while (!mute.output().empty()) {
            EXPECT_TRUE(co_await pipe.first->write(mute.output().pop_front()));
        }
        auto made = co_await server(std::move(pipe.second), to);
        EXPECT_TRUE(made.has_value());
        const auto data = co_await (*made)->read();
        EXPECT_TRUE(data && data->view() == "question");
        const time_point start = loop::current().now();
        const auto more = co_await (*made)->read();
        EXPECT_EQ(more.error(), errc::timed_out);
        EXPECT_EQ(loop::current().now() - start, 10s);
    });
}

TEST_F(Session, AStreamIsUpgradedInItsMiddle) {
    run_virtually([&]() -> task<void> {
        auto pipe = make_pipe();
        EXPECT_TRUE(co_await pipe.first->write(buffer::copy_of("STARTTLS\r\n")));
        const auto asked = co_await pipe.second->read();
        EXPECT_TRUE(asked && asked->view() == "STARTTLS\r\n");
        EXPECT_TRUE(co_await pipe.second->write(buffer::copy_of("220 go ahead\r\n")));
        const auto told = co_await pipe.first->read();
        EXPECT_TRUE(told && told->view() == "220 go ahead\r\n");
        auto both = co_await when_all(client(std::move(pipe.first), from_, "server.test"),
                                      server(std::move(pipe.second), to_));
        EXPECT_TRUE(std::get<0>(both) && std::get<1>(both));
    });
}

} // namespace
} // namespace runnel::tls
