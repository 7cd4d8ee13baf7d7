// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/flow/resolver.hpp"

namespace runnel::inline v0::host {

/// Resolves as every other program of this system does: getaddrinfo(3), with /etc/hosts,
/// nsswitch.conf and what else is configured. It blocks, so it runs on the thread pool; a call that
/// has begun cannot be interrupted, and a stop waits for it. Keeps nothing: the system's caches are
/// its business.
class system_resolver final : public resolver {
public:
    [[nodiscard]] task<result<std::vector<ip_address>>> resolve(std::string name,
                                                                ip_family family) override;
};

} // namespace runnel::inline v0::host
