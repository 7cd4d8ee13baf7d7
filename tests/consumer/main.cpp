// SPDX-License-Identifier: Apache-2.0
#include <runnel/core/buffer.hpp>
#include <runnel/core/error.hpp>

#include <cstdio>

int main() {
    const auto greeting = runnel::buffer::of_static("hello");
    const runnel::error error = runnel::errc::refused;
    std::printf("%zu bytes, %s\n", greeting.size(), error.message().c_str());
    return greeting.view() == "hello" && error == runnel::errc::refused ? 0 : 1;
}
