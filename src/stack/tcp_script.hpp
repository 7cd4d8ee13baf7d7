// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/stack/tcp_connection.hpp"

#include <deque>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>

namespace runnel::stack {

/// Plays a script at one connection, with the script as its peer and its program, and gives the
/// first line that did not come true, or nothing. One statement a line, `#` begins a comment:
///
///     config NAME VALUE      before anything else; see tcp_script.cpp for the names
///     open | accept          an active open; or the next SYN injected is the one to answer
///     < FLAGS FIELD...       a segment comes
///     > FLAGS FIELD...       a segment leaves, with these fields; others may be anything
///     > -                    nothing leaves
///     write N | push | close | discard | orphan | abort | nodelay | cork | uncork
///     read N                 exactly N bytes can be read, and are those sent
///     wait 20ms              time passes, timers go off when they are due
///     timer 20ms | none      the next deadline is so far away
///     state NAME | events NAME... | failure NAME|none | drops NAME N | counter NAME N
///     icmp unreachable SEQ | icmp too_big SEQ MSS
///
/// FLAGS are letters of "SFRPAEW" as in tcpdump, with "." for A. FIELDs: seq=, ack=, len=, win=,
/// mss=, ws=, sackok, ts=VALUE:ECHO, tsecr=, sack=A-B,C-D, gso=, ce, ect, nosack. Places are
/// counted from each side's SYN. The clock starts at 1000 ms.
std::string play(std::string_view script);

class tcp_script {
public:
    tcp_script();
    std::string run(std::string_view script);

private:
    struct sent_segment {
        tcp_header header;
        std::size_t length = 0;
        std::uint16_t segment_size = 0;
        bool ecn_capable = false;
        bool intact = true; // the payload is the pattern of its place
    };

    void statement(const std::string& line);
    void configure(std::istringstream& words);
    void connect();
    void inject(std::istringstream& words);
    void expect(std::istringstream& words);
    void expect_field(const std::string& field, const sent_segment& got);
    bool expect_state(const std::string& verb, std::istringstream& words);
    bool act(const std::string& verb, std::istringstream& words);
    void write(std::size_t size);
    void read(std::size_t size);
    void wait(duration span);
    void check_events(std::istringstream& words);
    void check_counter(const std::string& counter, std::uint64_t want);
    void collect();
    void complain(const std::string& what);
    template <class A, class B>
    void same(const std::string& what, const A& got, const B& want);

    tcp_environment environment_;
    std::unique_ptr<tcp_connection> connection_;
    std::deque<sent_segment> sent_;
    time_point now_{std::chrono::seconds(1)};
    std::uint64_t written_ = 0;
    std::uint64_t read_ = 0;
    std::string error_;
    std::string line_;
    bool accepting_ = false;
};

} // namespace runnel::stack
