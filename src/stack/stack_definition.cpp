// SPDX-License-Identifier: Apache-2.0
#include "runnel/stack/stack_definition.hpp"

#include "runnel/flow/quantity.hpp"
#include "runnel/flow/suggest.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace runnel::inline v0::stack {

namespace {

constexpr std::uint64_t max_rate = 1'000'000'000'000;

std::unexpected<error> wrong(std::string_view setting, std::string_view expected) {
    return fail(errc::invalid_argument,
                "'" + std::string(setting) + "': expected " + std::string(expected));
}

/// Cuts `text` at the first `mark`: what stands before it, and `text` is then what follows.
std::string_view cut(std::string_view& text, char mark) {
    const std::size_t at = text.find(mark);
    const std::string_view first = text.substr(0, at);
    text = at == std::string_view::npos ? std::string_view() : text.substr(at + 1);
    return first;
}

bool is_name(std::string_view text) {
    return !text.empty() && text.size() <= 32 && std::ranges::all_of(text, [](char one) {
        return (one >= 'a' && one <= 'z') || (one >= 'A' && one <= 'Z') ||
               (one >= '0' && one <= '9') || one == '-' || one == '_';
    });
}

result<void> read_link(std::string_view text, stack_definition& into) {
    std::string_view device = text;
    const std::string_view kind = cut(device, ':');
    using enum stack_definition::link_kind;
    constexpr std::array<std::pair<std::string_view, stack_definition::link_kind>, 7> kinds{
        {{"tap", tap},
         {"tun", tun},
         {"packet", packet},
         {"qemu", qemu},
         {"qemu-connect", qemu_connect},
         {"qemu-dgram", qemu_datagram},
         {"memory", memory}}};
    const auto found = std::ranges::find(kinds, kind, [](const auto& one) { return one.first; });
    if (found == kinds.end() || device.empty() || device.size() > 107) {
        return wrong(text, "a link: tap:DEVICE, tun:DEVICE, packet:INTERFACE, qemu:PATH, "
                           "qemu-connect:PATH, qemu-dgram:PATH or memory:NAME");
    }
    into.kind = found->second;
    into.device = device;
    return {};
}

result<double> read_share(std::string_view setting, std::string_view text) {
    const bool percent = text.ends_with('%');
    text.remove_suffix(percent ? 1 : 0);
    double share = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), share);
    share = percent ? share / 100 : share;
    if (problem != std::errc() || end != text.data() + text.size() || !(share >= 0) || share > 1) {
        return wrong(setting, "a share, as 1% or 0.01");
    }
    return share;
}

result<void> read_congestion(std::string_view setting, std::string_view text,
                             stack_definition& into) {
    if (text == "new_reno") {
        into.congestion = congestion_kind::new_reno;
    } else if (text == "cubic") {
        into.congestion = congestion_kind::cubic;
    } else if (text == "bbr") {
        into.congestion = congestion_kind::bbr;
    } else {
        return wrong(setting, "new_reno, cubic or bbr");
    }
    return {};
}

result<void> read_mtu(std::string_view setting, std::string_view text, stack_definition& into) {
    const auto mtu = parse_integer(text);
    if (!mtu || *mtu < 576 || *mtu > 65'535) {
        return wrong(setting, "a number from 576 to 65535");
    }
    into.mtu = static_cast<std::uint32_t>(*mtu);
    return {};
}

/// One setting of a definition: its name, and how its value is read.
struct setting_kind {
    std::string_view name;
    result<void> (*read)(std::string_view setting, std::string_view value, stack_definition& into);
};

result<void> read_address(std::string_view setting, std::string_view text, stack_definition& into) {
    const auto prefix = ip_prefix::parse(text);
    if (!prefix || text.find('/') == std::string_view::npos) {
        return wrong(setting, "an address with the length of its network, as 10.77.0.2/24");
    }
    into.addresses.push_back(*prefix);
    return {};
}

result<void> read_gateway(std::string_view setting, std::string_view text, stack_definition& into) {
    const auto address = ip_address::parse(text);
    if (!address) {
        return wrong(setting, "an address");
    }
    into.gateways.push_back(*address);
    return {};
}

result<void> read_dns(std::string_view setting, std::string_view text, stack_definition& into) {
    const auto address = ip_address::parse(text);
    if (!address) {
        return wrong(setting, "an address");
    }
    into.name_servers.push_back(*address);
    return {};
}

result<void> read_dhcp(std::string_view setting, std::string_view text, stack_definition& into) {
    constexpr duration usual = std::chrono::seconds(30);
    const auto within = setting == "dhcp" ? result<duration>(usual) : parse_duration(text);
    if (!within || *within <= duration::zero()) {
        return wrong(setting, "nothing, or a time, as dhcp=10s");
    }
    into.dhcp = *within;
    return {};
}

result<void> read_loss(std::string_view setting, std::string_view text, stack_definition& into) {
    const auto share = read_share(setting, text);
    if (!share) {
        return fail(share.error());
    }
    into.loss = *share;
    return {};
}

result<void> read_delay(std::string_view setting, std::string_view text, stack_definition& into) {
    const auto delay = parse_duration(text);
    if (!delay || *delay > std::chrono::minutes(1)) {
        return wrong(setting, "a time of at most a minute, as 20ms");
    }
    into.delay = *delay;
    return {};
}

