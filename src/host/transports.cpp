// SPDX-License-Identifier: Apache-2.0
#include "runnel/host/transports.hpp"

#include "machine_transports.hpp"
#include "runnel/host/file.hpp"
#include "runnel/host/inherited.hpp"
#include "runnel/host/process.hpp"
#include "runnel/host/stdio.hpp"
#include "runnel/host/tcp.hpp"
#include "runnel/host/unix.hpp"
#include "tcp_by_name.hpp"

#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>

namespace runnel::inline v0::host {
namespace {

const std::vector<parameter_info>& tcp_parameters() {
    static const std::vector<parameter_info> all{
        {"nodelay", "nodelay=no", "send small writes at once (on unless switched off)"},
        {"cork", "cork", "hold incomplete segments back"},
        {"quickack", "quickack", "acknowledge at once"},
        {"fast-open", "fast-open", "send data with the SYN (RFC 7413)"},
        {"keepalive", "keepalive=60s,10s,6", "probe a silent peer: after, interval, count"},
        {"linger", "linger=5s", "let a close wait for the peer's acknowledgement, at most so long"},
        {"user-timeout", "user-timeout=30s", "give up on unacknowledged data after this time"},
        {"zero-copy", "zero-copy=64KiB", "send writes of at least this size without copying"},
        {"sndbuf", "sndbuf=1MiB", "bytes of the kernel's send buffer"},
        {"rcvbuf", "rcvbuf=1MiB", "bytes of the kernel's receive buffer"},
        {"congestion", "congestion=cubic", "name of the congestion control"},
        {"interface", "interface=eth0", "use this network interface only"},
        {"mark", "mark=7", "mark packets for firewall rules"},
        {"tos", "tos=16", "type of service of packets, 0 to 255"},
        {"bind", "bind=192.0.2.1", "connect from this address (and port)"},
        {"reuse-address", "reuse-address=no", "listen on a port that just ended"},
        {"reuse-port", "reuse-port", "share the port with other listeners"},
        {"v6only", "v6only", "listen for IPv6 only"},
        {"backlog", "backlog=4096", "connections that the kernel holds ready"},
        {"max-connections", "max-connections=100", "most connections at a time"},
    };
    return all;
}

result<unix_address> unix_address_of(const endpoint& place) {
    return place.transport() == "unix" ? unix_address::path(place.path())
                                       : unix_address::abstract(place.path());
}

task<result<listener_ptr>> listen_tcp(const endpoint& at, resolver& names) {
    const auto options = tcp_options_of(at);
    if (!options) {
        co_return fail(options.error());
    }
    const auto place = co_await resolve_to_listen(at, names);
    if (!place) {
        co_return fail(place.error());
    }
    co_return host::listen(*place, *options);
}

task<result<flow_ptr>> connect_unix(const endpoint& to) {
    const auto address = unix_address_of(to);
    const auto options = unix_options_of(to);
    if (!address || !options) {
        co_return fail(address ? options.error() : address.error());
    }
    co_return co_await host::connect(*address, *options);
}

task<result<listener_ptr>> listen_unix(const endpoint& at) {
    const auto address = unix_address_of(at);
    const auto options = unix_options_of(at);
    if (!address || !options) {
        co_return fail(address ? options.error() : address.error());
    }
    co_return host::listen(*address, *options);
}

/// `file:/path`, read; `?write`, `?append`, `?create` and `?update` open it for other uses.
result<file_options> file_options_of(const endpoint& place) {
    file_options options;
    const parameter* chosen = nullptr;
    constexpr std::pair<const char*, file_access> choices[] = {{"write", file_access::write},
                                                               {"append", file_access::append},
                                                               {"create", file_access::create},
                                                               {"update", file_access::read_write}};
    for (const auto& [name, access] : choices) {
        const parameter* given = place.params().find(name);
        if (given == nullptr) {
            continue;
        }
        if (chosen != nullptr) {
            return fail(given->bad("only one of write, append, create and update"));
        }
        chosen = given;
        options.access = access;
    }
    return options;
}

task<result<flow_ptr>> connect_file(const endpoint& to) {
    const auto options = file_options_of(to);
    if (!options) {
        co_return fail(options.error());
    }
    co_return co_await open_file(to.path(), *options);
}

task<result<flow_ptr>> connect_command(const endpoint& to) {
    auto started = spawn_shell(to.path());
    if (!started) {
        co_return fail(started.error());
    }
    co_return flow_ptr(*std::move(started));
}

/// A number of ours for a descriptor of the program: a flow closes what it owns.
result<unique_fd> duplicate(const endpoint& place) {
    const auto number = static_cast<int>(place.number().value_or(0));
    unique_fd own(::fcntl(number, F_DUPFD_CLOEXEC, 3));
    if (!own) {
        return fail(error::from_errno(errno, place.to_string()));
    }
    return own;
}

task<result<flow_ptr>> connect_descriptor(const endpoint& to) {
    auto own = duplicate(to);
    if (!own) {
        co_return fail(own.error());
    }
    co_return adopt_descriptor(std::move(*own));
}

task<result<listener_ptr>> listen_descriptor(const endpoint& at) {
    auto own = duplicate(at);
    if (!own) {
        co_return fail(own.error());
    }
    co_return adopt_listener(std::move(*own));
}

task<result<flow_ptr>> connect_stdio(const endpoint& /*to*/) {
    co_return open_stdio();
}

} // namespace

std::vector<parameter_info> unix_parameters(bool has_file) {
    std::vector<parameter_info> all{
        {"sndbuf", "sndbuf=1MiB", "bytes of the kernel's send buffer"},
        {"backlog", "backlog=4096", "connections that the kernel holds ready"},
        {"max-connections", "max-connections=100", "most connections at a time"},
    };
    if (has_file) {
        all.push_back({"mode", "mode=0660", "access rights of the socket's file"});
        all.push_back({"replace", "replace=no", "take the place of a socket nobody listens on"});
        all.push_back({"unlink", "unlink=no", "remove the socket's file at the end"});
    }
    return all;
}

void register_transports(transport_registry& registry, resolver& names) {
    registry.add(
        "tcp",
        {.connect = [&names](const endpoint& to) { return connect_tcp(to, names); },
         .listen = [&names](const endpoint& at) { return listen_tcp(at, names); },
         .parameters = tcp_parameters(),
         .check = [](const endpoint& place) { return without_value(tcp_options_of(place)); }});
    for (const bool has_file : {true, false}) {
        registry.add(
            has_file ? "unix" : "unix-abstract",
            {.connect = connect_unix,
             .listen = listen_unix,
             .parameters = unix_parameters(has_file),
             .check = [](const endpoint& place) { return without_value(unix_options_of(place)); }});
    }
    register_machine_transports(registry);
    registry.add("stdio", {.connect = connect_stdio});
    registry.add("exec", {.connect = connect_command});
    registry.add("fd", {.connect = connect_descriptor, .listen = listen_descriptor});
    registry.add(
        "file",
        {.connect = connect_file,
         .parameters =
             {
                 {"write", "write", "make the file, or empty it, and write"},
                 {"append", "append", "write behind the end of the file"},
                 {"create", "create", "make a file that must not exist yet, and write"},
                 {"update", "update", "read and write from the beginning"},
             },
         .check = [](const endpoint& place) { return without_value(file_options_of(place)); }});
}

} // namespace runnel::inline v0::host
