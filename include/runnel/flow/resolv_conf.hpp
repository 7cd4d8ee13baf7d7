// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/time.hpp"
#include "runnel/core/ip_endpoint.hpp"
#include "runnel/flow/dns_name.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace runnel::inline v0 {

/// A server that answers recursive queries.
struct dns_server {
    ip_endpoint address;
    /// The name of the interface that a link-local address belongs to, where the text gave a name
    /// and not its number: whoever sends looks the number up. Else empty.
    std::string zone = {};

    friend bool operator==(const dns_server&, const dns_server&) = default;
};

/// How the system wants names resolved: what /etc/resolv.conf says.
struct resolv_conf {
    static constexpr std::size_t most_servers = 8;
    static constexpr std::size_t most_search_domains = 32;

    /// In the order in which they are asked.
    std::vector<dns_server> servers = {};
    /// Domains that names with few dots are looked up below.
    std::vector<dns_name> search = {};
    /// A name with at least so many dots is first looked up as it is. 0 to 15.
    unsigned ndots = 1;
    /// How long one server may take for one answer. 1 s to 30 s.
    duration timeout = std::chrono::seconds(5);
    /// How often all servers are asked in turn. 1 to 5.
    unsigned attempts = 2;
    /// Whether each lookup begins with the next server.
    bool rotate = false;
    /// Whether all queries go over TCP (`use-vc`).
    bool use_tcp = false;
    /// Whether no IPv6 addresses are looked up (`no-aaaa`).
    bool no_aaaa = false;

    /// Reads the text of such a file as resolv.conf(5) of glibc describes it.
    ///
    /// Never fails: what makes no sense is skipped, numbers are brought into their ranges, and what
    /// is beyond the limits above is left out. `domain` is a `search` of one, and the last of
    /// either counts. Without a server it is the one at 127.0.0.1, as for an empty file.
    [[nodiscard]] static resolv_conf parse(std::string_view text);
};

} // namespace runnel::inline v0
