// SPDX-License-Identifier: Apache-2.0
#include "command.hpp"
#include "development_certificate.hpp"
#include "report.hpp"

#include "runnel/tls/certificate.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace runnel::inline v0::program {
namespace {

class cert_command final : public command {
public:
    cert_command() : command("cert", "make certificates for development") {}

    void declare(option_set& options) override {
        options.describe(
            "Makes a certificate for one or more names and addresses, between commas, signed by an "
            "authority of one's own in the same folder: authority.pem, which clients are to trust, "
            "and authority.key. The first call makes the authority; later ones use it. The "
            "certificate and its key are named after the first name.");
        options.text("FOLDER", "FOLDER", folder_, "Where the files are.", value_kind::file);
        options.text("NAMES", "NAMES", names_, "What the certificate is for.");
        options.choice(
            "--key", "KIND", key_,
            std::vector<std::pair<std::string, tls::key_kind>>{{"ecdsa", tls::key_kind::ecdsa_p256},
                                                               {"ed25519", tls::key_kind::ed25519},
                                                               {"rsa", tls::key_kind::rsa_2048}},
            "The kind of the key.", "ecdsa");
        options.choice("--use", "USE", use_,
                       std::vector<std::pair<std::string, tls::certificate_use>>{
                           {"both", tls::certificate_use::both},
                           {"server", tls::certificate_use::server},
                           {"client", tls::certificate_use::client}},
                       "What it is good for.", "both");
        options.number("--days", "DAYS", days_, "How long it is valid.", "365", 1, 3650);
        options.example("A server and a client that trusts it:",
                        "runnel cert tls localhost,127.0.0.1\n"
                        "    runnel echo 'tls+tcp://localhost:8443?cert=tls/localhost.pem"
                        "&key=tls/localhost.key'\n"
                        "    runnel relay - 'tls+tcp://localhost:8443?ca=tls/authority.pem'");
        options.exit(exit_ok, "made");
        options.exit(exit_failed, "not made");
    }

    int run(const session& session) override {
        development_certificate wanted;
        wanted.folder = folder_;
        for (std::size_t at = 0; at <= names_.size();) {
            const std::size_t comma = std::min(names_.find(',', at), names_.size());
            wanted.names.push_back(names_.substr(at, comma - at));
            at = comma + 1;
        }
        wanted.key = key_;
        wanted.use = use_;
        wanted.days = days_;
        const auto made = make_development_certificate(wanted);
        if (!made) {
            session.complain(made.error());
            return exit_failed;
        }
        report facts;
        facts.section("certificate", "Certificate")
            .text("cert", "certificate", *made + ".pem")
            .text("key", "private key", *made + ".key")
            .text("ca", "authority", folder_ + "/authority.pem");
        return session.print(facts.render(session.out));
    }

private:
    std::string folder_;
    std::string names_;
    tls::key_kind key_ = tls::key_kind::ecdsa_p256;
    tls::certificate_use use_ = tls::certificate_use::both;
    std::uint64_t days_ = 365;
};

} // namespace

std::unique_ptr<command> make_cert_command() {
    return std::make_unique<cert_command>();
}

} // namespace runnel::inline v0::program
