// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "terminal.hpp"

#include "runnel/async/time.hpp"
#include "runnel/http/server.hpp"

#include <cstdint>
#include <memory>
#include <string>

namespace runnel::inline v0::program {

/// How answered requests are written down.
enum class log_format : std::uint8_t {
    none,
    common, ///< the Common Log Format of NCSA httpd
    json,   ///< an object a line
};

/// One line of the log, with its end.
[[nodiscard]] std::string log_line(log_format format, const http::answer_record& answered,
                                   wall_time now);

/// Writes a line about each answer. What belongs to one turn of the loop is written together.
/// Belongs to one loop.
class access_log {
public:
    access_log(const terminal& target, log_format format);

    void add(const http::answer_record& answered);

private:
    struct state;
    std::shared_ptr<state> state_; // also of a function that is posted
};

} // namespace runnel::inline v0::program
