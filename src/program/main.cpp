// SPDX-License-Identifier: Apache-2.0
#include "cli.hpp"

#include <string>
#include <vector>

int main(int argc, char** argv) {
    const std::vector<std::string> arguments(argv + (argc > 0 ? 1 : 0), argv + argc);
    return runnel::program::run_program(arguments);
}
