// SPDX-License-Identifier: Apache-2.0
#include "command.hpp"
#include "human.hpp"
#include "interrupt.hpp"
#include "places.hpp"

#include "runnel/async/deadline.hpp"
#include "runnel/async/scope.hpp"
#include "runnel/flow/proxy.hpp"
#include "runnel/host/hybrid_vsock.hpp"
#include "runnel/host/inherited.hpp"
#include "runnel/host/unix.hpp"
#include "runnel/host/vsock_device.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace runnel::inline v0::program {
namespace {

using host::vsock_device;

/// How long a client may take to say which port it wants, and a guest to answer.
constexpr duration longest_opening = std::chrono::seconds(10);
/// "CONNECT ", a number of 32 bits and the end of the line.
constexpr std::size_t longest_request = 19;

/// The port in `CONNECT port`, without the end of the line.
std::optional<std::uint32_t> port_in(std::string_view line) {
    constexpr std::string_view word = "CONNECT ";
    std::uint32_t port = 0;
    if (!line.starts_with(word)) {
        return std::nullopt;
    }
    line.remove_prefix(word.size());
    const auto [end, problem] = std::from_chars(line.data(), line.data() + line.size(), port);
    return problem == std::errc() && end == line.data() + line.size() ? std::optional(port)
                                                                      : std::nullopt;
}

/// Reads the line with which a client begins, and no byte of what follows it.
task<result<std::uint32_t>> read_request(flow& from) {
    std::string line;
    while (line.empty() || line.back() != '\n') {
        std::array<std::byte, 1> next{};
        const result<std::size_t> got = co_await from.read_into(next);
        if (!got) {
            co_return fail(got.error());
        }
        line += std::to_integer<char>(next[0]);
        if (line.size() > longest_request) {
            break;
        }
    }
    line.pop_back();
    if (const auto port = port_in(line)) {
        co_return *port;
    }
    co_return fail(errc::protocol_error, "expected 'CONNECT' and a port");
}

class vsock_device_command final : public command {
public:
    vsock_device_command()
        : command("vsock-device", "give a virtual machine vsock without the host's kernel") {}

    void declare(option_set& options) override;
    int run(const session& session) override;

private:
    task<result<void>> serve(const session& session);
    task<result<void>> serve_all(const session& session, vsock_device& device);
    task<void> take_guests(const session& session, vsock_device& device);
    task<void> take_clients(const session& session, listener& at, vsock_device& device,
                            scope& tasks);
    task<void> take_ports(const session& session, listener& at, std::optional<endpoint> to,
                          scope& tasks);
    task<void> serve_client(const session& session, flow_ptr client, vsock_device& device);
    task<void> serve_port(const session& session, flow_ptr client, std::optional<endpoint> to);
    task<result<flow_ptr>> open_for(const flow& client, const std::optional<endpoint>& to);

