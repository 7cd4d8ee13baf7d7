// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tcp_script.hpp"

#include <string>

/// How many scripts begin.
namespace runnel::stack {

inline const std::string opened = R"(
    open
    > S seq=0 mss=1000
    < SA seq=0 ack=1 mss=1000
    > . seq=1 ack=1
    events connected
)";
inline const std::string with_sack = "config sack on\n" + std::string(R"(
    open
    > S seq=0 sackok
    < SA seq=0 ack=1 mss=1000 sackok
    > . seq=1 ack=1
    events connected
)");
// One round trip of 100 ms has been measured.
inline const std::string warm = R"(
    write 1000
    > P. seq=1 len=1000
    wait 100ms
    < . seq=1 ack=1001
    events sent acknowledged
)";

} // namespace runnel::stack
