// SPDX-License-Identifier: Apache-2.0
#include "sha256.hpp"

#include "runnel/core/buffer.hpp"

#include <gtest/gtest.h>

namespace runnel::program {
namespace {

TEST(Sha256, GivesTheDigestsOfTheStandard) {
    sha256 none;
    EXPECT_EQ(none.finish(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    sha256 abc;
    abc.update(as_bytes("a"));
    abc.update(as_bytes(""));
    abc.update(as_bytes("bc"));
    EXPECT_EQ(abc.finish(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

} // namespace
} // namespace runnel::program
