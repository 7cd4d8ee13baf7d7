// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/task.hpp"
#include "runnel/core/error.hpp"
#include "runnel/core/ip_address.hpp"
#include "runnel/flow/hosts_table.hpp"

#include <string>
#include <utility>
#include <vector>

namespace runnel::inline v0 {

/// Finds the addresses of names.
class resolver {
public:
    resolver() = default;
    resolver(const resolver&) = delete;
    resolver& operator=(const resolver&) = delete;
    virtual ~resolver() = default;

    /// Gives the addresses that a name has in one family, the best first; at least one. An address
    /// in figures is its own. Errors: `not_found` if the name or such an address of it does not
    /// exist, `timed_out`, `unreachable` and others if that could not be found out. A stop ends the
    /// wait at once.
    [[nodiscard]] virtual task<result<std::vector<ip_address>>> resolve(std::string name,
                                                                        ip_family family) = 0;
};

/// Gives the addresses of both families, IPv6 first; at least one. Fails if neither could be found,
/// with the error that tells more.
[[nodiscard]] task<result<std::vector<ip_address>>> resolve_all(resolver& by, std::string name);

/// A resolver that knows a table of names and asks nobody: what is not in it does not exist. It
/// also knows `localhost` (RFC 6761).
class hosts_resolver final : public resolver {
public:
    explicit hosts_resolver(hosts_table table) noexcept : table_(std::move(table)) {}

    [[nodiscard]] task<result<std::vector<ip_address>>> resolve(std::string name,
                                                                ip_family family) override;

private:
    hosts_table table_;
};

} // namespace runnel::inline v0
