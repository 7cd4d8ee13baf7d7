// SPDX-License-Identifier: Apache-2.0
#include "drop_watch.hpp"

namespace runnel::inline v0::stack {

namespace {

template <class Reason, class Counters>
void add_reasons(Counters& before, const Counters& now, std::string& text) {
    for (std::size_t i = 0; i < now.size(); ++i) {
        if (now[i] != before[i]) {
            text += text.empty() ? "dropped: " : ", ";
            text += name(static_cast<Reason>(i));
        }
    }
    before = now;
}

} // namespace

std::string drop_watch::next(const network_counters& network, const tcp_counters& tcp) {
    std::string text;
    add_reasons<network_drop>(network_, network.dropped, text);
    add_reasons<tcp_drop>(tcp_, tcp.dropped, text);
    return text;
}

} // namespace runnel::inline v0::stack
