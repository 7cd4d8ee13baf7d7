// SPDX-License-Identifier: Apache-2.0
// Every state of a connection × every kind of segment (RFC 9293 3.10.7): where it leads, and what
// it is answered with.
#include "tcp_scripts.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace {

using namespace runnel::stack;

/// How to come to each state. In all of them our next place is 1 or 2, and the peer's likewise.
const std::map<std::string, std::string> ways{
    {"SYN-SENT", "open\n> S\n"},
    {"SYN-RECEIVED", "accept\n< S seq=0\n> S.\n"},
    {"ESTABLISHED", opened},
    {"FIN-WAIT-1", opened + "close\n> F.\n"},
    {"FIN-WAIT-2", opened + "close\n> F.\n< . seq=1 ack=2\n"},
    {"CLOSE-WAIT", opened + "< FA seq=1 ack=1\n> .\n"},
    {"CLOSING", opened + "close\n> F.\n< FA seq=1 ack=1\n> .\n"},
    {"LAST-ACK", opened + "< FA seq=1 ack=1\n> .\nclose\n> F.\n"},
    {"TIME-WAIT", opened + "close\n> F.\n< FA seq=1 ack=2\n> .\n"},
    {"CLOSED", opened + "abort\n> R.\n"},
};

/// Places that are right in a state: the peer's next, our last acknowledged, and all we sent.
struct places {
    std::string next;
    std::string una;
    std::string sent;
};
const std::map<std::string, places> right{
    {"SYN-SENT", {"0", "1", "1"}},    {"SYN-RECEIVED", {"1", "1", "1"}},
    {"ESTABLISHED", {"1", "1", "1"}}, {"FIN-WAIT-1", {"1", "1", "2"}},
    {"FIN-WAIT-2", {"1", "2", "2"}},  {"CLOSE-WAIT", {"2", "1", "1"}},
    {"CLOSING", {"2", "1", "2"}},     {"LAST-ACK", {"2", "1", "2"}},
    {"TIME-WAIT", {"2", "2", "2"}},   {"CLOSED", {"1", "1", "1"}},
};

struct expectation {
    std::string state;  // where it leads; "=" for nowhere
    std::string answer; // flags of what leaves; "-" for nothing
};
using row = std::map<std::string, expectation>;

void expect_rows(const std::string& segment, const row& rows) {
    ASSERT_EQ(rows.size(), ways.size()) << segment;
    for (const auto& [state, want] : rows) {
        std::string text = segment;
        const places& at = right.at(state);
        for (const auto& [word, value] : {std::pair<std::string, std::string>{"NEXT", at.next},
                                          {"UNA", at.una},
                                          {"SENT", at.sent}}) {
            for (auto found = text.find(word); found != std::string::npos;
                 found = text.find(word)) {
                text.replace(found, word.size(), value);
            }
        }
        const std::string script = ways.at(state) + "state " + state + "\n< " + text + "\n> " +
                                   want.answer + "\nstate " +
                                   (want.state == "=" ? state : want.state) + "\n";
        EXPECT_EQ(play(script), "") << state << " and " << text;
    }
}

TEST(TcpStates, MeetAnExactReset) {
    expect_rows("RA seq=NEXT ack=UNA", {{"SYN-SENT", {"CLOSED", "-"}},
                                        {"SYN-RECEIVED", {"CLOSED", "-"}},
                                        {"ESTABLISHED", {"CLOSED", "-"}},
                                        {"FIN-WAIT-1", {"CLOSED", "-"}},
                                        {"FIN-WAIT-2", {"CLOSED", "-"}},
                                        {"CLOSE-WAIT", {"CLOSED", "-"}},
                                        {"CLOSING", {"CLOSED", "-"}},
                                        {"LAST-ACK", {"CLOSED", "-"}},
                                        {"TIME-WAIT", {"=", "-"}},
                                        {"CLOSED", {"=", "-"}}});
}

TEST(TcpStates, MeetAResetInsideOfTheWindow) {
    expect_rows("R seq=99", {{"SYN-SENT", {"=", "-"}},
                             {"SYN-RECEIVED", {"=", "S."}},
                             {"ESTABLISHED", {"=", "."}},
                             {"FIN-WAIT-1", {"=", "."}},
                             {"FIN-WAIT-2", {"=", "."}},
                             {"CLOSE-WAIT", {"=", "."}},
                             {"CLOSING", {"=", "."}},
                             {"LAST-ACK", {"=", "."}},
                             {"TIME-WAIT", {"=", "-"}},
                             {"CLOSED", {"=", "-"}}});
}

