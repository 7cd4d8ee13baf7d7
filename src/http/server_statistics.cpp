// SPDX-License-Identifier: Apache-2.0
#include "runnel/http/server.hpp"

#include <fmt/format.h>

#include <chrono>
#include <iterator>

namespace runnel::inline v0::http {
namespace {

double seconds(duration span) {
    return std::chrono::duration<double>(span).count();
}

} // namespace

std::string prometheus_text(const server_statistics& counted, std::string_view prefix) {
    std::string text;
    const auto out = std::back_inserter(text);
    const auto add = [&](std::string_view name, std::string_view kind, std::uint64_t value) {
        fmt::format_to(out, "# TYPE {0}_{1} {2}\n{0}_{1} {3}\n", prefix, name, kind, value);
    };
    add("connections_total", "counter", counted.connections);
    add("connections_open", "gauge", counted.open);
    add("requests_total", "counter", counted.requests);
    add("refused_total", "counter", counted.refused);
    add("abandoned_total", "counter", counted.abandoned);
    add("sent_bytes_total", "counter", counted.sent);
    add("received_bytes_total", "counter", counted.received);
    fmt::format_to(out, "# TYPE {}_answers_total counter\n", prefix);
    for (std::size_t index = 0; index < counted.answers.size(); ++index) {
        fmt::format_to(out, "{}_answers_total{{status=\"{}xx\"}} {}\n", prefix, index + 1,
                       counted.answers[index]);
    }
    fmt::format_to(out, "# TYPE {}_answer_seconds histogram\n", prefix);
    std::uint64_t below = 0;
    for (std::size_t index = 0; index < server_statistics::bounds.size(); ++index) {
        below += counted.durations[index];
        fmt::format_to(out, "{}_answer_seconds_bucket{{le=\"{}\"}} {}\n", prefix,
                       seconds(server_statistics::bounds[index]), below);
    }
    below += counted.durations.back();
    fmt::format_to(out, "{0}_answer_seconds_bucket{{le=\"+Inf\"}} {1}\n", prefix, below);
    fmt::format_to(out, "{0}_answer_seconds_sum {1}\n", prefix, seconds(counted.taken));
    fmt::format_to(out, "{0}_answer_seconds_count {1}\n", prefix, below);
    return text;
}

} // namespace runnel::inline v0::http
