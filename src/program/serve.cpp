// SPDX-License-Identifier: Apache-2.0
#include "command.hpp"
#include "development_certificate.hpp"
#include "places.hpp"
#include "serve_handler.hpp"
#include "server.hpp"

#include "runnel/flow/percent.hpp"
#include "runnel/host/folder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <unistd.h>

namespace runnel::inline v0::program {
namespace {

constexpr std::string_view default_place = "tcp://127.0.0.1:8080";
/// A certificate that was made longer ago is made anew. It is valid for a year.
constexpr auto certificate_age = std::chrono::hours(24 * 300);

std::string variable(const char* name) {
    const char* const value = std::getenv(name); // NOLINT(concurrency-mt-unsafe): one thread yet
    return value == nullptr ? std::string() : std::string(value);
}

/// Where the authority of this user and its certificates are.
result<std::string> certificate_folder() {
    if (const std::string data = variable("XDG_DATA_HOME"); data.starts_with('/')) {
        return data + "/runnel/tls";
    }
    const std::string home = variable("HOME");
    if (home.empty()) {
        return fail(errc::not_found, "--tls needs a home folder for its certificate");
    }
    return home + "/.local/share/runnel/tls";
}

/// The path of a certificate for this machine, without its ending.
result<std::string> local_certificate() {
    development_certificate wanted;
    const result<std::string> folder = certificate_folder();
    if (!folder) {
        return fail(folder.error());
    }
    wanted.folder = *folder;
    wanted.names = {"localhost", "127.0.0.1", "::1"};
    std::array<char, 256> host{};
    if (::gethostname(host.data(), host.size() - 1) == 0 && host[0] != '\0') {
        wanted.names.emplace_back(host.data());
    }
    wanted.use = tls::certificate_use::server;
    std::string made = wanted.folder + "/localhost";
    std::error_code none;
    const auto written = std::filesystem::last_write_time(made + ".pem", none);
    if (!none && std::filesystem::exists(made + ".key") &&
        decltype(written)::clock::now() - written < certificate_age) {
        return made;
    }
    return make_development_certificate(wanted);
}

/// The endpoint with parameters behind those that it has.
result<endpoint> with_parameters(const std::string& text, const endpoint& at,
                                 const std::string& parameters) {
    return endpoint::parse(text + (at.params().empty() ? "?" : "&") + parameters);
}

bool has_tls(const endpoint& at) {
    return std::ranges::find(at.layers(), "tls") != at.layers().end();
}

/// How a browser names what listens there; empty if it cannot.
std::string url_of(const endpoint& bound) {
    if (bound.transport() != "tcp" || bound.layers().size() > (has_tls(bound) ? 1U : 0U)) {
        return {};
    }
    const bool any = bound.host() == "0.0.0.0" || bound.host() == "::" || bound.host().empty();
    const std::string host = any ? "localhost"
                             : bound.host().find(':') != std::string::npos
                                 ? "[" + bound.host() + "]"
                                 : bound.host();
    return fmt::format("{}://{}:{}/", has_tls(bound) ? "https" : "http", host,
                       bound.port().value_or(0));
}

class serve_command final : public command {
public:
    serve_command() : command("serve", "serve a folder by HTTP") {
        files_.limits.body = std::uint64_t{1} << 30U;
    }

    void declare(option_set& options) override;
    int run(const session& session) override;

private:
    void declare_files(option_set& options);
    void declare_proxies(option_set& options);
    [[nodiscard]] result<std::vector<endpoint>> places(const session& session) const;

