// SPDX-License-Identifier: Apache-2.0
#include "runnel/host/transports.hpp"

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

namespace runnel::inline v0::host {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

constexpr std::uint64_t largest_buffer = std::uint64_t{1} << 30;
constexpr nanoseconds longest_keepalive = std::chrono::seconds(32767);

/// Reads parameters one after the other and remembers the first error, so that a table of them
/// stays a table.
class parameter_reader {
public:
    explicit parameter_reader(const endpoint& place) noexcept : all_(place.params()) {}

    void flag(const char* name, bool& into) { take(all_.flag(name, into), into); }

    template <class T>
    void integer(const char* name, T& into, std::uint64_t most) {
        take(all_.integer(name, static_cast<std::uint64_t>(into), 0, most), into);
    }
    template <class T>
    void bytes(const char* name, T& into) {
        take(all_.bytes(name, into, 0, largest_buffer), into);
    }
    void duration(const char* name, milliseconds& into) {
        const auto read =
            all_.duration(name, into, nanoseconds::zero(), std::chrono::hours(24 * 24));
        if (read) {
            into = ceil_to_milliseconds(*read);
        } else {
            note(read.error());
        }
    }
    void text(const char* name, std::string_view& into) {
        if (const parameter* found = all_.find(name); found != nullptr) {
            into = found->text();
        }
    }
    [[nodiscard]] const parameter* find(const char* name) const noexcept { return all_.find(name); }
    void note(const error& why) {
        if (!failure_) {
            failure_ = why;
        }
    }
    [[nodiscard]] const std::optional<error>& failure() const noexcept { return failure_; }

    static milliseconds ceil_to_milliseconds(nanoseconds span) noexcept {
        return std::chrono::ceil<milliseconds>(span);
    }

private:
    template <class R, class T>
    void take(const result<R>& read, T& into) {
        if (read) {
            into = static_cast<T>(*read);
        } else {
            note(read.error());
        }
    }

    const parameters& all_;
    std::optional<error> failure_;
};

/// `keepalive`, `keepalive=60s`, `keepalive=60s,10s` or `keepalive=60s,10s,6`.
result<tcp_keepalive> parse_keepalive(const parameter& given) {
    tcp_keepalive probes;
    const std::vector<parameter> items = given.items();
    if (items.size() > 3) {
        return fail(given.bad("at most three elements: silence, interval and number of probes"));
    }
    for (std::size_t i = 0; i < items.size() && i < 2; ++i) {
        const auto span = items[i].duration(std::chrono::seconds(1), longest_keepalive);
        if (!span) {
            return fail(span.error());
        }
        (i == 0 ? probes.after : probes.interval) = parameter_reader::ceil_to_milliseconds(*span);
    }
    if (items.size() == 3) {
        const auto count = items[2].integer(1, 127);
        if (!count) {
            return fail(count.error());
        }
        probes.count = static_cast<int>(*count);
    }
    return probes;
}

/// The digits of chmod(1): `mode=0660`.
result<mode_t> parse_mode(const parameter& given) {
    mode_t mode = 0;
    for (const char digit : given.text()) {
        if (digit < '0' || digit > '7' || mode > 0777) {
            return fail(given.bad("access rights as octal digits, such as 0660"));
        }
        mode = mode * 8 + static_cast<mode_t>(digit - '0');
    }
    if (given.text().empty() || mode > 0777) {
        return fail(given.bad("access rights as octal digits, such as 0660"));
    }
    return mode;
}

void read_keepalive(parameter_reader& read, tcp_options& options) {
    if (const parameter* given = read.find("keepalive"); given != nullptr) {
        if (const auto probes = parse_keepalive(*given)) {
            options.keepalive = *probes;
        } else {
            read.note(probes.error());
        }
    }
}

void read_linger(parameter_reader& read, tcp_options& options) {
    if (read.find("linger") != nullptr) {
        milliseconds linger{0};
        read.duration("linger", linger);
        options.linger = linger;
    }
}

void read_bind(parameter_reader& read, tcp_options& options) {
    if (const parameter* given = read.find("bind"); given != nullptr) {
        if (const auto whole = ip_endpoint::parse(given->text())) {
            options.bind = *whole;
        } else if (const auto address = ip_address::parse(given->text())) {
            options.bind = ip_endpoint(*address, 0);
        } else {
            read.note(given->bad("an address, or an address and a port, to connect from"));
        }
    }
}

} // namespace

result<tcp_options> tcp_options_of(const endpoint& place) {
    constexpr std::uint64_t most = std::numeric_limits<std::int32_t>::max();
    tcp_options options;
    parameter_reader read(place);
    read.flag("nodelay", options.nodelay);
    read.flag("cork", options.cork);
    read.flag("quickack", options.quick_ack);
    read.flag("fast-open", options.fast_open);
    read_keepalive(read, options);
    read_linger(read, options);
    read.duration("user-timeout", options.user_timeout);
    read.bytes("zero-copy", options.zero_copy);
    read.bytes("sndbuf", options.send_buffer);
    read.bytes("rcvbuf", options.receive_buffer);
    read.text("congestion", options.congestion_control);
    read.text("interface", options.interface);
    read.integer("mark", options.mark, std::numeric_limits<std::uint32_t>::max());
    read.integer("tos", options.traffic_class, 255);
    read_bind(read, options);
    read.flag("reuse-address", options.reuse_address);
    read.flag("reuse-port", options.reuse_port);
    read.flag("v6only", options.v6_only);
    read.integer("backlog", options.backlog, most);
    read.integer("max-connections", options.max_connections, most);
    if (read.failure()) {
        return fail(*read.failure());
    }
    return options;
}

result<unix_options> unix_options_of(const endpoint& place) {
    unix_options options;
    parameter_reader read(place);
    read.bytes("sndbuf", options.send_buffer);
    read.integer("backlog", options.backlog, std::numeric_limits<std::int32_t>::max());
    read.integer("max-connections", options.max_connections,
                 std::numeric_limits<std::int32_t>::max());
    read.flag("replace", options.replace_stale);
    read.flag("unlink", options.unlink);
    if (const parameter* given = read.find("mode"); given != nullptr) {
        if (const auto mode = parse_mode(*given)) {
            options.permissions = *mode;
        } else {
            read.note(mode.error());
        }
    }
    if (read.failure()) {
        return fail(*read.failure());
    }
    return options;
}

result<vsock_options> vsock_options_of(const endpoint& place) {
    vsock_options options;
    parameter_reader read(place);
    read.integer("backlog", options.backlog, std::numeric_limits<std::int32_t>::max());
    read.integer("max-connections", options.max_connections,
                 std::numeric_limits<std::int32_t>::max());
    read.bytes("rcvbuf", options.receive_buffer);
    // The registry bounds the whole; the kernel must not give up before.
    read.duration("connect-timeout", options.connect_timeout);
    if (read.failure()) {
        return fail(*read.failure());
    }
    return options;
}

} // namespace runnel::inline v0::host
