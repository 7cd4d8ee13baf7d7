// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/ip_endpoint.hpp"

#include <optional>
#include <span>

namespace runnel::inline v0 {

/// A place to connect to, and what is known of the way there.
struct destination {
    ip_endpoint endpoint;
    /// The address that the system would send from, if somebody asked it (by `connect` on a UDP
    /// socket, which sends nothing).
    std::optional<ip_address> source = {};
    /// Whether the system said that there is no way.
    bool unreachable = false;

    friend bool operator==(const destination&, const destination&) = default;
};

/// Puts destinations into the order in which they should be tried, the best first: destination
/// address selection of RFC 6724, section 6, as far as it goes without asking the system. In this
/// order:
///
/// - rule 1: those that are unreachable come last;
/// - rule 2: those whose source has the same scope come first;
/// - rule 5: those whose source has the same label in the policy table come first;
/// - rule 6: the higher precedence in the policy table comes first: ::1, other IPv6, IPv4, 6to4,
///   Teredo, unique local and then the obsolete kinds;
/// - rule 8: the smaller scope comes first;
/// - rule 9: the longer common prefix with the source comes first, for IPv6 and up to 64 bits;
/// - rule 10: otherwise the order stays.
///
/// The policy table is the default one of section 2.1. An unknown source counts as one of the same
/// scope and label with no common prefix. Rules 3 (deprecated), 4 (home) and 7 (native transport)
/// need knowledge of interfaces and are left out. Rule 9 leaves IPv4 out, as it would undo the
/// turns in which servers give their addresses.
void sort_destinations(std::span<destination> destinations);

} // namespace runnel::inline v0