    std::string socket_;
    std::string path_;
    std::uint64_t cid_ = 3;
    std::map<std::uint32_t, endpoint> forwards_;
    bool may_shrink_ = false;
};

void vsock_device_command::declare(option_set& options) {
    options.describe("Is the vsock device of a virtual machine, for hypervisors that leave it to "
                     "another process (vhost-user): QEMU and crosvm, for example. Connections "
                     "between the guest and its host are then flows of this program, and the "
                     "host's kernel needs no module.");
    options.describe("Other programs reach the guest as those of Firecracker and Cloud Hypervisor: "
                     "by the socket of --path, also as firecracker://:PORT/PATH.");
    options.text("--socket", "PATH", socket_,
                 "Where the hypervisor connects. One at a time is served; it may come again.",
                 value_kind::file);
    options.number("--cid", "N", cid_, "The number of the guest.", "3", 3, 0xFFFF'FFFE);
    options.text("--path", "PATH", path_,
                 "A Unix socket at which others ask for a port of the guest by a line "
                 "'CONNECT PORT'. What the guest connects to at its host leads to the socket with "
                 "_PORT behind this name.",
                 value_kind::file);
    option_page forward{.names = {"--forward"}, .kind = value_kind::text, .value = "PORT=ENDPOINT"};
    forward.text = "What the guest connects to at this port of its host leads to the endpoint. Any "
                   "number of times.";
    forward.repeats = true;
    options.add(std::move(forward), [this](std::string_view given) -> result<void> {
        std::uint32_t port = 0;
        const auto [end, problem] =
            std::from_chars(given.data(), given.data() + given.size(), port);
        const auto used = static_cast<std::size_t>(end - given.data());
        if (problem != std::errc() || used == given.size() || *end != '=') {
            return fail(errc::invalid_argument, "expected a port, '=' and an endpoint");
        }
        auto to = endpoint::parse(given.substr(used + 1));
        if (!to) {
            return fail(to.error());
        }
        if (auto fine = transports().check(*to); !fine) {
            return fine;
        }
        forwards_.insert_or_assign(port, *std::move(to));
        return {};
    });
    options.flag("--may-shrink", may_shrink_,
                 "Accept guest memory that the hypervisor could shorten, which would end this "
                 "process; needed where it is not from memfd_create(2).");
    options.example("Port 5000 of the host, as the guest sees it, is a local server:",
                    "runnel vsock-device --socket /run/vm.vhost --forward 5000=tcp://127.0.0.1:80");
    options.example("Reach port 1024 of the guest by other commands:",
                    "runnel relay - firecracker://:1024/run/vm.vsock");
    options.exit(exit_failed, "could not listen");
    options.exit(exit_interrupted, "ended by a signal");
}

int vsock_device_command::run(const session& session) {
    if (socket_.empty()) {
        return session.usage_error("--socket is missing");
    }
    if (path_.empty() && forwards_.empty()) {
        return session.usage_error("nothing leads anywhere: give --path or --forward");
    }
    const std::unique_ptr<loop> own = session.make_loop();
    if (own == nullptr) {
        return exit_failed;
    }
    result<void> done;
    if (own->run(until_interrupted(serve(session), done))) {
        return exit_interrupted;
    }
    session.complain(done.error());
    return exit_failed;
}

task<result<void>> vsock_device_command::serve(const session& session) {
    const result<host::unix_address> place = host::unix_address::path(socket_);
    if (!place) {
        co_return fail(place.error());
    }
    host::vsock_device_options how;
    how.cid = static_cast<std::uint32_t>(cid_);
    how.may_shrink = may_shrink_;
    result<vsock_device> device = vsock_device::open(*place, how);
    if (!device) {
        co_return fail(device.error());
    }
    co_return co_await serve_all(session, *device);
}

task<result<void>> vsock_device_command::serve_all(const session& session, vsock_device& device) {
    std::vector<std::pair<listener_ptr, std::optional<endpoint>>> ports;
    for (const auto& [port, to] : forwards_) {
        auto at = device.listen(port);
        if (!at) {
            co_return fail(at.error());
        }
        ports.emplace_back(std::move(*at), to);
    }
    listener_ptr clients;
    if (!path_.empty()) {
        const result<host::unix_address> place = host::unix_address::path(path_);
        auto at = place ? host::listen(*place) : result<listener_ptr>(fail(place.error()));
        auto rest = device.listen(vsock_device::any_port);
        if (!at || !rest) {
            co_return fail(at ? rest.error() : at.error());
        }
        clients = std::move(*at);
        ports.emplace_back(std::move(*rest), std::nullopt);
    }
    session.complain(fmt::format("listening on unix:{}", socket_));
    static_cast<void>(host::notify_manager("READY=1"));
    const auto body = [&](scope& tasks) -> task<void> {
        for (auto& [at, to] : ports) {
            tasks.spawn(take_ports(session, *at, to, tasks), "connections of the guest");
        }
        if (clients != nullptr) {
            tasks.spawn(take_clients(session, *clients, device, tasks), "connections to the guest");
        }
        co_await take_guests(session, device);
        tasks.request_stop();
        co_await tasks.join();
    };
    static_cast<void>(co_await with_scope(body));
    co_return fail(errc::closed);
}

task<void> vsock_device_command::take_guests(const session& session, vsock_device& device) {
    std::function<void(const error&)> told = [&session](const error& why) {
        if (why == errc::end) {
            session.complain("the hypervisor hung up");
        } else {
            session.complain(why.wrap("the hypervisor"));
        }
    };
    const result<void> done = co_await device.run(std::move(told));
    if (!done && !(done.error() == errc::cancelled)) {
        session.complain(done.error());
    }
}

task<void> vsock_device_command::take_clients(const session& session, listener& at,
                                              vsock_device& device, scope& tasks) {
    for (;;) {
        auto client = co_await at.accept();
        if (!client) {
            break;
        }
        tasks.spawn(serve_client(session, std::move(*client), device), "connection to the guest");
    }
}

task<void> vsock_device_command::take_ports(const session& session, listener& at,
                                            std::optional<endpoint> to, scope& tasks) {
    for (;;) {
        auto client = co_await at.accept();
        if (!client) {
            break;
        }
        tasks.spawn(serve_port(session, std::move(*client), to), "connection of the guest");
    }
}

task<void> vsock_device_command::serve_client(const session& session, flow_ptr client,
                                              vsock_device& device) {
    const auto port = co_await with_timeout(longest_opening, read_request(*client));
    if (!port) {
        co_return;
    }
    auto guest = co_await with_timeout(longest_opening, device.connect(*port));
    if (!guest) {
        session.complain(guest.error().wrap(fmt::format("port {} of the guest", *port)));
        co_return;
    }
    const auto own = endpoint::parse((*guest)->local().to_string());
    const std::string answer = fmt::format("OK {}\n", own ? own->port().value_or(0) : 0);
    const write_result said = co_await client->write(buffer::copy_of(answer));
    if (said) {
        static_cast<void>(co_await proxy(*client, **guest));
    }
}

task<result<flow_ptr>> vsock_device_command::open_for(const flow& client,
                                                      const std::optional<endpoint>& to) {
    if (to) {
        co_return co_await with_timeout(longest_opening, open_flow(*to));
    }
    const auto asked = endpoint::parse(client.local().to_string());
    const auto place = host::hybrid_vsock_address(host::hybrid_vsock_kind::connect_line, path_,
                                                  asked ? asked->port().value_or(0) : 0)
                           .host_socket();
    if (!place) {
        co_return fail(place.error());
    }
    result<host::unix_flow_ptr> opened =
        co_await with_timeout(longest_opening, host::connect(*place));
    if (!opened) {
        co_return fail(opened.error());
    }
    co_return flow_ptr(std::move(*opened));
}

task<void> vsock_device_command::serve_port(const session& session, flow_ptr client,
                                            std::optional<endpoint> to) {
    const auto target = co_await open_for(*client, to);
    if (!target) {
        session.complain(target.error().wrap("a connection of the guest"));
        co_return;
    }
    static_cast<void>(co_await proxy(*client, **target));
}

} // namespace

std::unique_ptr<command> make_vsock_device_command() {
    return std::make_unique<vsock_device_command>();
}

} // namespace runnel::inline v0::program
