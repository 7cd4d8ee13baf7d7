// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/transport.hpp"

#include "runnel/async/loop.hpp"
#include "runnel/async/scope.hpp"
#include "runnel/async/sleep.hpp"
#include "runnel/flow/layer.hpp"
#include "runnel/flow/pipe_transport.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace runnel {
namespace {

using namespace std::chrono_literals;

endpoint parse(std::string_view text) {
    auto parsed = endpoint::parse(text);
    EXPECT_TRUE(parsed) << (parsed ? "" : parsed.error().message());
    return std::move(*parsed);
}

/// Adds one to every byte written, so that a test sees which side a layer is on.
class counting_layer final : public passing_layer {
public:
    using passing_layer::passing_layer;
    task<result<buffer>> read(std::size_t hint) override {
        auto data = co_await below().read(hint);
        if (data) {
            buffer changed = buffer::copy_of(data->span());
            for (std::byte& byte : changed.writable()) {
                byte = static_cast<std::byte>(std::to_integer<unsigned>(byte) + 1);
            }
            co_return changed;
        }
        co_return data;
    }
};

class TransportTest : public testing::Test {
protected:
    void SetUp() override {
        register_pipe_transport(registry_);
        const auto wrap = [](flow_ptr below, const endpoint&) -> task<result<flow_ptr>> {
            co_return make_layered(std::make_unique<counting_layer>(std::move(below)));
        };
        EXPECT_TRUE(register_scheme({.name = "count", .form = scheme_form::layer}));
        registry_.add_layer(
            "count",
            {.connect = wrap, .accept = wrap, .parameters = {{"step", "step=1", "how much"}}});
    }

    template <class F>
    void run(F body) {
        auto made = loop::create({.backend = backend_kind::virtual_time});
        (*made)->run(body());
    }

    transport_registry registry_;
};

TEST_F(TransportTest, ConnectingMeetsTheListenerOfTheSamePlace) {
    run([this]() -> task<void> {
        auto port = co_await registry_.listen(parse("pipe:"));
        EXPECT_TRUE(port);
        auto client = co_await registry_.connect(parse("pipe:?capacity=4KiB"));
        EXPECT_TRUE(client);
        auto server = co_await (*port)->accept();
        EXPECT_TRUE(server);
        EXPECT_TRUE(co_await (*client)->write(buffer::copy_of("hello")));
        const auto data = co_await (*server)->read();
        EXPECT_TRUE(data && data->view() == "hello");
    });
}

TEST_F(TransportTest, LayersAreAppliedFromTheTransportOutwards) {
    run([this]() -> task<void> {
        auto port = co_await registry_.listen(parse("pipe:"));
        auto client = co_await registry_.connect(parse("count+count+pipe:?step=1"));
        EXPECT_TRUE(client) << (client ? "" : client.error().message());
        auto server = co_await (*port)->accept();
        EXPECT_TRUE(co_await (*server)->write(buffer::copy_of("abc")));
        const auto data = co_await (*client)->read();
        EXPECT_TRUE(data && data->view() == "cde");
    });
}

TEST_F(TransportTest, AListenerWithALayerGivesFlowsThatHavePassedIt) {
    run([this]() -> task<void> {
        auto port = co_await registry_.listen(parse("count+pipe:"));
        EXPECT_TRUE(port);
        auto client = co_await registry_.connect(parse("pipe:"));
        auto server = co_await (*port)->accept();
        EXPECT_TRUE(co_await (*client)->write(buffer::copy_of("abc")));
        const auto data = co_await (*server)->read();
        EXPECT_TRUE(data && data->view() == "bcd");
        (*port)->close();
        const auto closed = co_await (*port)->accept();
        EXPECT_TRUE(!closed && closed.error() == errc::closed);
    });
}

TEST_F(TransportTest, WhatCannotBeOpenedSaysWhy) {
    run([this]() -> task<void> {
        const auto nobody = co_await registry_.connect(parse("pipe:"));
        EXPECT_TRUE(!nobody && nobody.error() == errc::refused);
        const auto unknown = co_await registry_.connect(parse("tcp://127.0.0.1:1"));
        EXPECT_TRUE(!unknown && unknown.error() == errc::not_supported);
        EXPECT_EQ(unknown.error().text(),
                  R"(endpoint "tcp://127.0.0.1:1": this program has no transport 'tcp')");
        const auto misspelt = co_await registry_.connect(parse("pipe:?capactiy=1"));
        EXPECT_TRUE(!misspelt && misspelt.error() == errc::invalid_argument);
        EXPECT_NE(misspelt.error().text().find("did you mean 'capacity'?"), std::string::npos);
        const auto wrong = co_await registry_.connect(parse("pipe:?connect-timeout=soon"));
        EXPECT_TRUE(!wrong && wrong.error() == errc::invalid_argument);
        auto port = co_await registry_.listen(parse("pipe:"));
        const auto second = co_await registry_.listen(parse("pipe:"));
        EXPECT_TRUE(!second && second.error() == errc::address_in_use);
    });
}

TEST_F(TransportTest, MistakesAreFoundWithoutOpeningAnything) {
    EXPECT_TRUE(registry_.check(parse("pipe:?capacity=4KiB&connect-timeout=5s")));
    EXPECT_TRUE(registry_.check(parse("count+pipe:?step=1")));
    const auto text_of = [this](const char* place) {
        const auto fine = registry_.check(parse(place));
        return fine ? std::string() : std::string(fine.error().text());
    };
    EXPECT_EQ(text_of("tcp://h:1"), R"(endpoint "tcp://h:1": this program has no transport 'tcp')");
    EXPECT_EQ(text_of("pipe:?step=1"),
              R"(endpoint "pipe:?step=1": character 7: unknown parameter 'step')");
    EXPECT_NE(text_of("pipe:?capacity=much").find("expected a size"), std::string::npos);
    EXPECT_NE(text_of("pipe:?connect-timeout=5").find("needs a unit"), std::string::npos);
}

TEST_F(TransportTest, ConnectingStopsAtItsDeadlineAndNamesTheEndpoint) {
    registry_.add("pipe", {.connect = [](const endpoint&) -> task<result<flow_ptr>> {
                      const auto slept = co_await sleep_for(1h);
                      co_return fail(slept ? error(errc::refused) : slept.error());
                  }});
    run([this]() -> task<void> {
        const time_point start = loop::current().now();
        const auto opened = co_await registry_.connect(parse("pipe:?connect-timeout=5s"));
        EXPECT_TRUE(!opened && opened.error() == errc::timed_out);
        EXPECT_EQ(loop::current().now() - start, 5s);
        EXPECT_EQ(opened.error().text(), "connect pipe:?connect-timeout=5s: deadline passed");
    });
}

} // namespace
} // namespace runnel
