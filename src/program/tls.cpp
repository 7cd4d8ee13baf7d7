// SPDX-License-Identifier: Apache-2.0
#include "command.hpp"
#include "human.hpp"
#include "interrupt.hpp"
#include "places.hpp"
#include "report.hpp"

#include "runnel/async/deadline.hpp"
#include "runnel/flow/percent.hpp"
#include "runnel/tls/certificate.hpp"
#include "runnel/tls/error.hpp"
#include "runnel/tls/session.hpp"
#include "runnel/tls/transports.hpp"

#include <fmt/format.h>

#include <optional>
#include <string>
#include <utility>

namespace runnel::inline v0::program {
namespace {

/// A parameter as it stands in an endpoint.
std::string spell(const parameter& given) {
    std::string text = given.name();
    char mark = '=';
    for (const parameter& item : given.items()) {
        text += mark + percent_encode(item.text(), "&,");
        mark = ',';
    }
    return text;
}

/// What was found out about a server.
struct findings {
    std::optional<error> refused; // why its certificate is not accepted
    tls::session_info info;
};

class tls_command final : public command {
public:
    tls_command() : command("tls", "show what a TLS server negotiates and who it is") {}

    void declare(option_set& options) override {
        options.describe(
            "Connects, does the handshake, and shows what came of it: version, cipher suite, "
            "application protocol, and the server's certificates. If they are not accepted it says "
            "why, and shows them all the same. The endpoint's outermost layer is tls.");
        options.endpoint("ENDPOINT", "ENDPOINT", place_, "The server.");
        options.flag("--json", json_, "Write JSON.");
        options.duration("--timeout", timeout_, "How long it may take.", "10s");
        options.example("Is this certificate in order?", "runnel tls tls+tcp://example.org:443");
        options.exit(exit_ok, "the certificate is accepted");
        options.exit(exit_failed, "it is not, or there was no handshake");
    }

    int run(const session& session) override {
        if (place_->layers().empty() || place_->layers().front() != "tls") {
            return session.usage_error("the endpoint has to begin with tls+, as in "
                                       "tls+tcp://example.org:443");
        }
        const std::unique_ptr<loop> own = session.make_loop();
        return own == nullptr ? exit_failed : own->run(show(session));
    }

private:
    task<int> show(const session& session) {
        result<findings> found = fail(errc::cancelled);
        if (co_await until_interrupted(look(), found)) {
            co_return exit_interrupted;
        }
        if (!found) {
            session.complain(found.error());
            co_return exit_failed;
        }
        const report facts = describe(*found);
        const int printed = session.print(json_ ? facts.render_json() : facts.render(session.out));
        if (found->refused.has_value()) {
            session.complain(*found->refused);
        }
        co_return found->refused.has_value() ? exit_failed : printed;
    }

    task<result<findings>> look() {
        auto options = tls::client_options_of(*place_);
        if (!options) {
            co_return fail(options.error());
        }
        findings found;
        auto info = co_await with_timeout(timeout_, shake_hands(*options));
        const bool refused =
            !info && options->verify && info.error().code().category() == tls::category();
        if (refused) {
            found.refused = info.error();
            options->verify = false;
            options->pins.clear();
            info = co_await with_timeout(timeout_, shake_hands(*options));
        }
        if (!info) {
            co_return fail(refused ? *found.refused : info.error());
        }
        found.info = std::move(*info);
        co_return found;
    }

    task<result<tls::session_info>> shake_hands(const tls::client_options& options) {
        const auto config = tls::client_config::make(options);
        if (!config) {
            co_return fail(config.error());
        }
        auto below = co_await open_flow(place_below());
        if (!below) {
            co_return fail(below.error());
        }
        const auto made = co_await tls::client(std::move(*below), *config, place_->host());
        if (!made) {
            co_return fail(made.error());
        }
        co_return (*made)->info();
    }

    /// What the layer runs over, without the parameters of the layer.
    [[nodiscard]] endpoint place_below() const {
        const endpoint inner = place_->inner();
        std::string text = inner.to_string();
        text = text.substr(0, text.find('?'));
        char mark = '?';
        for (const parameter& each : inner.params()) {
            bool of_layer = false;
            for (const parameter_info& known : parameters_of("tls")) {
                of_layer = of_layer || known.name == each.name();
            }
            if (!of_layer) {
                text += mark + spell(each);
                mark = '&';
            }
        }
        return *endpoint::parse(text);
    }

    static report describe(const findings& found) {
        const tls::session_info& info = found.info;
        report facts;
        facts.section("session", "Session")
            .text("version", "version",
                  info.version == tls::version::tls_1_3 ? "TLS 1.3" : "TLS 1.2")
            .text("suite", "cipher suite", info.suite)
            .text("group", "key exchange", info.group)
            .text("alpn", "application protocol", info.alpn.empty() ? "none" : info.alpn)
            .flag("accepted", "certificate accepted", !found.refused.has_value() && info.verified);
        if (found.refused.has_value()) {
            facts.text("reason", "because", human_error(*found.refused));
        }
        for (std::size_t i = 0; i < info.peer_chain.size(); ++i) {
            const auto summary = tls::describe_certificate(info.peer_chain[i]);
            if (!summary) {
                continue;
            }
            facts
                .section(fmt::format("certificate_{}", i + 1), fmt::format("Certificate {}", i + 1))
                .text("subject", "of", summary->subject)
                .text("issuer", "signed by", summary->issuer)
                .list("names", "for", summary->names)
                .text("from", "valid from", summary->valid_from)
                .text("until", "valid until", summary->valid_until)
                .text("key", "key", summary->key)
                .text("sha256", "SHA-256", summary->fingerprint)
                .text("key_sha256", "of the key", summary->key_fingerprint);
        }
        return facts;
    }

    std::optional<endpoint> place_;
    bool json_ = false;
    duration timeout_ = std::chrono::seconds(10);
};

} // namespace

std::unique_ptr<command> make_tls_command() {
    return std::make_unique<tls_command>();
}

} // namespace runnel::inline v0::program