    std::optional<std::string> folder_;
    std::vector<endpoint> listen_;
    bool tls_ = false;
    std::string index_ = "index.html";
    std::string health_;
    serve_options files_;
    server_options serving_;
};

void serve_command::declare(option_set& options) {
    options.describe("Serves the files of a folder by HTTP/1.1 at any endpoint: TCP, TLS, Unix "
                     "sockets, machine sockets, stacks of our own. Downloads can be resumed, and "
                     "browsers ask only for what changed. Nothing outside of the folder is served, "
                     "wherever links lead, and no names that begin with a dot.");
    option_page folder;
    folder.names = {"DIR"};
    folder.kind = value_kind::file;
    folder.value = "DIR";
    folder.text = "The folder.";
    folder.fallback = "this one; with --proxy: none";
    options.add(std::move(folder), [this](std::string_view given) -> result<void> {
        folder_ = std::string(given);
        return {};
    });
    option_page listen;
    listen.names = {"-l", "--listen"};
    listen.kind = value_kind::endpoint;
    listen.value = "ENDPOINT";
    listen.text = "Where to listen. Port 0 takes any free one, which is then shown.";
    listen.fallback = std::string(default_place);
    listen.repeats = true;
    options.add(std::move(listen), [this](std::string_view given) -> result<void> {
        result<endpoint> place = endpoint::parse(given);
        if (!place) {
            return fail(place.error());
        }
        listen_.push_back(*std::move(place));
        return transports().check(listen_.back());
    });
    options.flag("--tls", tls_,
                 "Serve by HTTPS, with a certificate for this machine by an authority of yours, "
                 "which is made if there is none and which browsers have to trust.");
    declare_files(options);
    declare_proxies(options);
    declare_server_options(options, serving_);
    options.example("Show this folder at http://127.0.0.1:8080/:", "runnel serve --listing");
    options.example("Serve a folder to the network by HTTPS:",
                    "runnel serve docs --tls --listen tcp://:8443");
    options.example("Serve it to programs of this machine only, and write a log as JSON:",
                    "runnel serve docs --listen unix:/tmp/docs.sock --log json");
    options.example("Put a folder and an application under one name:",
                    "runnel serve public --proxy /api=http://127.0.0.1:3000\n"
                    "    runnel serve public --proxy /api=http+unix:/run/app.sock");
    options.exit(exit_ok, "ended by a signal, and every connection came to its end");
    options.exit(exit_failed, "could not open the folder, or could not listen");
    options.exit(exit_partial, "some connections were ended after the drain timeout");
    options.exit(exit_interrupted, "ended by a second signal");
}

void serve_command::declare_files(option_set& options) {
    options.group("Files");
    options.flag("--listing", files_.how.listing, "Show what is in a folder without an index.");
    options.text("--index", "NAME", index_, "The file that stands for its folder.");
    options.flag("--hidden", files_.how.hidden, "Serve names that begin with a dot, too.");
    options.flag("--precompressed", files_.how.precompressed,
                 "Send NAME.br, NAME.zst or NAME.gz in the place of NAME to clients that accept "
                 "it.");
    options.duration("--max-age", files_.how.max_age,
                     "Let clients use what they got for so long without asking again.",
                     "they ask each time");
    options.choice<log_format, log_format>(
        "--log", "FORMAT", files_.log,
        {{"common", log_format::common}, {"json", log_format::json}, {"none", log_format::none}},
        "Write a line about each request to standard output.", "common");
}

void serve_command::declare_proxies(option_set& options) {
    options.group("Passing on");
    option_page proxy;
    proxy.names = {"--proxy"};
    proxy.kind = value_kind::text;
    proxy.value = "PATH=URL";
    proxy.text =
        "Pass requests to PATH and below it on to this server: an http or https URL, or an "
        "endpoint of any kind as in /api=http+unix:/run/app.sock. Several for one PATH "
        "share its requests out, and one that is not there is passed over.";
    proxy.repeats = true;
    options.add(std::move(proxy), [this](std::string_view given) -> result<void> {
        result<proxy_target> target = parse_proxy_target(given);
        if (!target) {
            return fail(target.error());
        }
        files_.proxies.push_back(*std::move(target));
        return {};
    });
    options.choice<http::balance, http::balance>(
        "--balance", "RULE", files_.passing.choice,
        {{"round-robin", http::balance::round_robin},
         {"least-connections", http::balance::least_connections}},
        "Which of several servers gets a request.", "round-robin");
    options.text("--health", "PATH", health_,
                 "Ask each server for this every 5 seconds, and pass over those that do not answer "
                 "well.");
    options.bytes("--max-body", files_.limits.body, "Most bytes of the body of a request.", "1GiB");
}

result<std::vector<endpoint>> serve_command::places(const session& session) const {
    std::vector<endpoint> wanted = listen_;
    if (wanted.empty()) {
        wanted.push_back(*endpoint::parse(default_place));
    }
    std::optional<std::string> certificate;
    for (endpoint& at : wanted) {
        std::string text = at.to_string();
        std::string parameters;
        if (tls_ && !has_tls(at)) {
            if (!certificate) {
                const result<std::string> made = local_certificate();
                if (!made) {
                    return fail(made.error());
                }
                certificate = *made;
                session.complain("the authority to trust is " + made->substr(0, made->rfind('/')) +
                                 "/authority.pem");
            }
            text.insert(0, "tls+");
            const std::string stem = percent_encode(*certificate, "&,?");
            parameters = fmt::format("cert={0}.pem&key={0}.key", stem);
        } else if (!has_tls(at)) {
            continue;
        }
        if (at.params().find("alpn") == nullptr) {
            parameters.append(parameters.empty() ? "" : "&").append("alpn=http/1.1");
        }
        if (!parameters.empty()) {
            result<endpoint> whole = with_parameters(text, at, parameters);
            if (!whole) {
                return fail(whole.error());
            }
            at = *std::move(whole);
        }
    }
    return wanted;
}

int serve_command::run(const session& session) {
    if (folder_ || files_.proxies.empty()) {
        result<std::unique_ptr<file_tree>> tree = host::open_folder(folder_.value_or("."));
        if (!tree) {
            session.complain(tree.error());
            return exit_failed;
        }
        files_.files = *std::move(tree);
    }
    const result<std::vector<endpoint>> at = places(session);
    if (!at) {
        session.complain(at.error());
        return exit_failed;
    }
    files_.how.index = index_;
    files_.passing.health_path = health_;
    files_.passing.scheme = std::ranges::all_of(*at, has_tls) ? "https" : "http";
    files_.limits.drain = serving_.drain_timeout;
    files_.counts = serving_.stats || serving_.verbose || serving_.json;
    serving_.announce = [](const endpoint& bound) { return url_of(bound); };
    return run_server(session, *at, serving_,
                      [this, &session] { return make_serve_handler(files_, session.out); });
}

} // namespace

std::unique_ptr<command> make_serve_command() {
    return std::make_unique<serve_command>();
}

} // namespace runnel::inline v0::program