/// Bits a second: a number with bit, kbit, Mbit or Gbit.
result<void> read_rate(std::string_view setting, std::string_view text, stack_definition& into) {
    constexpr std::array<std::pair<std::string_view, std::uint64_t>, 4> units{
        {{"kbit", 1'000}, {"Mbit", 1'000'000}, {"Gbit", 1'000'000'000}, {"bit", 1}}};
    for (const auto& [unit, bits] : units) {
        if (text.ends_with(unit)) {
            const auto count = parse_integer(text.substr(0, text.size() - unit.size()));
            if (count && *count > 0 && *count <= max_rate / bits) {
                into.rate = *count * bits;
                return {};
            }
            break;
        }
    }
    return wrong(setting, "bits a second up to 1000Gbit, as 100Mbit");
}

result<void> read_capture(std::string_view setting, std::string_view text, stack_definition& into) {
    if (text.empty()) {
        return wrong(setting, "a file");
    }
    into.capture = text;
    return {};
}

result<void> read_status(std::string_view setting, std::string_view text, stack_definition& into) {
    if (text.empty()) {
        return wrong(setting, "the path of a Unix socket");
    }
    into.status = text;
    return {};
}

result<void> read_switch(std::string_view setting, std::string_view text, bool& into) {
    if (text != "on" && text != "off") {
        return wrong(setting, "on or off");
    }
    into = text == "on";
    return {};
}

result<void> read_offload(std::string_view setting, std::string_view text, stack_definition& into) {
    return read_switch(setting, text, into.offload);
}

result<void> read_multi_queue(std::string_view setting, std::string_view text,
                              stack_definition& into) {
    return read_switch(setting, text, into.multi_queue);
}

result<void> read_peer(std::string_view setting, std::string_view text, stack_definition& into) {
    if (into.kind != stack_definition::link_kind::qemu_datagram || text.empty()) {
        return wrong(setting, "the path to which datagrams for qemu-dgram go");
    }
    into.peer = text;
    return {};
}

constexpr std::array<setting_kind, 14> setting_kinds{{{"address", read_address},
                                                      {"gateway", read_gateway},
                                                      {"dhcp", read_dhcp},
                                                      {"dns", read_dns},
                                                      {"mtu", read_mtu},
                                                      {"cc", read_congestion},
                                                      {"loss", read_loss},
                                                      {"delay", read_delay},
                                                      {"rate", read_rate},
                                                      {"capture", read_capture},
                                                      {"peer", read_peer},
                                                      {"status", read_status},
                                                      {"offload", read_offload},
                                                      {"multi-queue", read_multi_queue}}};

result<void> read_setting(std::string_view setting, stack_definition& into) {
    std::string_view value = setting;
    const std::string_view name = cut(value, '=');
    const auto kind = std::ranges::find(setting_kinds, name, &setting_kind::name);
    if (kind != setting_kinds.end()) {
        return kind->read(setting, value, into);
    }
    std::array<std::string_view, setting_kinds.size()> known;
    std::ranges::transform(setting_kinds, known.begin(), &setting_kind::name);
    return fail(errc::invalid_argument,
                "unknown setting '" + std::string(name) + "'" + did_you_mean(name, known));
}

bool is_blank(char one) noexcept {
    return one == ' ' || one == '\t' || one == '\r';
}

std::string_view trimmed(std::string_view line) noexcept {
    while (!line.empty() && is_blank(line.front())) {
        line.remove_prefix(1);
    }
    while (!line.empty() && is_blank(line.back())) {
        line.remove_suffix(1);
    }
    return line;
}

} // namespace

result<stack_definition> stack_definition::parse(std::string_view text) {
    stack_definition made;
    std::string_view rest = text;
    const std::string_view name = cut(rest, '=');
    if (!is_name(name)) {
        return wrong(text, "NAME=LINK,SETTINGS, as lan=tap:rn0,address=10.77.0.2/24");
    }
    made.name = name;
    result<void> good = read_link(cut(rest, ','), made);
    while (good && !rest.empty()) {
        good = read_setting(cut(rest, ','), made);
    }
    if (!good) {
        return fail(good.error().wrap("stack '" + made.name + "'"));
    }
    if (made.kind == link_kind::qemu_datagram && made.peer.empty()) {
        return fail(errc::invalid_argument,
                    "stack '" + made.name + "' has no peer, as in peer=/run/guest.sock");
    }
    if (made.addresses.empty() && !made.dhcp) {
        return fail(errc::invalid_argument, "stack '" + made.name +
                                                "' has no address, as in address=10.77.0.2/24 or "
                                                "dhcp");
    }
    if (made.dhcp && made.kind == link_kind::tun) {
        return fail(errc::invalid_argument,
                    "stack '" + made.name + "': DHCP needs Ethernet, which a TUN device has not");
    }
    return made;
}

result<stack_definition> stack_definition::parse_link(std::string_view text) {
    stack_definition made;
    const auto good = read_link(text, made);
    return good ? result<stack_definition>(std::move(made)) : fail(good.error());
}

result<std::vector<stack_definition>> stack_definition::parse_all(std::string_view text) {
    struct entry {
        std::size_t line;
        std::string text;
    };
    std::vector<entry> entries;
    for (std::size_t number = 1; !text.empty(); ++number) {
        const std::string_view line = cut(text, '\n');
        const std::string_view content = trimmed(line);
        if (content.empty() || content.front() == '#') {
            continue;
        }
        if (is_blank(line.front()) && !entries.empty()) {
            entries.back().text += "," + std::string(content);
        } else {
            entries.push_back({number, std::string(content)});
        }
    }
    std::vector<stack_definition> all;
    for (const entry& each : entries) {
        auto one = parse(each.text);
        if (!one) {
            return fail(one.error().wrap("line " + std::to_string(each.line)));
        }
        all.push_back(std::move(*one));
    }
    return all;
}

} // namespace runnel::inline v0::stack
