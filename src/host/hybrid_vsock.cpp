// SPDX-License-Identifier: Apache-2.0
#include "runnel/host/hybrid_vsock.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <string_view>
#include <utility>

namespace runnel::inline v0::host {
namespace {

/// By vsock's rules the host's number, in names of HyperKit's sockets.
constexpr std::uint32_t host_number = 2;

constexpr std::string_view answer_start = "OK ";
/// "OK ", a number of 32 bits, and the end of the line.
constexpr std::size_t longest_answer = 14;
constexpr std::size_t shortest_answer = 5;

/// Whether `line`, without its end, is "OK" and a number.
bool is_good_answer(std::string_view line) {
    if (!line.starts_with(answer_start) || line.size() == answer_start.size()) {
        return false;
    }
    const std::string_view number = line.substr(answer_start.size());
    return std::ranges::all_of(number, [](char c) { return c >= '0' && c <= '9'; });
}

/// Reads the hypervisor's answer, and no byte of what follows it.
task<result<void>> read_answer(flow& from) {
    std::array<char, longest_answer> line{};
    std::size_t have = 0;
    while (have == 0 || line[have - 1] != '\n') {
        if (have == line.size()) {
            co_return fail(errc::protocol_error, "the hypervisor's answer has no end");
        }
        // As much as the answer has at least, then byte by byte to its end.
        const std::size_t sure = have < shortest_answer ? shortest_answer - have : 1;
        const auto room = std::as_writable_bytes(std::span(line).subspan(have, sure));
        const result<std::size_t> got = co_await from.read_into(room);
        if (!got && (got.error().kind() == errc::end || got.error().kind() == errc::reset)) {
            co_return fail(errc::refused, "the hypervisor hung up: nobody listens on the port");
        }
        if (!got) {
            co_return fail(got.error());
        }
        have += *got;
        const auto said = std::string_view(line.data(), have);
        if (const std::size_t end = said.find('\n');
            end != std::string_view::npos && end + 1 != have) {
            co_return fail(errc::protocol_error, "the hypervisor's answer is too short");
        }
    }
    if (!is_good_answer(std::string_view(line.data(), have - 1))) {
        co_return fail(errc::protocol_error, "the hypervisor's answer is not 'OK' and a number");
    }
    co_return result<void>();
}

task<result<flow_ptr>> try_connect(hybrid_vsock_address to, unix_options options) {
    const result<unix_address> at = to.guest_socket();
    if (!at) {
        co_return fail(at.error());
    }
    result<unix_flow_ptr> opened = co_await connect(*at, options);
    if (!opened) {
        co_return fail(opened.error());
    }
    const write_result asked = co_await (*opened)->write(buffer::copy_of(to.request()));
    if (!asked) {
        co_return fail(asked.error());
    }
    if (to.kind() == hybrid_vsock_kind::connect_line) {
        const result<void> answered = co_await read_answer(**opened);
        if (!answered) {
            co_return fail(answered.error());
        }
    }
    co_return flow_ptr(std::move(*opened));
}

} // namespace

result<unix_address> hybrid_vsock_address::guest_socket() const {
    return unix_address::path(kind_ == hybrid_vsock_kind::hyperkit ? path_ + "/connect" : path_);
}

result<unix_address> hybrid_vsock_address::host_socket() const {
    return unix_address::path(kind_ == hybrid_vsock_kind::hyperkit
                                  ? fmt::format("{}/{:08x}.{:08x}", path_, host_number, port_)
                                  : fmt::format("{}_{}", path_, port_));
}

std::string hybrid_vsock_address::request() const {
    return kind_ == hybrid_vsock_kind::hyperkit ? fmt::format("{:08x}.{:08x}\n", guest_, port_)
                                                : fmt::format("CONNECT {}\n", port_);
}

task<result<flow_ptr>> connect(hybrid_vsock_address to, unix_options options) {
    result<flow_ptr> made = co_await try_connect(to, options);
    if (!made) {
        co_return fail(made.error().wrap(fmt::format("port {} of a guest", to.port())));
    }
    co_return made;
}

result<listener_ptr> listen(const hybrid_vsock_address& at, unix_options options) {
    const result<unix_address> place = at.host_socket();
    if (!place) {
        return fail(place.error());
    }
    return listen(*place, options);
}

} // namespace runnel::inline v0::host
