// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/loop.hpp"
#include "runnel/core/error.hpp"
#include "runnel/core/ip_address.hpp"
#include "runnel/core/ip_prefix.hpp"
#include "runnel/stack/ip_stack.hpp"
#include "runnel/stack/link/fault_link.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace runnel::inline v0::stack {

/// A stack as a user describes it:
///
///     lan=tap:rn0,address=10.77.0.2/24,address=fd77::2/64,gateway=10.77.0.1
///
/// A name, an equals sign, a link and settings between commas. Links: `tap:DEVICE` and `tun:DEVICE`
/// (devices of the kernel), `packet:INTERFACE` (shared with the kernel), `qemu:PATH`,
/// `qemu-connect:PATH` and `qemu-dgram:PATH` with the setting `peer` (a virtual machine's port),
/// `memory:NAME` (a switch in memory, for stacks of one process and loop). Other settings:
/// `address` (with the length of its network; several), `gateway` (one of each family), `dns` (a
/// name server, several; those of DHCP and of routers are known besides), `dhcp` (an address from a
/// server, within a time such as `dhcp=10s` or half a minute), `mtu`, `cc`
/// (new_reno, cubic or bbr), `loss` (as 1% or 0.01), `delay` and `rate` (as 100Mbit), of what it
/// sends, and `capture` (a file for all its frames, with why any were dropped).
struct stack_definition {
    enum class link_kind : std::uint8_t {
        tap,
        tun,
        packet,
        qemu,
        qemu_connect,
        qemu_datagram,
        memory,
    };

    std::string name;
    link_kind kind = link_kind::memory;
    std::string device; ///< or interface, path, name
    std::string peer;   ///< where a machine receives datagrams
    std::vector<ip_prefix> addresses;
    std::vector<ip_address> gateways;
    std::vector<ip_address> name_servers;
    std::optional<std::uint32_t> mtu;
    congestion_kind congestion = congestion_kind::cubic;
    double loss = 0;
    duration delay{};
    std::uint64_t rate = 0;   ///< bits a second; 0 for no limit
    std::string capture;      ///< empty for none
    std::string status;       ///< empty for none
    bool offload = true;      ///< of devices: whether the kernel makes checksums and segments
    bool multi_queue = false; ///< of tap and tun: a queue for each loop
    bool overhear = false;    ///< of `packet`: also what the kernel sends there
    /// Whether an address comes from a DHCP server, and how long that may take.
    std::optional<duration> dhcp;

    /// Errors: `invalid_argument`, whose text names the setting and what was expected.
    [[nodiscard]] static result<stack_definition> parse(std::string_view text);
    /// Reads a link alone, as in "tap:rn0". Errors: `invalid_argument`.
    [[nodiscard]] static result<stack_definition> parse_link(std::string_view text);
    /// Reads a file of them: one a line, as above. Lines that begin with white space go on with
    /// settings of the stack before; those that are empty or begin with '#' say nothing. Errors:
    /// those of `parse`, with the number of the line.
    [[nodiscard]] static result<std::vector<stack_definition>> parse_all(std::string_view text);
};

/// Opens nothing but the link of a description, for the current loop. Errors: those of the link.
[[nodiscard]] result<std::unique_ptr<link>> open_link(const stack_definition& what);

/// Makes a stack of this description for the current loop. Errors: those of `open_tap`, and
/// `invalid_argument` for addresses that cannot be had. Not all addresses can be used at once:
/// `ip_stack::settled` waits.
[[nodiscard]] result<std::unique_ptr<ip_stack>> open_stack(const stack_definition& what);

} // namespace runnel::inline v0::stack
