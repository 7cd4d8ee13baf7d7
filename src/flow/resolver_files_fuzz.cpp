// SPDX-License-Identifier: Apache-2.0
// Arbitrary text as /etc/resolv.conf and as /etc/hosts: reading never fails and keeps its bounds.

#include "runnel/core/check.hpp"
#include "runnel/flow/hosts_table.hpp"
#include "runnel/flow/resolv_conf.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace runnel;
    using namespace std::chrono_literals;
    const std::string_view text(reinterpret_cast<const char*>(data), size);

    const resolv_conf conf = resolv_conf::parse(text);
    check(!conf.servers.empty() && conf.servers.size() <= resolv_conf::most_servers, "servers");
    check(conf.search.size() <= resolv_conf::most_search_domains, "search domains");
    check(conf.ndots <= 15 && conf.attempts >= 1 && conf.attempts <= 5, "options");
    check(conf.timeout >= 1s && conf.timeout <= 30s, "timeout");

    const hosts_table hosts = hosts_table::parse(text);
    check(hosts.size() <= size / 2, "each entry takes some of the text");
    static_cast<void>(hosts.find("localhost"));
    static_cast<void>(hosts.find(text.substr(0, 300)));
    return 0;
}
