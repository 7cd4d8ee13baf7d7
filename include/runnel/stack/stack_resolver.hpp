// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/flow/dns_resolver.hpp"
#include "runnel/flow/resolver.hpp"
#include "runnel/stack/ip_stack.hpp"

#include <memory>
#include <vector>

namespace runnel::inline v0::stack {

/// Carries the questions of a `dns_resolver` over a stack: each from a UDP socket of its own, at a
/// port chosen at random, or over a TCP connection. The stack outlives it.
class stack_dns_transport final : public dns_transport {
public:
    explicit stack_dns_transport(ip_stack& over) noexcept : stack_(&over) {}

    [[nodiscard]] task<result<std::unique_ptr<dns_datagrams>>>
    open_datagrams(dns_server server) override;
    [[nodiscard]] task<result<flow_ptr>> open_stream(dns_server server) override;

private:
    ip_stack* stack_;
};

/// Looks names up at the name servers that a stack knows (`ip_stack::name_servers`), through the
/// stack itself. Files of the system such as /etc/hosts do not count. Answers are kept until the
/// stack has other servers.
///
/// Belongs to the stack's loop, and to nobody when it is destroyed. The stack outlives it.
class stack_resolver final : public resolver {
public:
    explicit stack_resolver(ip_stack& over) noexcept;
    ~stack_resolver() override;

    /// Fails with `not_found` where the stack knows no server.
    [[nodiscard]] task<result<std::vector<ip_address>>> resolve(std::string name,
                                                                ip_family family) override;

private:
    [[nodiscard]] std::shared_ptr<dns_resolver> by_current_servers();

    ip_stack* stack_;
    stack_dns_transport network_;
    std::vector<ip_address> servers_;
    std::shared_ptr<dns_resolver> names_; // of these servers
};

} // namespace runnel::inline v0::stack
