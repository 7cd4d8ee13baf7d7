// SPDX-License-Identifier: Apache-2.0
#include "runnel/tls/transports.hpp"

#include "runnel/async/loop.hpp"
#include "runnel/core/check.hpp"
#include "runnel/flow/scheme.hpp"
#include "runnel/tls/session.hpp"

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <sys/stat.h>

namespace runnel::inline v0::tls {
namespace {

/// How often a listener looks at its files.
constexpr duration look_interval = std::chrono::seconds(1);

const std::vector<parameter_info>& layer_parameters() {
    static const std::vector<parameter_info> all{
        {"cert", "cert=server.pem", "our certificate and its chain (PEM); several between commas"},
        {"key", "key=server.key", "its private key, where the certificate's file lacks it"},
        {"ca", "ca=authority.pem", "authorities that the peer's certificate has to come from"},
        {"crl", "crl=revoked.pem", "revocation lists of these authorities"},
        {"verify", "verify=no", "do not check the server's certificate"},
        {"sni", "sni=example.org", "the server's name, if not the endpoint's host"},
        {"pin", "pin=9f86d081", "SHA-256 of the server's certificate or key"},
        {"client-cert", "client-cert=optional", "ask clients: none, optional or required"},
        {"ocsp", "ocsp=response.der", "the OCSP response to staple"},
        {"staple", "staple=required", "the server's OCSP response: ignored, checked or required"},
        {"alpn", "alpn=h2,http/1.1", "application protocols, the best first"},
        {"tls-min", "tls-min=1.3", "the least version, 1.2 or 1.3"},
        {"tls-max", "tls-max=1.2", "the greatest version"},
        {"resume", "resume=no", "do not resume sessions"},
        {"half-close", "half-close=no", "do not end the flow below with our close_notify"},
        {"handshake-timeout", "handshake-timeout=5s", "how long a handshake may take (10s)"},
        {"early-data", "early-data=16KiB", "early data to take from clients that resume (none)"},
        {"pool", "pool=yes", "compute handshakes on other threads than the loop's"},
        {"key-log", "key-log=keys.txt", "append the secrets of sessions to this file"},
    };
    return all;
}

/// What tells whether a file changed.
struct file_mark {
    std::string path;
    std::int64_t seconds = 0;
    std::int64_t nanoseconds = 0;
    std::uint64_t inode = 0;
    friend bool operator==(const file_mark&, const file_mark&) = default;
};

std::vector<file_mark> marks_of(const endpoint& place) {
    std::vector<file_mark> all;
    for (const std::string_view name : {"cert", "key", "ca", "crl", "ocsp"}) {
        const parameter* given = place.params().find(name);
        if (given == nullptr) {
            continue;
        }
        for (const parameter& item : given->items()) {
            struct ::stat found{};
            file_mark mark;
            mark.path = item.text();
            if (::stat(mark.path.c_str(), &found) == 0) {
                mark.seconds = found.st_mtim.tv_sec;
                mark.nanoseconds = found.st_mtim.tv_nsec;
                mark.inode = found.st_ino;
            }
            all.push_back(std::move(mark));
        }
    }
    return all;
}

/// The configurations of all endpoints that were opened, for every loop.
class configurations {
public:
    result<client_config> client_of(const endpoint& place) {
        const std::scoped_lock lock(mutex_);
        const std::string key = place.to_string();
        if (const auto found = clients_.find(key); found != clients_.end()) {
            return found->second;
        }
        auto options = client_options_of(place);
        if (!options) {
            return fail(options.error());
        }
        auto made = client_config::make(std::move(*options));
        if (!made) {
            return fail(made.error());
        }
        clients_.emplace(key, *made);
        return made;
    }

    result<server_config> server_of(const endpoint& place) {
        const std::scoped_lock lock(mutex_);
        const std::string key = place.to_string();
        const time_point now = loop::current().now();
        const auto found = servers_.find(key);
        if (found != servers_.end()) {
            refresh(found->second, place, now);
            return found->second.config;
        }
        const std::vector<file_mark> marks = marks_of(place);
        auto options = server_options_of(place);
        if (!options) {
            return fail(options.error());
        }
        auto made = server_config::make(std::move(*options));
        if (!made) {
            return fail(made.error());
        }
        servers_.emplace(key, entry{*made, marks, now});
        return made;
    }

private:
    struct entry {
        server_config config;
        std::vector<file_mark> marks;
        time_point looked;
    };

    static void refresh(entry& known, const endpoint& place, time_point now) {
        if (now - known.looked < look_interval) {
            return;
        }
        known.looked = now;
        std::vector<file_mark> marks = marks_of(place);
        if (marks == known.marks) {
            return;
        }
        auto options = server_options_of(place);
        if (!options) {
            return;
        }
        auto renewed = known.config.renewed(std::move(*options));
        if (renewed) {
            known.config = *renewed;
            known.marks = std::move(marks);
        }
    }

    std::mutex mutex_;
    std::map<std::string, client_config> clients_;
    std::map<std::string, entry> servers_;
};

task<result<flow_ptr>> connect_layer(std::shared_ptr<configurations> all, flow_ptr below,
                                     endpoint whole) {
    const auto config = all->client_of(whole);
    if (!config) {
        below->abort();
        co_return fail(config.error());
    }
    auto made = co_await client(std::move(below), *config, whole.host());
    if (!made) {
        co_return fail(made.error().wrap("connect " + whole.to_string()));
    }
    co_return flow_ptr(std::move(*made));
}

task<result<flow_ptr>> accept_layer(std::shared_ptr<configurations> all, flow_ptr below,
                                    endpoint whole) {
    const auto config = all->server_of(whole);
    if (!config) {
        below->abort();
        co_return fail(config.error());
    }
    auto made = co_await server(std::move(below), *config);
    if (!made) {
        co_return fail(made.error());
    }
    co_return flow_ptr(std::move(*made));
}

} // namespace

void register_layer(transport_registry& registry) {
    const auto known = register_scheme(
        {.name = "tls", .form = scheme_form::layer, .example = "tls+tcp://host:443"});
    check(known.has_value(), "the name of the layer is free");
    const auto all = std::make_shared<configurations>();
    transport_layer layer;
    layer.connect = [all](flow_ptr below, const endpoint& whole) {
        return connect_layer(all, std::move(below), whole);
    };
    layer.accept = [all](flow_ptr below, const endpoint& whole) {
        return accept_layer(all, std::move(below), whole);
    };
    layer.check_listen = [all](const endpoint& whole) -> result<void> {
        const auto config = all->server_of(whole);
        return config ? result<void>() : fail(config.error());
    };
    layer.parameters = layer_parameters();
    registry.add_layer("tls", std::move(layer));
}

} // namespace runnel::inline v0::tls
