// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/task.hpp"
#include "runnel/core/buffer.hpp"
#include "runnel/core/error.hpp"
#include "runnel/core/siphash.hpp"
#include "runnel/flow/dns_stub.hpp"
#include "runnel/flow/flow.hpp"
#include "runnel/flow/hosts_table.hpp"
#include "runnel/flow/resolver.hpp"

#include <memory>
#include <string>
#include <vector>

namespace runnel::inline v0 {

/// Datagrams to and from one server. One task sends, then receives; dropped when nothing waits.
class dns_datagrams {
public:
    dns_datagrams() = default;
    dns_datagrams(const dns_datagrams&) = delete;
    dns_datagrams& operator=(const dns_datagrams&) = delete;
    virtual ~dns_datagrams() = default;

    [[nodiscard]] virtual task<result<void>> send(buffer datagram) = 0;
    /// Waits for the next datagram. An error ends the exchange with this server.
    [[nodiscard]] virtual task<result<buffer>> receive() = 0;
};

/// How a `dns_resolver` reaches its servers: over the kernel, the user-space stack, or a network
/// that a test makes up.
class dns_transport {
public:
    dns_transport() = default;
    dns_transport(const dns_transport&) = delete;
    dns_transport& operator=(const dns_transport&) = delete;
    virtual ~dns_transport() = default;

    /// A new socket that sends to the server and receives from nobody else, from a port that nobody
    /// can foresee.
    [[nodiscard]] virtual task<result<std::unique_ptr<dns_datagrams>>>
    open_datagrams(dns_server server) = 0;
    /// A new connection to the server.
    [[nodiscard]] virtual task<result<flow_ptr>> open_stream(dns_server server) = 0;
};

/// Finds addresses, and whatever else the DNS knows, by a `dns_stub` over sockets of any kind.
///
/// Belongs to one loop, which runs when it is made and when it is destroyed. Destroyed when no
/// lookup waits; what it asked servers for meanwhile is given up.
class dns_resolver final : public resolver {
public:
    /// `network` outlives the resolver and what it had opened by then.
    dns_resolver(dns_transport& network, dns_options options, hosts_table hosts,
                 const siphash_key& secret = siphash_key::generate());
    ~dns_resolver() override;

    [[nodiscard]] task<result<std::vector<ip_address>>> resolve(std::string name,
                                                                ip_family family) override;

    /// Records of any type of a name, which is searched for as people write it.
    [[nodiscard]] task<result<dns_answer>> query(std::string name, dns_type type);

    /// Forgets the answers that were kept.
    void clear_cache() noexcept;

private:
    class driver;
    std::shared_ptr<driver> driver_;
};

} // namespace runnel::inline v0
