// SPDX-License-Identifier: Apache-2.0
#include "runnel/stack/stack_status.hpp"

#include <algorithm>
#include <array>

namespace runnel::inline v0::stack {

namespace {

constexpr std::string_view magic = "runnel-stack 1";
constexpr std::size_t max_tables = 64;
constexpr std::size_t max_columns = 64;

using row = std::vector<std::string>;

std::string_view name_of(address_state state) noexcept {
    switch (state) {
    case address_state::tentative:
        return "tentative";
    case address_state::preferred:
        return "preferred";
    case address_state::deprecated:
        return "deprecated";
    case address_state::duplicate:
        return "duplicate";
    }
    return "unknown";
}

std::string_view name_of(tcp_sender::bottleneck limit) noexcept {
    switch (limit) {
    case tcp_sender::bottleneck::application:
        return "application";
    case tcp_sender::bottleneck::window:
        return "window";
    case tcp_sender::bottleneck::congestion:
        return "congestion";
    case tcp_sender::bottleneck::pacing:
        return "pacing";
    }
    return "unknown";
}

status_table addresses_of(network& net) {
    status_table table{"addresses", {"address", "link", "state", "origin"}, {}};
    for (const address_info& each : net.addresses()) {
        table.rows.push_back({each.prefix.to_string(), std::to_string(each.interface),
                              std::string(name_of(each.state)),
                              each.automatic ? "automatic" : "by hand"});
    }
    return table;
}

status_table links_of(network& net) {
    status_table table{"links",
                       {"link", "mac", "mtu", "frames_sent", "sent_bytes", "frames_received",
                        "received_bytes", "frames_lost"},
                       {}};
    for (std::uint32_t i = 0; i < net.interfaces(); ++i) {
        const link& one = net.device(i);
        const link_statistics& done = one.statistics();
        table.rows.push_back(
            {std::to_string(i), one.properties().mac.to_string(),
             std::to_string(one.properties().mtu), std::to_string(done.frames_sent),
             std::to_string(done.bytes_sent), std::to_string(done.frames_received),
             std::to_string(done.bytes_received), std::to_string(done.frames_lost)});
    }
    return table;
}

status_table neighbours_of(network& net) {
    status_table table{"neighbours", {"address", "link", "mac", "state"}, {}};
    for (std::uint32_t i = 0; i < net.interfaces(); ++i) {
        for (const neighbour_info& each : net.neighbours(i)) {
            table.rows.push_back({each.address.to_string(), std::to_string(i),
                                  each.mac ? each.mac->to_string() : std::string("unknown"),
                                  std::string(stack::name(each.state))});
        }
    }
    return table;
}

status_table routes_of(network& net) {
    status_table table{"routes", {"destination", "gateway", "link", "metric"}, {}};
    for (const route& each : net.routes()) {
        table.rows.push_back({each.destination.to_string(),
                              each.gateway ? each.gateway->to_string() : std::string("none"),
                              std::to_string(each.interface), std::to_string(each.metric)});
    }
    return table;
}

status_table flows_of(ip_stack& stack) {
    status_table table{"flows",
                       {"local", "remote", "state", "cwnd_bytes", "in_flight_bytes", "rtt_ns",
                        "rate_bytes_per_s", "sent_bytes", "received_bytes", "retransmitted_bytes",
                        "unsent_bytes", "limited_by", "congestion"},
                       {}};
    const time_point now = stack.now();
    stack.tcp().layer().for_each([&](const tcp_entry& each) {
        if (table.rows.size() == stack_status::max_flows) {
            return;
        }
        const tcp_info info = each.info(now);
        table.rows.push_back(
            {each.local().to_string(), each.remote().to_string(),
             std::string(stack::name(info.state)), std::to_string(info.congestion_window),
             std::to_string(info.in_flight), std::to_string(info.round_trip.count()),
             std::to_string(info.delivery_rate), std::to_string(info.delivered),
             std::to_string(info.received), std::to_string(info.retransmitted),
             std::to_string(info.unsent), std::string(name_of(info.limited_by)),
             std::string(info.congestion)});
    });
    return table;
}

status_table counters_of(ip_stack& stack) {
    const network_counters& net = stack.net().counters();
    const tcp_layer& layer = stack.tcp().layer();
    const tcp_counters& tcp = layer.counters();
    status_table table{"counters", {"counter", "count"}, {}};
    const auto add = [&](std::string_view name, std::uint64_t count) {
        table.rows.push_back({std::string(name), std::to_string(count)});
    };
    add("connections", layer.connections());
    add("time_wait", layer.time_waiting());
    add("connections_opened", tcp.connections_opened);
    add("connections_accepted", tcp.connections_accepted);
    add("connections_failed", tcp.connections_failed);
    add("segments_sent", tcp.segments_sent);
    add("segments_received", tcp.segments_received);
    add("retransmission_timeouts", tcp.retransmission_timeouts);
    add("fast_recoveries", tcp.fast_recoveries);
    add("packets_sent", net.packets_sent);
    add("packets_received", net.packets_received);
    for (std::size_t i = 0; i < net.dropped.size(); ++i) {
        if (net.dropped[i] != 0) {
            const auto reason = static_cast<network_drop>(i);
            add("dropped_" + std::string(stack::name(reason)), net.dropped[i]);
        }
    }
    for (std::size_t i = 0; i < tcp.dropped.size(); ++i) {
        if (tcp.dropped[i] != 0) {
            const auto reason = static_cast<tcp_drop>(i);
            add("tcp_dropped_" + std::string(stack::name(reason)), tcp.dropped[i]);
        }
    }
    return table;
}

void add_line(std::string& text, const row& cells) {
    for (std::size_t i = 0; i < cells.size(); ++i) {
        text += i == 0 ? "" : "\t";
        text += cells[i];
    }
    text += '\n';
}

/// The next line, without its end, and its cells; nothing at the end of the text.
bool take_line(std::string_view& text, row& cells) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) {
        return false; // a line that is cut short says nothing
    }
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 1);
    cells.clear();
    for (;;) {
        const std::size_t tab = line.find('\t');
        cells.emplace_back(line.substr(0, tab));
        if (tab == std::string_view::npos) {
            return true;
        }
        line.remove_prefix(tab + 1);
    }
}

} // namespace

