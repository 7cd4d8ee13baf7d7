// SPDX-License-Identifier: Apache-2.0
//
// TLS over the pipe, over TCP of the kernel and of our own stack, and over TLS, with either end as
// the client.

#include "transport.hpp"

#include "direct_way.hpp"
#include "runnel/async/when.hpp"
#include "runnel/flow/pipe.hpp"
#include "runnel/host/tcp.hpp"
#include "runnel/stack/tcp_flow.hpp"
#include "runnel/tls/certificate.hpp"
#include "runnel/tls/session.hpp"

#include <cstdlib>
#include <optional>
#include <tuple>

namespace runnel::conformance {
namespace {

/// One server and one client that trusts it, for each version.
struct pair_of_configs {
    explicit pair_of_configs(tls::version only) {
        const auto authority = tls::make_authority("test authority");
        tls::certificate_request request;
        request.names = {"server.test"};
        const auto own = tls::make_certificate(authority.value(), request);
        tls::server_options accepting;
        accepting.identities.push_back(own.value());
        accepting.least = accepting.greatest = only;
        tls::client_options connecting;
        connecting.authorities = authority->chain;
        connecting.least = connecting.greatest = only;
        server.emplace(tls::server_config::make(accepting).value());
        client.emplace(tls::client_config::make(connecting).value());
    }
    std::optional<tls::server_config> server;
    std::optional<tls::client_config> client;
};

const pair_of_configs& configs(tls::version only) {
    static const pair_of_configs older(tls::version::tls_1_2);
    static const pair_of_configs newer(tls::version::tls_1_3);
    return only == tls::version::tls_1_2 ? older : newer;
}

using flows = std::pair<flow_ptr, flow_ptr>;

/// Both handshakes, with the first flow as the client, or the second.
task<result<flows>> wrap(flows below, tls::version only, bool first_is_client) {
    const pair_of_configs& use = configs(only);
    if (!first_is_client) {
        std::swap(below.first, below.second);
    }
    auto both = co_await when_all(tls::client(std::move(below.first), *use.client, "server.test"),
                                  tls::server(std::move(below.second), *use.server));
    if (!std::get<0>(both)) {
        co_return fail(std::get<0>(both).error());
    }
    if (!std::get<1>(both)) {
        co_return fail(std::get<1>(both).error());
    }
    flows made(std::move(*std::get<0>(both)), std::move(*std::get<1>(both)));
    if (!first_is_client) {
        std::swap(made.first, made.second);
    }
    co_return made;
}

enum class below : std::uint8_t { pipe, tcp, stack, tls };

class tls_transport final : public transport {
public:
    tls_transport(std::string name, below how, tls::version only, bool first_is_client)
        : name_(std::move(name)), how_(how), version_(only), first_is_client_(first_is_client) {}

    [[nodiscard]] std::string name() const override { return name_; }
    [[nodiscard]] std::vector<backend_kind> backends() const override {
        return how_ == below::tcp ? kernel_backends() : std::vector{backend_kind::virtual_time};
    }
    [[nodiscard]] traits properties() const override {
        const bool through_network = how_ == below::tcp || how_ == below::stack;
        return {.buffering = through_network ? std::size_t{3} << 20 : std::size_t{1} << 20,
                .keeps = std::size_t{64} * 1024,
                .bulk = std::size_t{16} << 20};
    }

    task<result<flows>> connect(scope& /*helpers*/) override {
        static_cast<void>(configs(version_)); // made outside of what the tests count
        auto made = co_await connect_below();
        if (made && how_ == below::tls) {
            made = co_await wrap(std::move(*made), tls::version::tls_1_3, first_is_client_);
        }
        if (!made) {
            co_return made;
        }
        co_return co_await wrap(std::move(*made), version_, first_is_client_);
    }

    void disconnect() override {
        a_.reset();
        b_.reset();
    }

private:
    /// Two layers of TCP without a network between them.
    task<result<flows>> connect_stack() {
        if (a_ == nullptr) {
            stack::tcp_layer::options how;
            how.config.max_receive_buffer = how.config.max_send_buffer = 256U << 10U;
            constexpr std::uint32_t burst = 65'000;
            a_ = std::make_unique<stack::direct_way>(*ip_address::parse("10.0.0.1"), burst, how);
            b_ = std::make_unique<stack::direct_way>(*ip_address::parse("10.0.0.2"), burst, how);
            a_->join(*b_);
            b_->join(*a_);
        }
        auto listener = stack::listen(b_->driver(), {*ip_address::parse("10.0.0.2"), 0});
        if (!listener) {
            co_return fail(listener.error());
        }
        const ip_endpoint at = *(*listener)->local().ip();
        auto both = co_await when_all(stack::connect(a_->driver(), at), (*listener)->accept());
        if (!std::get<0>(both)) {
            co_return fail(std::get<0>(both).error());
        }
        if (!std::get<1>(both)) {
            co_return fail(std::get<1>(both).error());
        }
        co_return flows(std::move(*std::get<0>(both)), std::move(*std::get<1>(both)));
    }

    task<result<flows>> connect_below() {
        if (how_ == below::stack) {
            co_return co_await connect_stack();
        }
        if (how_ != below::tcp) {
            co_return make_pipe({.capacity = std::size_t{64} * 1024});
        }
        host::tcp_options options;
        options.send_buffer = options.receive_buffer = 128 * 1024;
        auto listener = host::listen(ip_endpoint(*ip_address::parse("127.0.0.1"), 0), options);
        if (!listener) {
            co_return fail(listener.error());
        }
        const ip_endpoint at = *(*listener)->local().ip();
        auto both = co_await when_all(host::connect(at, options), (*listener)->accept());
        if (!std::get<0>(both)) {
            co_return fail(std::get<0>(both).error());
        }
        if (!std::get<1>(both)) {
            co_return fail(std::get<1>(both).error());
        }
        co_return flows(std::move(*std::get<0>(both)), std::move(*std::get<1>(both)));
    }

    std::string name_;
    below how_;
    tls::version version_;
    bool first_is_client_;
    std::unique_ptr<stack::direct_way> a_;
    std::unique_ptr<stack::direct_way> b_;
};

using enum tls::version;
const registration pipe_client(std::make_unique<tls_transport>("pipe_client", below::pipe, tls_1_3,
                                                               true));
const registration pipe_server(std::make_unique<tls_transport>("pipe_server", below::pipe, tls_1_3,
                                                               false));
const registration older_client(std::make_unique<tls_transport>("tls_1_2_client", below::pipe,
                                                                tls_1_2, true));
const registration older_server(std::make_unique<tls_transport>("tls_1_2_server", below::pipe,
                                                                tls_1_2, false));
const registration tcp_client(std::make_unique<tls_transport>("tcp_client", below::tcp, tls_1_3,
                                                              true));
const registration tcp_server(std::make_unique<tls_transport>("tcp_server", below::tcp, tls_1_3,
                                                              false));
const registration stack_client(std::make_unique<tls_transport>("stack_client", below::stack,
                                                                tls_1_3, true));
const registration stack_server(std::make_unique<tls_transport>("stack_server", below::stack,
                                                                tls_1_3, false));
const registration nested(std::make_unique<tls_transport>("tls_in_tls", below::tls, tls_1_3, true));

} // namespace
} // namespace runnel::conformance