TEST(TcpStates, MeetAResetOutsideOfTheWindow) {
    const expectation ignored{"=", "-"};
    expect_rows("R seq=99000", {{"SYN-SENT", ignored},
                                {"SYN-RECEIVED", ignored},
                                {"ESTABLISHED", ignored},
                                {"FIN-WAIT-1", ignored},
                                {"FIN-WAIT-2", ignored},
                                {"CLOSE-WAIT", ignored},
                                {"CLOSING", ignored},
                                {"LAST-ACK", ignored},
                                {"TIME-WAIT", ignored},
                                {"CLOSED", ignored}});
}

TEST(TcpStates, MeetASyn) {
    expect_rows("S seq=50", {{"SYN-SENT", {"SYN-RECEIVED", "S."}},
                             {"SYN-RECEIVED", {"=", "S."}},
                             {"ESTABLISHED", {"=", "."}},
                             {"FIN-WAIT-1", {"=", "."}},
                             {"FIN-WAIT-2", {"=", "."}},
                             {"CLOSE-WAIT", {"=", "."}},
                             {"CLOSING", {"=", "."}},
                             {"LAST-ACK", {"=", "."}},
                             {"TIME-WAIT", {"=", "."}},
                             {"CLOSED", {"=", "-"}}});
}

TEST(TcpStates, MeetASynWithAnAcknowledgment) {
    expect_rows("SA seq=NEXT ack=UNA", {{"SYN-SENT", {"ESTABLISHED", "."}},
                                        {"SYN-RECEIVED", {"=", "S."}},
                                        {"ESTABLISHED", {"=", "."}},
                                        {"FIN-WAIT-1", {"=", "."}},
                                        {"FIN-WAIT-2", {"=", "."}},
                                        {"CLOSE-WAIT", {"=", "."}},
                                        {"CLOSING", {"=", "."}},
                                        {"LAST-ACK", {"=", "."}},
                                        {"TIME-WAIT", {"=", "."}},
                                        {"CLOSED", {"=", "-"}}});
}

TEST(TcpStates, MeetAnAcknowledgmentOfAll) {
    expect_rows(". seq=NEXT ack=SENT", {{"SYN-SENT", {"=", "-"}},
                                        {"SYN-RECEIVED", {"ESTABLISHED", "-"}},
                                        {"ESTABLISHED", {"=", "-"}},
                                        {"FIN-WAIT-1", {"FIN-WAIT-2", "-"}},
                                        {"FIN-WAIT-2", {"=", "-"}},
                                        {"CLOSE-WAIT", {"=", "-"}},
                                        {"CLOSING", {"TIME-WAIT", "-"}},
                                        {"LAST-ACK", {"CLOSED", "-"}},
                                        {"TIME-WAIT", {"=", "-"}},
                                        {"CLOSED", {"=", "-"}}});
}

TEST(TcpStates, MeetAnAcknowledgmentOfWhatWasNeverSent) {
    expect_rows(". seq=NEXT ack=70", {{"SYN-SENT", {"=", "R"}},
                                      {"SYN-RECEIVED", {"=", "R"}},
                                      {"ESTABLISHED", {"=", "."}},
                                      {"FIN-WAIT-1", {"=", "."}},
                                      {"FIN-WAIT-2", {"=", "."}},
                                      {"CLOSE-WAIT", {"=", "."}},
                                      {"CLOSING", {"=", "."}},
                                      {"LAST-ACK", {"=", "."}},
                                      {"TIME-WAIT", {"=", "-"}},
                                      {"CLOSED", {"=", "-"}}});
}

TEST(TcpStates, MeetData) {
    expect_rows("PA seq=NEXT ack=UNA len=10", {{"SYN-SENT", {"=", "-"}},
                                               {"SYN-RECEIVED", {"ESTABLISHED", "."}},
                                               {"ESTABLISHED", {"=", "."}},
                                               {"FIN-WAIT-1", {"=", "."}},
                                               {"FIN-WAIT-2", {"=", "."}},
                                               {"CLOSE-WAIT", {"=", "."}},
                                               {"CLOSING", {"=", "."}},
                                               {"LAST-ACK", {"=", "."}},
                                               {"TIME-WAIT", {"=", "."}},
                                               {"CLOSED", {"=", "-"}}});
}