stack_status status_of(ip_stack& stack, std::string_view name) {
    stack_status status;
    status.name = name;
    status.tables.push_back(addresses_of(stack.net()));
    status.tables.push_back(routes_of(stack.net()));
    status.tables.push_back(neighbours_of(stack.net()));
    status.tables.push_back(links_of(stack.net()));
    status.tables.push_back(flows_of(stack));
    status.tables.push_back(counters_of(stack));
    return status;
}

std::string stack_status::to_string() const {
    std::string text;
    add_line(text, {std::string(magic), name});
    for (const status_table& each : tables) {
        row head{"[" + each.name + "]"};
        head.insert(head.end(), each.columns.begin(), each.columns.end());
        add_line(text, head);
        for (const row& cells : each.rows) {
            add_line(text, cells);
        }
    }
    return text;
}

result<stack_status> stack_status::parse(std::string_view text) {
    row cells;
    if (text.size() > max_text || !take_line(text, cells) || cells.size() != 2 ||
        cells[0] != magic) {
        return fail(errc::protocol_error, "that is no stack that tells how it stands");
    }
    stack_status status;
    status.name = cells[1];
    while (take_line(text, cells)) {
        const std::string& first = cells.front();
        if (first.size() > 2 && first.front() == '[' && first.back() == ']') {
            if (status.tables.size() == max_tables || cells.size() > max_columns) {
                return fail(errc::protocol_error, "too many tables or columns");
            }
            status_table& added = status.tables.emplace_back();
            added.name = first.substr(1, first.size() - 2);
            added.columns.assign(cells.begin() + 1, cells.end());
        } else if (status.tables.empty() || cells.size() != status.tables.back().columns.size()) {
            return fail(errc::protocol_error, "a row that does not fit its table");
        } else {
            status.tables.back().rows.push_back(cells);
        }
    }
    return status;
}

} // namespace runnel::inline v0::stack
