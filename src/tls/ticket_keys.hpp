// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/time.hpp"

#include <array>
#include <cstddef>
#include <mutex>
#include <optional>

namespace runnel::inline v0::tls {

/// What tickets are encrypted with, so that a server need not remember its sessions (RFC 5077,
/// section 4). All loops of a server share the keys; a new one takes over every 12 hours, and the
/// one before it is still good for as long again.
class ticket_keys {
public:
    struct key {
        std::array<unsigned char, 16> name;
        std::array<unsigned char, 32> cipher;
        std::array<unsigned char, 32> mac;
    };

    static constexpr duration lifetime = std::chrono::hours(12);

    ticket_keys() = default;
    ticket_keys(const ticket_keys&) = delete;
    ticket_keys& operator=(const ticket_keys&) = delete;
    ~ticket_keys();

    /// The key for new tickets.
    [[nodiscard]] key current(time_point now);
    /// The key of that name, and whether its ticket should be replaced; nothing for a name that is
    /// unknown or too old.
    struct found_key {
        key material;
        bool renew;
    };
    [[nodiscard]] std::optional<found_key> find(const unsigned char* name, time_point now);

private:
    void rotate(time_point now);

    std::mutex mutex_;
    std::optional<key> newest_;
    std::optional<key> before_;
    time_point made_{};
};

} // namespace runnel::inline v0::tls