TEST(TcpStates, MeetDataFarOutsideOfTheWindow) {
    expect_rows("PA seq=99000 ack=UNA len=10", {{"SYN-SENT", {"=", "-"}},
                                                {"SYN-RECEIVED", {"=", "S."}},
                                                {"ESTABLISHED", {"=", "."}},
                                                {"FIN-WAIT-1", {"=", "."}},
                                                {"FIN-WAIT-2", {"=", "."}},
                                                {"CLOSE-WAIT", {"=", "."}},
                                                {"CLOSING", {"=", "."}},
                                                {"LAST-ACK", {"=", "."}},
                                                {"TIME-WAIT", {"=", "."}},
                                                {"CLOSED", {"=", "-"}}});
}

TEST(TcpStates, MeetTheEndOfThePeersStream) {
    expect_rows("FA seq=1 ack=UNA", {{"SYN-SENT", {"=", "-"}},
                                     {"SYN-RECEIVED", {"CLOSE-WAIT", "."}},
                                     {"ESTABLISHED", {"CLOSE-WAIT", "."}},
                                     {"FIN-WAIT-1", {"CLOSING", "."}},
                                     {"FIN-WAIT-2", {"TIME-WAIT", "."}},
                                     {"CLOSE-WAIT", {"=", "."}},
                                     {"CLOSING", {"=", "."}},
                                     {"LAST-ACK", {"=", "."}},
                                     {"TIME-WAIT", {"=", "."}},
                                     {"CLOSED", {"=", "-"}}});
}

TEST(TcpStates, MeetTheEndOfBothStreams) {
    expect_rows("FA seq=1 ack=SENT", {{"SYN-SENT", {"=", "-"}},
                                      {"SYN-RECEIVED", {"CLOSE-WAIT", "."}},
                                      {"ESTABLISHED", {"CLOSE-WAIT", "."}},
                                      {"FIN-WAIT-1", {"TIME-WAIT", "."}},
                                      {"FIN-WAIT-2", {"TIME-WAIT", "."}},
                                      {"CLOSE-WAIT", {"=", "."}},
                                      {"CLOSING", {"TIME-WAIT", "."}},
                                      {"LAST-ACK", {"CLOSED", "-"}},
                                      {"TIME-WAIT", {"=", "."}},
                                      {"CLOSED", {"=", "-"}}});
}

TEST(TcpStates, MeetDataWithoutAnAcknowledgment) {
    // RFC 9293 3.10.7.4, fifth: dropped. TIME-WAIT answers whatever carries something.
    expect_rows("P seq=NEXT len=10", {{"SYN-SENT", {"=", "-"}},
                                      {"SYN-RECEIVED", {"=", "-"}},
                                      {"ESTABLISHED", {"=", "-"}},
                                      {"FIN-WAIT-1", {"=", "-"}},
                                      {"FIN-WAIT-2", {"=", "-"}},
                                      {"CLOSE-WAIT", {"=", "-"}},
                                      {"CLOSING", {"=", "-"}},
                                      {"LAST-ACK", {"=", "-"}},
                                      {"TIME-WAIT", {"=", "."}},
                                      {"CLOSED", {"=", "-"}}});
}

TEST(TcpStates, MeetAProbeFromBeforeTheWindow) {
    // RFC 9293 3.8.4: what keepalive sends has to be answered.
    expect_rows(". seq=0 ack=UNA", {{"SYN-SENT", {"=", "-"}},
                                    {"SYN-RECEIVED", {"=", "S."}},
                                    {"ESTABLISHED", {"=", "."}},
                                    {"FIN-WAIT-1", {"=", "."}},
                                    {"FIN-WAIT-2", {"=", "."}},
                                    {"CLOSE-WAIT", {"=", "."}},
                                    {"CLOSING", {"=", "."}},
                                    {"LAST-ACK", {"=", "."}},
                                    {"TIME-WAIT", {"=", "-"}},
                                    {"CLOSED", {"=", "-"}}});
}

TEST(TcpStates, MeetAnEndBehindAHole) {
    expect_rows("FA seq=99 ack=SENT", {{"SYN-SENT", {"=", "-"}},
                                       {"SYN-RECEIVED", {"ESTABLISHED", "."}},
                                       {"ESTABLISHED", {"=", "."}},
                                       {"FIN-WAIT-1", {"FIN-WAIT-2", "."}},
                                       {"FIN-WAIT-2", {"=", "."}},
                                       {"CLOSE-WAIT", {"=", "."}},
                                       {"CLOSING", {"TIME-WAIT", "."}},
                                       {"LAST-ACK", {"CLOSED", "-"}},
                                       {"TIME-WAIT", {"=", "."}},
                                       {"CLOSED", {"=", "-"}}});
}

} // namespace
