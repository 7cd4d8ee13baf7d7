// SPDX-License-Identifier: Apache-2.0
#include "runnel/http/forward_proxy.hpp"

#include "runnel/core/ip_address.hpp"
#include "runnel/flow/buffered_flow.hpp"
#include "runnel/http/client_connection.hpp"
#include "runnel/http/field.hpp"
#include "runnel/http/list.hpp"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <span>
#include <utility>

namespace runnel::inline v0::http {
namespace {

/// The longest name, user and password of SOCKS 5.
constexpr std::size_t longest = 255;

constexpr unsigned socks_version = 5;
constexpr unsigned no_login = 0;
/// Version 5 and the ways to log in: none, or none and a password.
constexpr std::string_view greeting("\x05\x01\x00", 3);
constexpr std::string_view greeting_with_login("\x05\x02\x00\x02", 4);
/// Version 5, to connect, reserved.
constexpr std::string_view connect_command("\x05\x01\x00", 3);

std::string authority_of(const proxied_place& to) {
    const bool bracketed = to.host.find(':') != std::string::npos;
    std::string text = bracketed ? "[" + to.host + "]" : to.host;
    return text.append(":").append(std::to_string(to.port));
}

std::unexpected<error> no_socks() {
    return runnel::fail(errc::protocol_error, "no SOCKS 5 proxy answers");
}

/// What the proxy says why it did not connect (RFC 1928, section 6).
error reply_error(unsigned code) {
    switch (code) {
    case 2:
        return {errc::permission_denied, "the SOCKS proxy does not allow it"};
    case 3:
    case 4:
        return {errc::unreachable, "the SOCKS proxy cannot reach it"};
    case 5:
        return {errc::refused, "connected to by the SOCKS proxy"};
    case 6:
        return {errc::timed_out, "connected to by the SOCKS proxy"};
    default:
        return {errc::refused, "the SOCKS proxy says " + std::to_string(code)};
    }
}

unsigned byte_at(const buffer& bytes, std::size_t at) noexcept {
    return std::to_integer<unsigned>(bytes.span()[at]);
}

task<result<void>> log_in(buffered_flow& io, const proxy_login& login) {
    if (login.user.empty() || login.user.size() > longest || login.password.size() > longest) {
        co_return runnel::fail(errc::permission_denied,
                               "the SOCKS proxy wants a user and password");
    }
    std::string text(1, '\x01');
    text.push_back(static_cast<char>(login.user.size()));
    text.append(login.user);
    text.push_back(static_cast<char>(login.password.size()));
    text.append(login.password);
    static_cast<void>(io.write(text));
    const result<void> sent = co_await io.flush();
    if (!sent) {
        co_return sent;
    }
    const result<buffer> answer = co_await io.read_exactly(2);
    if (!answer) {
        co_return runnel::fail(answer.error());
    }
    if (byte_at(*answer, 1) != 0) {
        co_return runnel::fail(errc::permission_denied, "the SOCKS proxy refuses this user");
    }
    co_return result<void>();
}

/// Agrees on how to log in.
task<result<void>> greet(buffered_flow& io, const proxy_login& login) {
    static_cast<void>(io.write(login.user.empty() ? greeting : greeting_with_login));
    const result<void> sent = co_await io.flush();
    if (!sent) {
        co_return sent;
    }
    const result<buffer> answer = co_await io.read_exactly(2);
    if (!answer) {
        co_return runnel::fail(answer.error());
    }
    if (byte_at(*answer, 0) != socks_version) {
        co_return no_socks();
    }
    if (byte_at(*answer, 1) == no_login) {
        co_return result<void>();
    }
    co_return co_await log_in(io, login);
}

std::string socks_request(const proxied_place& to) {
    std::string text(connect_command);
    const result<ip_address> address = ip_address::parse(to.host);
    const auto add = [&text](char kind, std::span<const std::byte> bytes) {
        text.push_back(kind);
        text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    };
    if (address && address->is_v4()) {
        add('\x01', address->v4().bytes());
    } else if (address) {
        add('\x04', address->v6().bytes());
    } else {
        text.push_back('\x03');
        text.push_back(static_cast<char>(to.host.size()));
        text.append(to.host);
    }
    text.push_back(static_cast<char>(to.port >> 8U));
    text.push_back(static_cast<char>(to.port & 0xffU));
    return text;
}

/// Asks for the connection, and reads the answer to its end.
task<result<void>> ask(buffered_flow& io, const proxied_place& to) {
    static_cast<void>(io.write(socks_request(to)));
    const result<void> sent = co_await io.flush();
    if (!sent) {
        co_return sent;
    }
    const result<buffer> head = co_await io.read_exactly(5); // up to the first byte of the address
    if (!head) {
        co_return runnel::fail(head.error());
    }
    if (byte_at(*head, 0) != socks_version) {
        co_return no_socks();
    }
    if (byte_at(*head, 1) != 0) {
        co_return runnel::fail(reply_error(byte_at(*head, 1)));
    }
    std::size_t left = 0;
    switch (byte_at(*head, 3)) {
    case 1:
        left = 4 - 1 + 2;
        break;
    case 3:
        left = byte_at(*head, 4) + 2;
        break;
    case 4:
        left = 16 - 1 + 2;
        break;
    default:
        co_return no_socks();
    }
    const result<buffer> rest = co_await io.read_exactly(left);
    co_return rest ? result<void>() : runnel::fail(rest.error());
}

} // namespace

std::string basic_credentials(const proxy_login& login) {
    static constexpr std::string_view digits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const std::string text = login.user + ":" + login.password;
    std::string encoded = "Basic ";
    for (std::size_t at = 0; at < text.size(); at += 3) {
        std::uint32_t group = 0;
        for (std::size_t index = 0; index < 3; ++index) {
            const bool there = at + index < text.size();
            group = group << 8U | (there ? static_cast<unsigned char>(text[at + index]) : 0U);
        }
        const std::size_t count = std::min<std::size_t>(text.size() - at, 3) + 1;
        for (std::size_t index = 0; index < 4; ++index) {
            encoded.push_back(index < count ? digits[group >> (18 - 6 * index) & 63U] : '=');
        }
    }
    return encoded;
}

task<result<flow_ptr>> connect_by_http(flow_ptr with, proxied_place to, proxy_login login) {
    client_connection connection(std::move(with));
    const std::string authority = authority_of(to);
    client_request asked("CONNECT", authority, authority);
    if (!login.user.empty()) {
        asked.fields.add("Proxy-Authorization", basic_credentials(login));
    }
    const result<response_head> head = co_await connection.send(std::move(asked));
    if (!head) {
        co_return runnel::fail(head.error().wrap("the proxy"));
    }
    if (number(head->code) / 100 != 2) {
        std::string words = "the proxy says " + std::to_string(number(head->code));
        words.append(" ").append(head->reason);
        co_return runnel::fail(errc::refused, std::move(words));
    }
    co_return connection.release();
}

task<result<flow_ptr>> connect_by_socks5(flow_ptr with, proxied_place to, proxy_login login) {
    if (to.host.size() > longest || to.host.empty()) {
        co_return runnel::fail(errc::invalid_argument, "a name too long for SOCKS");
    }
    buffered_flow io(std::move(with));
    result<void> done = co_await greet(io, login);
    if (done) {
        done = co_await ask(io, to);
    }
    if (!done) {
        co_return runnel::fail(done.error());
    }
    co_return io.release();
}

bool is_excepted(std::string_view no_proxy, std::string_view host, std::uint16_t port) noexcept {
    list_reader list(no_proxy);
    for (std::string_view each; list.next(each);) {
        if (each == "*") {
            return true;
        }
        // A colon in front of the port only: addresses have more.
        const std::size_t colon = each.find(':');
        if (colon != std::string_view::npos &&
            each.find(':', colon + 1) == std::string_view::npos) {
            unsigned only = 0;
            const std::string_view text = each.substr(colon + 1);
            const auto [end, failed] =
                std::from_chars(text.data(), text.data() + text.size(), only);
            if (failed != std::errc() || end != text.data() + text.size() || only != port) {
                continue;
            }
            each = each.substr(0, colon);
        }
        if (each.starts_with('.')) {
            each.remove_prefix(1);
        }
        const bool below = host.size() > each.size() &&
                           host[host.size() - each.size() - 1] == '.' &&
                           same_name(host.substr(host.size() - each.size()), each);
        if (!each.empty() && (same_name(host, each) || below)) {
            return true;
        }
    }
    return false;
}

} // namespace runnel::inline v0::http
