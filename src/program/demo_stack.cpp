// SPDX-License-Identifier: Apache-2.0
#include "demo_parts.hpp"
#include "human.hpp"

#include "runnel/async/scope.hpp"
#include "runnel/stack/link/memory_link.hpp"
#include "runnel/stack/stack_definition.hpp"
#include "runnel/stack/tcp_flow.hpp"
#include "runnel/tls/certificate.hpp"
#include "runnel/tls/session.hpp"

#include <fmt/format.h>

#include <chrono>

namespace runnel::inline v0::program {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20U;
/// What is sent over the bad line, and over each cable.
constexpr std::uint64_t volume_on_line = 4 * mebibyte;
constexpr std::uint64_t volume_on_cable = 256 * mebibyte;

constexpr std::string_view line = "loss=1%,delay=10ms";
constexpr const char* server_name = "server.demo";
const ip_endpoint server_place(ipv4_address(10, 0, 0, 2), 80);

/// What is told of a transfer over a bad line.
struct line_report {
    hashes content = {};
    duration handshake{};
    duration tls_handshake{};
    tls::session_info session = {};
    duration took{};
    std::uint64_t frames_sent = 0; // by the client
    std::uint64_t frames_arrived = 0;
    std::uint64_t packets = 0; // IP, both ways
    std::uint64_t arp = 0;
    stack::tcp_info flow = {}; // the client's, after all was sent
    stack::tcp_counters counters = {};
};

/// A server's certificate, and what a client needs to trust it.
struct trust {
    tls::server_config server;
    tls::client_config client;
};

result<trust> make_trust() {
    const auto authority = tls::make_authority("authority of the demonstration");
    if (!authority) {
        return fail(authority.error());
    }
    tls::certificate_request request;
    request.names = {server_name};
    const auto own = tls::make_certificate(*authority, request);
    if (!own) {
        return fail(own.error());
    }
    tls::server_options serving;
    serving.identities = {*own};
    tls::client_options asking;
    asking.authorities = authority->chain;
    const auto server = tls::server_config::make(serving);
    const auto client = tls::client_config::make(asking);
    if (!server || !client) {
        return fail(server ? client.error() : server.error());
    }
    return trust{*server, *client};
}

/// Two hosts with a bad line between them: the first asks, the second answers.
task<result<void>> run_on_line(const std::string& capture, line_report& report) {
    const std::string seen = capture.empty() ? std::string() : ",capture=" + capture;
    const std::string first =
        fmt::format("client=memory:demo,address=10.0.0.1/24,{}{}", line, seen);
    const std::string second = fmt::format("server=memory:demo,address=10.0.0.2/24,{}", line);
    const auto client = stack::open_stack(*stack::stack_definition::parse(first));
    const auto server = stack::open_stack(*stack::stack_definition::parse(second));
    if (!client || !server) {
        co_return fail(client ? server.error() : client.error());
    }
    const result<trust> keys = make_trust();
    if (!keys) {
        co_return fail(keys.error());
    }
    result<listener_ptr> listener = stack::listen((*server)->tcp(), server_place);
    if (!listener) {
        co_return fail(listener.error());
    }
    const auto all = [&](scope& beside) -> task<result<void>> {
        const auto serve = [&]() -> task<result<void>> {
            result<flow_ptr> accepted = co_await (*listener)->accept();
            if (!accepted) {
                co_return fail(accepted.error());
            }
            const auto secured = co_await tls::server(std::move(*accepted), keys->server);
            if (!secured) {
                co_return fail(secured.error());
            }
            co_return co_await think_and_answer(**secured, 0s);
        };
        beside.spawn(serve, "server");
        const time_point start = loop::current().now();
        auto opened = co_await stack::connect((*client)->tcp(), server_place);
        if (!opened) {
            co_return fail(opened.error());
        }
        report.handshake = loop::current().now() - start;
        const auto secured = co_await tls::client(std::move(*opened), keys->client, server_name);
        if (!secured) {
            co_return fail(secured.error());
        }
        report.tls_handshake = loop::current().now() - start - report.handshake;
        report.session = (*secured)->info();
        const result<hashes> done = co_await ask(**secured, volume_on_line);
        report.took = loop::current().now() - start;
        if (!done) {
            co_return fail(done.error());
        }
        report.content = *done;
        co_return result<void>();
    };
    const result<void> done = co_await with_scope(all);
    report.frames_sent = (*client)->net().device(1).statistics().frames_sent;
    report.frames_arrived = (*server)->net().device(1).statistics().frames_received;
    report.packets =
        (*client)->net().counters().packets_sent + (*server)->net().counters().packets_sent;
    report.arp = (*client)->net().counters().arp_sent + (*server)->net().counters().arp_sent;
    report.counters = (*client)->tcp().layer().counters();
    co_return done;
}

void tell_line(storyteller& story, const line_report& report) {
    const stack::tcp_counters& tcp = report.counters;
    story.say(fmt::format("  handshake  {}, with the question of ARP before it",
                          human_duration(report.handshake)));
    story.say(fmt::format("  TLS 1.3    {} more, {} and {}", human_duration(report.tls_handshake),
                          report.session.suite, report.session.group));
    story.say(fmt::format("  link       {} frames sent by the client, {} arrived",
                          report.frames_sent, report.frames_arrived));
    story.say(fmt::format("  network    {} IP and {} ARP packets, both ways", report.packets,
                          report.arp));
    story.say(fmt::format("  TCP        {} segments, {} sent again in {} and {}", tcp.segments_sent,
                          human_bytes(static_cast<double>(tcp.bytes_retransmitted)),
                          plural(tcp.fast_recoveries, "fast retransmission"),
                          plural(tcp.retransmission_timeouts, "timeout")));
}

void show_line(storyteller& story, io_backend& clock, const std::string& capture) {
    story.title("Two hosts of the TCP/IP stack on a bad line, in virtual time");
    story.say(fmt::format("  A client sends {} through TLS over 20 ms there and back with 1 % "
                          "loss. The server answers with its hash.",
                          human_bytes(static_cast<double>(volume_on_line))));
    loop_options options;
    options.backend = backend_kind::virtual_time;
    const auto own = loop::create(options);
    if (!own) {
        story.check(fail(own.error()), "virtual time");
        return;
    }
    const time_point start = clock.now();
    line_report report;
    const result<void> done = (*own)->run(run_on_line(capture, report));
    const duration real = clock.now() - start;
    story.check(done, "both sides closed");
    if (!done) {
        return;
    }
    tell_line(story, report);
    story.check(report.content.sent == report.content.received,
                fmt::format("{} of virtual time took {}, hashes equal", human_duration(report.took),
                            human_duration(real)));
    if (!capture.empty()) {
        story.say("  packets    in " + capture);
    }
}

/// One end of a cable and the stack above it.
void plug_in(stack::ip_stack& host, std::unique_ptr<stack::link> device, ipv4_address address) {
    const auto port = host.net().add_interface(std::move(device), {}, host.now());
    static_cast<void>(host.net().add_address(port, ip_prefix(address, 24), host.now()));
    host.arm();
}

task<result<std::uint64_t>> count_to_the_end(flow& source) {
    std::uint64_t count = 0;
    for (;;) {
        const result<buffer> data = co_await source.read();
        if (!data) {
            if (data.error() != errc::end) {
                co_return fail(data.error());
            }
            co_return count;
        }
        count += data->size();
    }
}

task<result<void>> pour(flow& target) {
    const buffer block = buffer::copy_of(std::string(mebibyte, 'x'));
    for (std::uint64_t sent = 0; sent < volume_on_cable; sent += block.size()) {
        const write_result written = co_await target.write(block.share());
        if (!written) {
            co_return fail(written.error());
        }
    }
    co_return co_await target.close();
}

/// Gives how many bytes arrived.
task<result<std::uint64_t>> run_on_cable(stack::memory_link_options how) {
    stack::ip_stack client;
    stack::ip_stack server;
    auto cable =
        stack::make_memory_pair(how, mac_address(2, 0, 0, 0, 0, 1), mac_address(2, 0, 0, 0, 0, 2));
    plug_in(client, std::move(cable.first), ipv4_address(10, 0, 0, 1));
    plug_in(server, std::move(cable.second), ipv4_address(10, 0, 0, 2));
    result<listener_ptr> listener = stack::listen(server.tcp(), server_place);
    if (!listener) {
        co_return fail(listener.error());
    }
    const auto all = [&](scope& beside) -> task<result<std::uint64_t>> {
        const auto send = [&]() -> task<result<void>> {
            const auto opened = co_await stack::connect(client.tcp(), server_place);
            if (!opened) {
                co_return fail(opened.error());
            }
            co_return co_await pour(**opened);
        };
        beside.spawn(send, "client");
        const result<flow_ptr> accepted = co_await (*listener)->accept();
        if (!accepted) {
            co_return fail(accepted.error());
        }
        const result<std::uint64_t> count = co_await count_to_the_end(**accepted);
        const result<void> closed = co_await (*accepted)->close();
        co_return closed ? count : result<std::uint64_t>(fail(closed.error()));
    };
    co_return co_await with_scope(all);
}

void show_cable(storyteller& story, io_backend& clock, std::string_view name,
                const stack::memory_link_options& how) {
    loop_options options;
    options.backend = backend_kind::epoll;
    const auto own = loop::create(options);
    if (!own) {
        story.check(fail(own.error()), name);
        return;
    }
    const time_point start = clock.now();
    const result<std::uint64_t> arrived = (*own)->run(run_on_cable(how));
    const duration took = clock.now() - start;
    story.check(
        arrived && *arrived == volume_on_cable,
        arrived ? fmt::format("{}  {}, {}", name, human_duration(took), human_rate(*arrived, took))
                : fmt::format("{}: {}", name, human_error(arrived.error())));
}

} // namespace

void show_stack(storyteller& story, io_backend& clock, const std::string& capture) {
    show_line(story, clock, capture);
    story.title("The same two hosts on a cable, as fast as they can");
    story.say(fmt::format("  {} from one to the other, both on one processor.",
                          human_bytes(static_cast<double>(volume_on_cable))));
    stack::memory_link_options how;
    show_cable(story, clock, "packets of 1500 bytes, checksums made and verified", how);
    how.capabilities = stack::link_capabilities::all();
    show_cable(story, clock, "whole 64 KiB segments, as over a TAP device       ", how);
}

} // namespace runnel::inline v0::program
