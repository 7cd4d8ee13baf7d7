// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/error.hpp"
#include "runnel/flow/dns_client.hpp"
#include "runnel/flow/dns_resolver.hpp"
#include "runnel/flow/hosts_table.hpp"
#include "runnel/flow/resolver.hpp"

#include <map>
#include <memory>
#include <mutex>
#include <string_view>

namespace runnel::inline v0 {
class loop;
}

namespace runnel::inline v0::host {

/// Carries a `dns_resolver`'s questions to its servers over sockets of the kernel: each question
/// from a UDP socket of its own, whose port the kernel chooses, or over a TCP connection.
class dns_sockets final : public dns_transport {
public:
    [[nodiscard]] task<result<std::unique_ptr<dns_datagrams>>>
    open_datagrams(dns_server server) override;
    [[nodiscard]] task<result<flow_ptr>> open_stream(dns_server server) override;
};

/// Asks name servers directly, instead of the system's resolver: nothing blocks and no thread is
/// needed, answers are kept as long as the servers say, and a stop ends a look-up at once.
///
/// For any number of loops at the same time; each has its own sockets and its own memory of
/// answers. Destroyed when no look-up waits.
class name_server_resolver final : public resolver {
public:
    explicit name_server_resolver(dns_options options, hosts_table hosts = {});
    ~name_server_resolver() override;

    [[nodiscard]] task<result<std::vector<ip_address>>> resolve(std::string name,
                                                                ip_family family) override;

private:
    [[nodiscard]] std::shared_ptr<dns_resolver> of_this_loop();

    dns_sockets network_;
    dns_options options_;
    hosts_table hosts_;
    std::mutex mutex_;
    // One that waits for nothing refers to no loop, so it does not matter if its loop is gone and
    // another one has the same address.
    std::map<const loop*, std::shared_ptr<dns_resolver>> by_loop_;
};

/// Makes the resolver that a text names, for options of programs:
/// - `system`: the system's own, `system_resolver`;
/// - `dns`: the servers of /etc/resolv.conf, asked directly;
/// - `dns://1.1.1.1`, `dns://[2001:db8::53]:5353`: this server, on port 53 unless it says so;
///   `dns+tcp://1.1.1.1` asks it by TCP only. Several stand between commas, and are asked in turn.
///
/// But for the servers, /etc/resolv.conf and /etc/hosts count as they do for the system: both are
/// read now and not again. Malformed text gives `invalid_argument`, and says what was expected.
[[nodiscard]] result<std::unique_ptr<resolver>> make_resolver(std::string_view text);

} // namespace runnel::inline v0::host
