// SPDX-License-Identifier: Apache-2.0
// Names that are looked up through a stack, at a server of another stack, in virtual time.
#include "runnel/stack/stack_resolver.hpp"

#include "runnel/async/when.hpp"
#include "runnel/core/byte_order.hpp"
#include "runnel/stack/stack_transport.hpp"
#include "runnel/stack/tcp_flow.hpp"
#include "runnel/stack/udp_channel.hpp"

#include <gtest/gtest.h>

namespace {

using namespace runnel;
using namespace runnel::stack;
using namespace std::chrono_literals;

/// The answer to a question of one name: the address that every name has, of IPv4 only.
std::vector<std::byte> answer_to(std::span<const std::byte> query, ipv4_address address) {
    const std::size_t end = dns_name::read(query, 12, query.size())->next + 4;
    std::vector<std::byte> out(query.begin(), query.begin() + static_cast<std::ptrdiff_t>(end));
    const bool has_one = load_be16(query.data() + end - 4) == 1;
    store_be16(out.data() + 2, 0x8180);
    store_be16(out.data() + 6, has_one ? 1 : 0);
    store_be16(out.data() + 8, 0);
    store_be16(out.data() + 10, 0);
    if (has_one) {
        const std::size_t at = out.size();
        out.resize(at + 16);
        store_be16(out.data() + at, 0xc00c);
        store_be16(out.data() + at + 2, 1);
        store_be16(out.data() + at + 4, 1);
        store_be32(out.data() + at + 6, 60);
        store_be16(out.data() + at + 10, 4);
        store_be32(out.data() + at + 12, address.number());
    }
    return out;
}

/// A name server in a stack of its own.
struct test_server {
    explicit test_server(std::string_view text)
        : own(open_stack(*stack_definition::parse(text)).value()),
          door(udp_channel::open(*own, {ipv4_address::any(), 53}).value()) {}
    task<void> serve() {
        for (;;) {
            const auto got = co_await door->receive();
            if (!got) {
                co_return;
            }
            ++asked;
            const auto answer = answer_to(got->payload.span(), ipv4_address(10, 0, 0, 1));
            EXPECT_TRUE(door->send_to(got->source, buffer::copy_of(answer)));
        }
    }
    std::unique_ptr<ip_stack> own;
    std::unique_ptr<udp_channel> door;
    int asked = 0;
};

/// Nobody may ask the system here.
class no_system final : public resolver {
    task<result<std::vector<ip_address>>> resolve(std::string name, ip_family /*family*/) override {
        ++asked;
        co_return fail(errc::not_found, "the system was asked for " + name);
    }

public:
    int asked = 0;
};

template <class F>
void play(const char* server_text, F body) {
    const auto here = loop::create({.backend = backend_kind::virtual_time}).value();
    here->run([](const char* text, F& run) -> task<void> {
        test_server server(text);
        (void)co_await when_any(server.serve(), run(server));
    }(server_text, body));
}

TEST(StackResolver, AsksTheServersOfTheStack) {
    play("s=memory:names1,address=10.0.0.1/24", [](test_server& server) -> task<void> {
        const auto own =
            open_stack(*stack_definition::parse("c=memory:names1,address=10.0.0.2/24,dns=10.0.0.1"))
                .value();
        stack_resolver names(*own);
        const auto found = co_await names.resolve("any.example", ip_family::v4);
        EXPECT_TRUE(found) << found.error().message();
        EXPECT_EQ(found->at(0), ip_address(ipv4_address(10, 0, 0, 1)));
        const auto none = co_await names.resolve("any.example", ip_family::v6);
        EXPECT_EQ(none.error(), errc::not_found);
        EXPECT_EQ(server.asked, 2);
        EXPECT_TRUE(co_await names.resolve("any.example", ip_family::v4));
        EXPECT_EQ(server.asked, 2); // known
        own->add_name_server(*ip_address::parse("10.0.0.77"));
        EXPECT_TRUE(co_await names.resolve("any.example", ip_family::v4));
        EXPECT_EQ(server.asked, 3); // other servers may know something else
    });
}

TEST(StackResolver, SaysThatTheStackKnowsNoServer) {
    play("s=memory:names2,address=10.0.0.1/24", [](test_server& server) -> task<void> {
        stack_resolver names(*server.own);
        const auto found = co_await names.resolve("any.example", ip_family::v4);
        EXPECT_EQ(found.error(), errc::not_found);
    });
}

TEST(StackResolver, EndsWhereTheServerIsSilentOrRefuses) {
    play("s=memory:names3,address=10.0.0.1/24", [](test_server& /*server*/) -> task<void> {
        const auto own =
            open_stack(*stack_definition::parse("c=memory:names3,address=10.0.0.2/24,dns=10.0.0.9"))
                .value();
        stack_resolver names(*own);
        const auto silent = co_await names.resolve("any.example", ip_family::v4);
        EXPECT_EQ(silent.error(), errc::timed_out) << silent.error().message();
        const auto quiet = // with nobody at the port
            open_stack(*stack_definition::parse("q=memory:names3,address=10.0.0.4/24")).value();
        const auto other =
            open_stack(*stack_definition::parse("d=memory:names3,address=10.0.0.3/24,dns=10.0.0.4"))
                .value();
        stack_resolver refused(*other);
        const time_point begin = loop::current().now();
        EXPECT_FALSE(co_await refused.resolve("any.example", ip_family::v4));
        EXPECT_LT(loop::current().now() - begin, 5s); // the error said so
    });
}

TEST(StackResolver, FindsNamesOfEndpointsThatNameAStack) {
    play("s=memory:names4,address=10.0.0.1/24", [](test_server& server) -> task<void> {
        transport_registry registry;
        stack_set stacks;
        no_system system;
        registry.add("tcp", {});
        for (const char* text : {"a=memory:names4,address=10.0.0.2/24,dns=10.0.0.1",
                                 "b=memory:names4,address=10.0.0.3/24"}) {
            EXPECT_TRUE(stacks.add(*stack_definition::parse(text)));
        }
        register_stacks(registry, stacks, system);
        listener_ptr listening =
            listen(server.own->tcp(), *ip_endpoint::parse("10.0.0.1:80")).value();
        auto opened =
            co_await when_all(registry.connect(*endpoint::parse("tcp://any.example:80?stack=a")),
                              listening->accept());
        EXPECT_TRUE(std::get<0>(opened) && std::get<1>(opened));
        EXPECT_EQ(system.asked, 0);
        // A stack without a name server leaves it to the program.
        const auto left =
            co_await registry.connect(*endpoint::parse("tcp://any.example:80?stack=b"));
        EXPECT_FALSE(left);
        EXPECT_GT(system.asked, 0);
    });
}

} // namespace
