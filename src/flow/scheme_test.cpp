// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/scheme.hpp"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace runnel {
namespace {

TEST(Scheme, KnowsTheBuiltInOnes) {
    for (const char* name :
         {"tcp", "unix", "unix-abstract", "stdio", "exec", "file", "fd", "pipe", "TCP"}) {
        EXPECT_NE(find_scheme(name), nullptr) << name;
    }
    EXPECT_EQ(find_scheme("carrier-pigeon"), nullptr);
    EXPECT_EQ(find_scheme(""), nullptr);
    EXPECT_GE(all_schemes().size(), 8U);
    EXPECT_EQ(all_schemes().front()->name, "tcp");
}

TEST(Scheme, CanBeRegisteredOnce) {
    const scheme_info row{.name = "test.one", .form = scheme_form::text};
    EXPECT_TRUE(register_scheme(row));
    const scheme_info* found = find_scheme("Test.One");
    ASSERT_NE(found, nullptr);
    EXPECT_EQ(*found, row);

    EXPECT_TRUE(register_scheme(row)) << "the same again";
    EXPECT_EQ(find_scheme("test.one"), found);

    const auto taken = register_scheme({.name = "test.one", .form = scheme_form::path});
    ASSERT_FALSE(taken);
    EXPECT_EQ(taken.error().text(), "scheme 'test.one' is already registered");
    EXPECT_FALSE(register_scheme({.name = "tcp", .form = scheme_form::path}));
}

TEST(Scheme, NeedsAWellFormedName) {
    for (const std::string& name :
         {std::string(), std::string("1st"), std::string("a+b"), std::string("a b"),
          std::string("a:b"), std::string("Upper"), std::string("-a"), std::string(33, 'a')}) {
        const auto refused = register_scheme({.name = name});
        ASSERT_FALSE(refused) << name;
        EXPECT_EQ(refused.error(), errc::invalid_argument);
    }
    EXPECT_TRUE(register_scheme({.name = std::string(32, 'a')}));
}

TEST(Scheme, MayBeRegisteredByManyThreadsAtOnce) {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([i] {
            for (int j = 0; j < 50; ++j) {
                const std::string name = "thread" + std::to_string(i) + "-" + std::to_string(j);
                EXPECT_TRUE(register_scheme({.name = name}));
                EXPECT_TRUE(register_scheme({.name = "shared" + std::to_string(j)}));
                EXPECT_NE(find_scheme(name), nullptr);
            }
        });
    }
}

} // namespace
} // namespace runnel
