// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/task.hpp"
#include "runnel/async/time.hpp"
#include "runnel/core/error.hpp"
#include "runnel/flow/flow.hpp"
#include "runnel/flow/proxy_protocol.hpp"

#include <cstdint>
#include <string>
#include <utility>

namespace runnel::inline v0::program {

/// Versions of the PROXY protocol to send.
enum class proxy_version : std::uint8_t { none, v1, v2 };

/// A client behind a proxy: its stream after the PROXY header, and the header.
class fronted_client {
public:
    fronted_client(flow_ptr flow, proxy_header header)
        : stream(std::move(flow)), front(std::move(header)) {}

    flow_ptr stream;
    proxy_header front;
};

/// Reads the PROXY header, of either version, that a client's proxy sends first. Errors:
/// `timed_out` after `limit`, `protocol_error` and `limit_exceeded` of the header, `truncated` if
/// the stream ends before, and those of the flow.
[[nodiscard]] task<result<fronted_client>> read_proxy_front(flow_ptr client, duration limit);

/// The header that describes a client by the addresses of its flow.
[[nodiscard]] proxy_header front_of(const flow& client);

/// The bytes of a header.
[[nodiscard]] result<buffer> encode_front(const proxy_header& front, proxy_version version);

/// Who the header says the client is: "tcp://192.0.2.1:50000"; empty if it does not.
[[nodiscard]] std::string client_of(const proxy_header& front);

} // namespace runnel::inline v0::program
