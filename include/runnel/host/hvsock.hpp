// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/error.hpp"
#include "runnel/flow/flow_address.hpp"
#include "runnel/host/vsock.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// Addresses of Hyper-V sockets: a virtual machine and a service, each a GUID.
///
/// A Linux guest reaches them through vsock: the host is machine 2, and a port is the service
/// `PPPPPPPP-facb-11e6-bd58-64006a7986d3` with the port in hexadecimal in front.
namespace runnel::inline v0::host {

/// A globally unique identifier, by its bytes in the order in which they are written.
class guid {
public:
    using byte_array = std::array<std::uint8_t, 16>;

    constexpr guid() noexcept = default;
    constexpr explicit guid(const byte_array& bytes) noexcept : bytes_(bytes) {}

    /// Reads `8-4-4-4-12` hexadecimal digits of either case, also in braces. Errors:
    /// `invalid_argument`.
    [[nodiscard]] static result<guid> parse(std::string_view text);

    [[nodiscard]] constexpr const byte_array& bytes() const noexcept { return bytes_; }
    /// In lower case and without braces.
    [[nodiscard]] std::string to_string() const;

    friend bool operator==(const guid&, const guid&) = default;

private:
    byte_array bytes_{};
};

/// The identifiers that stand for machines without naming one (hvsocket.h of the Windows SDK).
namespace hyperv_machine {
/// To listen: every partition. All zeros.
[[nodiscard]] guid wildcard() noexcept;
/// To listen: every child of this partition.
[[nodiscard]] guid children() noexcept;
/// This partition itself.
[[nodiscard]] guid loopback() noexcept;
/// The partition that this one is a child of: the host of a guest.
[[nodiscard]] guid parent() noexcept;
/// The host of a container's utility machine.
[[nodiscard]] guid silo_host() noexcept;
} // namespace hyperv_machine

/// The service that stands for a vsock port.
[[nodiscard]] guid hyperv_service(std::uint32_t port) noexcept;
/// The port that a service stands for, or nothing where it is a service of another kind.
[[nodiscard]] std::optional<std::uint32_t> vsock_port(const guid& service) noexcept;

/// The place of a Hyper-V socket.
class hvsock_address {
public:
    constexpr hvsock_address(const guid& machine, const guid& service) noexcept
        : machine_(machine), service_(service) {}

    /// Reads a machine (a GUID, `wildcard` or nothing, `children`, `loopback`, `parent`, or
    /// `silohost`) and a service (a GUID, or the number of a vsock port). Errors:
    /// `invalid_argument`.
    [[nodiscard]] static result<hvsock_address> parse(std::string_view machine,
                                                      std::string_view service);

    [[nodiscard]] constexpr const guid& machine() const noexcept { return machine_; }
    [[nodiscard]] constexpr const guid& service() const noexcept { return service_; }

    /// The same place as a Linux guest addresses it: `parent` and `silohost` are the host,
    /// `loopback` is local, `wildcard` and `children` are any. Errors: `not_supported` for another
    /// machine, and for a service that is no port.
    [[nodiscard]] result<vsock_address> to_vsock() const;
    /// The other way. Errors: `not_supported` for a guest, whose GUID the number does not tell.
    [[nodiscard]] static result<hvsock_address> from_vsock(const vsock_address& place);

    /// `hvsock://parent/00000400-facb-11e6-bd58-64006a7986d3`.
    [[nodiscard]] flow_address to_flow_address() const;

    friend bool operator==(const hvsock_address&, const hvsock_address&) = default;

private:
    guid machine_;
    guid service_;
};

} // namespace runnel::inline v0::host
