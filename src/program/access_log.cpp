// SPDX-License-Identifier: Apache-2.0
#include "access_log.hpp"

#include "human.hpp"
#include "json.hpp"

#include "runnel/async/loop.hpp"
#include "runnel/http/status.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>
#include <string_view>
#include <utility>

namespace runnel::inline v0::program {
namespace {

/// More is written at once, whatever else the turn brings.
constexpr std::size_t most_held = std::size_t{64} << 10U;

/// Who is served: the address without its port, or what there is.
std::string host_of(const flow& carrier) {
    const flow_address remote = carrier.remote();
    if (const auto ip = remote.ip()) {
        return fmt::format("{}", ip->address().to_string());
    }
    return remote.text().empty() ? "-" : std::string(remote.text());
}

/// Text between quotes: what could end them, or act on a terminal, is made visible.
std::string quotable(std::string_view text) {
    std::string safe;
    for (const char each : printable(text)) {
        if (each == '"') {
            safe += "\\x22";
        } else {
            safe.push_back(each);
        }
    }
    return safe;
}

} // namespace

std::string log_line(log_format format, const http::answer_record& answered, wall_time now) {
    const std::time_t time =
        std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
    const std::string host = host_of(answered.carrier);
    if (format == log_format::json) {
        return fmt::format("{{\"time\": \"{:%Y-%m-%dT%H:%M:%SZ}\", \"client\": {}, "
                           "\"method\": {}, \"target\": {}, \"status\": {}, \"bytes\": {}, "
                           "\"seconds\": {:.6f}}}\n",
                           fmt::gmtime(time), json_quote(host), json_quote(answered.method),
                           json_quote(answered.target), number(answered.code), answered.sent,
                           seconds(answered.took));
    }
    // A request that could not be read has no first line to show.
    const std::string line =
        answered.method.empty()
            ? "-"
            : fmt::format("{} {}", quotable(answered.method), quotable(answered.target));
    return fmt::format("{} - - [{:%d/%b/%Y:%H:%M:%S +0000}] \"{}\" {} {}\n", printable(host),
                       fmt::gmtime(time), line, number(answered.code), answered.sent);
}

struct access_log::state {
    state(const terminal& to, log_format how) noexcept : target(to), format(how) {}
    state(const state&) = delete;
    state& operator=(const state&) = delete;
    ~state() { write(); }

    void write() {
        posted = false;
        static_cast<void>(target.write(std::exchange(held, {})));
    }

    const terminal& target;
    log_format format;
    std::string held;
    bool posted = false;
};

access_log::access_log(const terminal& target, log_format format)
    : state_(std::make_shared<state>(target, format)) {}

void access_log::add(const http::answer_record& answered) {
    if (state_->format == log_format::none) {
        return;
    }
    state_->held += log_line(state_->format, answered, loop::current().wall_now());
    if (state_->held.size() >= most_held) {
        state_->write();
    } else if (!state_->posted) {
        state_->posted = true;
        loop::current().post([kept = state_] { kept->write(); });
    }
}

} // namespace runnel::inline v0::program
