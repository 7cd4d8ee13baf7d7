// SPDX-License-Identifier: Apache-2.0
#include "tcp_script.hpp"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <map>

namespace runnel::stack {

namespace {

constexpr sequence local_first(0xffff'ff00); // so that places wrap early
constexpr sequence remote_first(0x7fff'ffd0);

std::byte pattern(std::uint64_t place) {
    return static_cast<std::byte>(place * 7 + place / 251);
}

duration parse_duration(const std::string& text) {
    char* unit = nullptr;
    const double number = std::strtod(text.c_str(), &unit);
    const std::map<std::string, double> units{{"ns", 1.0}, {"us", 1e3},   {"ms", 1e6},
                                              {"s", 1e9},  {"min", 6e10}, {"h", 3.6e12}};
    const auto found = units.find(unit);
    return duration(
        static_cast<std::int64_t>(number * (found == units.end() ? 1e6 : found->second)));
}

std::uint32_t number(const std::string& text) {
    return static_cast<std::uint32_t>(std::strtoll(text.c_str(), nullptr, 0));
}

/// Splits "key=value"; the value is empty without one.
std::pair<std::string, std::string> split(const std::string& text, char by) {
    const auto at = text.find(by);
    return at == std::string::npos ? std::pair(text, std::string())
                                   : std::pair(text.substr(0, at), text.substr(at + 1));
}

sack_blocks parse_sack(const std::string& text, sequence base) {
    sack_blocks blocks;
    std::istringstream list(text);
    for (std::string item; std::getline(list, item, ',');) {
        const auto ends = split(item, '-');
        blocks.add({base + number(ends.first), base + number(ends.second)});
    }
    return blocks;
}

void parse_flags(const std::string& flags, tcp_header& header) {
    const auto has = [&](char flag) { return flags.find(flag) != std::string::npos; };
    header.acknowledges = has('A') || has('.');
    header.ece = has('E');
    header.cwr = has('W');
    header.control = has('S')   ? tcp_control::syn
                     : has('R') ? tcp_control::reset
                     : has('F') ? tcp_control::fin
                     : has('P') ? tcp_control::push
                                : tcp_control::none;
}

std::string flags_of(const tcp_header& header) {
    std::string flags;
    flags += header.is_syn() ? "S" : header.is_reset() ? "R" : header.is_fin() ? "F" : "";
    flags += header.control == tcp_control::push ? "P" : "";
    flags += header.acknowledges ? "." : "";
    flags += header.ece ? "E" : "";
    flags += header.cwr ? "W" : "";
    return flags;
}

std::string describe_segment(const tcp_header& header, std::size_t length) {
    std::string text = flags_of(header) + " seq=" + std::to_string((header.number - local_first)) +
                       " ack=" + std::to_string(header.ack - remote_first) +
                       " len=" + std::to_string(length) + " win=" + std::to_string(header.window);
    for (const auto& block : header.sack.span()) {
        text += " sack=" + std::to_string(block.begin - remote_first) + "-" +
                std::to_string(block.end - remote_first);
    }
    return text;
}

} // namespace

std::string play(std::string_view script) {
    return tcp_script().run(script);
}

tcp_script::tcp_script() {
    // What makes scripts short: no options unless they ask for them, and no delays.
    tcp_config& config = environment_.config;
    config.window_scaling = config.timestamps = config.selective_ack = config.ecn = false;
    config.congestion = congestion_kind::new_reno;
    config.receive_buffer = config.max_receive_buffer = 20'000;
    config.max_segment_size = 1000;
    config.max_send_size = 1000;
}

void tcp_script::complain(const std::string& what) {
    if (error_.empty()) {
        error_ = line_ + ": " + what;
    }
}

template <class A, class B>
void tcp_script::same(const std::string& what, const A& got, const B& want) {
    if (!(got == static_cast<A>(want))) {
        std::ostringstream text;
        text << what << " is " << +got;
        complain(text.str());
    }
}

std::string tcp_script::run(std::string_view script) {
    std::istringstream lines{std::string(script)};
    for (std::string line; error_.empty() && std::getline(lines, line);) {
        line = line.substr(0, line.find('#'));
        if (line.find_first_not_of(" \t") != std::string::npos) {
            line_ = line.substr(line.find_first_not_of(" \t"));
            statement(line_);
        }
    }
    line_ = "the end";
    if (error_.empty() && !sent_.empty()) {
        complain("left " + describe_segment(sent_[0].header, sent_[0].length));
    }
    return error_;
}

void tcp_script::statement(const std::string& line) {
    std::istringstream words(line);
    std::string verb;
    words >> verb;
    if (verb == "config") {
        configure(words);
        return;
    }
    if (connection_ == nullptr) {
        connection_ = std::make_unique<tcp_connection>(environment_, 1234, 80, local_first, 0U);
    }
    if (verb == "<") {
        inject(words);
    } else if (verb == ">") {
        expect(words);
    } else if (!expect_state(verb, words) && !act(verb, words)) {
        complain("no such statement");
    }
    collect();
}

void tcp_script::configure(std::istringstream& words) {
    std::string key;
    std::string value;
    words >> key >> value;
    tcp_config& config = environment_.config;
    const std::map<std::string, bool*> switches{{"sack", &config.selective_ack},
                                                {"timestamps", &config.timestamps},
                                                {"scaling", &config.window_scaling},
                                                {"ecn", &config.ecn},
                                                {"nodelay", &config.no_delay}};
    const std::map<std::string, std::uint32_t*> numbers{
        {"gso", &config.max_send_size},
        {"receive_buffer", &config.receive_buffer},
        {"max_receive_buffer", &config.max_receive_buffer},
        {"send_buffer", &config.send_buffer},
        {"window", &config.initial_window},
        {"keepalive_count", &config.keepalive.count}};
    const std::map<std::string, duration*> spans{
        {"keepalive", &config.keepalive.after}, {"keepalive_interval", &config.keepalive.interval},
        {"user_timeout", &config.user_timeout}, {"connect_timeout", &config.connect_timeout},
        {"delayed_ack", &config.delayed_ack},   {"time_wait", &config.time_wait},
        {"orphan", &config.orphan_timeout}};
    if (switches.contains(key)) {
        *switches.at(key) = value == "on";
    } else if (numbers.contains(key)) {
        *numbers.at(key) = number(value);
    } else if (spans.contains(key)) {
        *spans.at(key) = parse_duration(value);
    } else if (key == "mss") {
        config.max_segment_size = static_cast<std::uint16_t>(number(value));
    } else if (key == "congestion") {
        config.congestion = value == "cubic" ? congestion_kind::cubic
                            : value == "bbr" ? congestion_kind::bbr
                                             : congestion_kind::new_reno;
    } else {
        complain("no such setting");
    }
}

void tcp_script::inject(std::istringstream& words) {
    tcp_header header;
    std::string flags;
    words >> flags;
    parse_flags(flags, header);
    header.source_port = 80;
    header.destination_port = 1234;
    header.number = remote_first;
    header.ack = header.acknowledges ? local_first : sequence();
    header.window = 65'535;
    std::size_t length = 0;
    tcp_arrival how;
    for (std::string field; words >> field;) {
        const auto [key, value] = split(field, '=');
        if (key == "seq") {
            header.number = remote_first + number(value);
        } else if (key == "ack") {
            header.ack = local_first + number(value);
        } else if (key == "len") {
            length = number(value);
        } else if (key == "win") {
            header.window = static_cast<std::uint16_t>(number(value));
        } else if (key == "mss") {
            header.syn.max_segment_size = static_cast<std::uint16_t>(number(value));
        } else if (key == "ws") {
            header.syn.window_scale = static_cast<std::uint8_t>(number(value));
        } else if (key == "sackok") {
            header.syn.sack_permitted = true;
        } else if (key == "ts") {
            const auto parts = split(value, ':');
            header.timestamps = tcp_timestamps{number(parts.first), number(parts.second)};
        } else if (key == "sack") {
            header.sack = parse_sack(value, local_first);
        } else if (key == "ce") {
            how.congestion_marked = true;
        } else {
            complain("no such field: " + field);
        }
    }
    if (accepting_ && header.is_syn()) {
        accepting_ = false;
        connection_->answer(header, now_);
        return;
    }
    buffer payload = buffer::allocate(length);
    for (std::size_t i = 0; i < length; ++i) {
        payload.writable()[i] =
            pattern((header.number + static_cast<std::uint32_t>(i)) - (remote_first + 1));
    }
    connection_->receive(header, std::move(payload), how, now_);
}

void tcp_script::expect(std::istringstream& words) {
    std::string flags;
    words >> flags;
    if (flags == "-") {
        if (!sent_.empty()) {
            complain("left " + describe_segment(sent_[0].header, sent_[0].length));
        }
        return;
    }
    if (sent_.empty()) {
        complain("nothing left");
        return;
    }
    const sent_segment got = sent_.front();
    sent_.pop_front();
    tcp_header wanted;
    parse_flags(flags, wanted);
    if (flags_of(wanted) != flags_of(got.header) || !got.intact) {
        complain("left " + describe_segment(got.header, got.length));
    }
    for (std::string field; error_.empty() && words >> field;) {
        expect_field(field, got);
    }
    if (!error_.empty()) {
        error_ += " (left " + describe_segment(got.header, got.length) + ")";
    }
}

void tcp_script::expect_field(const std::string& field, const sent_segment& got) {
    const auto [key, value] = split(field, '=');
    const tcp_header& header = got.header;
    if (key == "seq") {
        same(key, header.number - local_first, number(value));
    } else if (key == "ack") {
        same(key, header.ack - remote_first, number(value));
    } else if (key == "len") {
        same(key, got.length, number(value));
    } else if (key == "win") {
        same(key, header.window, number(value));
    } else if (key == "mss") {
        same(key, header.syn.max_segment_size, number(value));
    } else if (key == "ws") {
        same(key, int{header.syn.window_scale.value_or(255)},
             value == "none" ? 255U : number(value));
    } else if (key == "sackok") {
        same(key, header.syn.sack_permitted, 1);
    } else if (key == "ts") {
        same(key, header.timestamps.has_value(), value != "none");
        if (header.timestamps && value != "any") {
            same(key, header.timestamps->value, number(value));
        }
    } else if (key == "tsecr") {
        same(key, header.timestamps ? header.timestamps->echo : 0xffff'ffff, number(value));
    } else if (key == "sack") {
        if (!(header.sack == parse_sack(value, remote_first))) {
            complain("other blocks");
        }
    } else if (key == "nosack") {
        same(key, header.sack.size(), 0);
    } else if (key == "gso") {
        same(key, got.segment_size, number(value));
    } else if (key == "ect") {
        same(key, got.ecn_capable, 1);
    } else {
        complain("no such field: " + field);
    }
}

bool tcp_script::expect_state(const std::string& verb, std::istringstream& words) {
    std::string word;
    if (verb == "events") {
        check_events(words);
        return true;
    }
    if (verb == "state") {
        words >> word;
        if (name(connection_->state()) != word) {
            complain("it is " + std::string(name(connection_->state())));
        }
        return true;
    }
    if (verb == "failure") {
        words >> word;
        const std::map<std::string, errc> kinds{{"reset", errc::reset},
                                                {"refused", errc::refused},
                                                {"timed_out", errc::timed_out},
                                                {"aborted", errc::aborted},
                                                {"unreachable", errc::unreachable}};
        const auto want = word == "none" ? std::nullopt : std::optional<errc>(kinds.at(word));
        if (connection_->failure() != want) {
            complain("another failure");
        }
        return true;
    }
    if (verb == "timer") {
        words >> word;
        const time_point want = word == "none" ? never : now_ + parse_duration(word);
        const time_point got = connection_->deadline();
        if (got != want) {
            complain("it is in " +
                     (got == never ? "no time" : std::to_string((got - now_).count()) + " ns"));
        }
        return true;
    }
    if (verb == "drops" || verb == "counter") {
        std::uint64_t want = 0;
        words >> word >> want;
        check_counter(word, want);
        return true;
    }
    return false;
}

void tcp_script::check_counter(const std::string& counter, std::uint64_t want) {
    const tcp_counters& counters = environment_.counters;
    const std::map<std::string, std::uint64_t> known{
        {"timeouts", counters.retransmission_timeouts},
        {"recoveries", counters.fast_recoveries},
        {"undone", counters.undone},
        {"probes", counters.loss_probes},
        {"challenges", counters.challenge_acks},
        {"withheld", counters.challenge_acks_withheld},
        {"reneged", counters.reneged},
        {"cwnd", connection_->sender().congestion_window()},
        {"in_flight", connection_->sender().in_flight()},
        {"unsent", connection_->sender().unsent()},
        {"parts", connection_->sender().board().size()},
        {"intervals", connection_->receiver().queue().intervals()},
        {"pieces", connection_->receiver().queue().pieces()},
        {"room", connection_->write_room()}};
    if (const auto found = known.find(counter); found != known.end()) {
        same(counter, found->second, want);
        return;
    }
    for (std::size_t i = 0; i < tcp_drop_count; ++i) {
        if (name(static_cast<tcp_drop>(i)) == counter) {
            same(counter, counters.drops(static_cast<tcp_drop>(i)), want);
            return;
        }
    }
    complain("no such counter");
}

void tcp_script::check_events(std::istringstream& words) {
    const tcp_events events = connection_->take_events();
    const std::pair<bool, std::string> all[] = {
        {events.connected, "connected"}, {events.readable, "readable"},
        {events.finished, "finished"},   {events.writable, "writable"},
        {events.sent, "sent"},           {events.acknowledged, "acknowledged"},
        {events.ended, "ended"}};
    std::string got;
    for (const auto& [is_set, label] : all) {
        got += is_set ? " " + label : "";
    }
    std::string want;
    for (std::string word; words >> word;) {
        want += word == "none" ? "" : " " + word;
    }
    if (got != want) {
        complain("they are" + got);
    }
}

bool tcp_script::act(const std::string& verb, std::istringstream& words) {
    std::string word;
    words >> word;
    if (verb == "open") {
        connection_->open(now_);
    } else if (verb == "accept") {
        accepting_ = true;
    } else if (verb == "write") {
        write(number(word));
    } else if (verb == "read") {
        read(number(word));
    } else if (verb == "wait") {
        wait(parse_duration(word));
    } else if (verb == "push") {
        connection_->push();
    } else if (verb == "close") {
        connection_->shutdown_write(now_);
    } else if (verb == "discard") {
        connection_->shutdown_read();
    } else if (verb == "orphan") {
        connection_->orphan(now_);
    } else if (verb == "abort") {
        connection_->abort(now_);
    } else if (verb == "nodelay") {
        connection_->set_no_delay(true);
    } else if (verb == "cork" || verb == "uncork") {
        connection_->set_cork(verb == "cork");
    } else if (verb == "icmp") {
        std::uint32_t place = 0;
        std::uint16_t size = 0;
        words >> place >> size;
        word == "too_big" ? connection_->on_icmp_too_big(local_first + place, size, now_)
                          : connection_->on_icmp_unreachable(local_first + place, now_);
    } else {
        return false;
    }
    return true;
}

void tcp_script::write(std::size_t size) {
    buffer data = buffer::allocate(size);
    for (std::size_t i = 0; i < size; ++i) {
        data.writable()[i] = pattern(written_ + i);
    }
    const std::size_t taken = connection_->write(data, now_);
    written_ += taken;
    same("what was taken", taken, size);
}

void tcp_script::read(std::size_t size) {
    same("what can be read", connection_->readable(), size);
    while (connection_->readable() > 0) {
        const buffer data = connection_->read(now_);
        for (const std::byte value : data.span()) {
            if (value != pattern(read_++)) {
                complain("wrong byte at " + std::to_string(read_ - 1));
                return;
            }
        }
    }
}

void tcp_script::wait(duration span) {
    const time_point until = now_ + span;
    while (connection_->deadline() <= until) {
        now_ = std::max(now_, connection_->deadline());
        connection_->on_timer(now_);
        collect();
    }
    now_ = until;
}

void tcp_script::collect() {
    tcp_segment segment;
    while (error_.empty() && connection_->transmit(segment, now_)) {
        sent_segment one{segment.header, segment.payload.bytes(), segment.segment_size,
                         segment.ecn_capable, true};
        std::uint64_t place = segment.header.number - (local_first + 1);
        for (const buffer& slice : segment.payload.slices()) {
            for (const std::byte value : slice.span()) {
                one.intact = one.intact && value == pattern(place++);
            }
        }
        sent_.push_back(one);
        if (sent_.size() > 10'000) {
            complain("sends for ever");
        }
    }
}

} // namespace runnel::stack
