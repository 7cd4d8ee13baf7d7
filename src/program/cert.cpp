// SPDX-License-Identifier: Apache-2.0
#include "command.hpp"
#include "report.hpp"

#include "runnel/tls/certificate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

namespace runnel::inline v0::program {
namespace {

constexpr unsigned secret_mode = 0600;
constexpr unsigned public_mode = 0644;

/// Writes a file under a temporary name first, so that nobody reads half of one.
result<void> write_file(const std::string& path, const std::string& text, unsigned mode) {
    const std::string temporary = path + ".new";
    const int fd =
        ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0) {
        return fail(error::from_errno(errno, path));
    }
    std::size_t done = 0;
    int number = 0;
    while (done < text.size() && number == 0) {
        const ssize_t count = ::write(fd, text.data() + done, text.size() - done);
        if (count >= 0) {
            done += static_cast<std::size_t>(count);
        } else if (errno != EINTR) {
            number = errno;
        }
    }
    if (::close(fd) != 0 || number != 0 || ::rename(temporary.c_str(), path.c_str()) != 0) {
        number = number != 0 ? number : errno;
        ::unlink(temporary.c_str());
        return fail(error::from_errno(number, path));
    }
    return {};
}

result<void> write_identity(const std::string& stem, const tls::identity& made) {
    const auto key = write_file(stem + ".key", made.key, secret_mode);
    return key ? write_file(stem + ".pem", made.chain, public_mode) : key;
}

/// A name as a part of a file's name.
std::string stem_of(std::string name) {
    if (name.starts_with("*.")) {
        name.replace(0, 1, "any");
    }
    for (char& c : name) {
        const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                           (c >= 'A' && c <= 'Z') || c == '.' || c == '-' || c == '_';
        c = plain ? c : '_';
    }
    return name;
}

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
        const auto made = make();
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
    /// The authority of the folder, made if there is none.
    result<tls::identity> authority() {
        const std::string stem = folder_ + "/authority";
        if (std::filesystem::exists(stem + ".pem")) {
            return tls::identity::from_files(stem + ".pem", stem + ".key");
        }
        auto made = tls::make_authority("runnel development authority");
        if (!made) {
            return made;
        }
        const auto written = write_identity(stem, *made);
        if (!written) {
            return fail(written.error());
        }
        return made;
    }

    /// Gives the path of the new files without their ending.
    result<std::string> make() {
        std::error_code problem;
        std::filesystem::create_directories(folder_, problem);
        if (problem) {
            return fail(error(problem, folder_));
        }
        const auto signer = authority();
        if (!signer) {
            return fail(signer.error());
        }
        tls::certificate_request wanted;
        for (std::size_t at = 0; at <= names_.size();) {
            const std::size_t comma = std::min(names_.find(',', at), names_.size());
            wanted.names.push_back(names_.substr(at, comma - at));
            at = comma + 1;
        }
        wanted.key = key_;
        wanted.use = use_;
        wanted.valid_for = std::chrono::hours(24 * days_);
        const auto made = tls::make_certificate(*signer, wanted);
        if (!made) {
            return fail(made.error());
        }
        std::string stem = folder_ + "/" + stem_of(wanted.names.front());
        const auto written = write_identity(stem, *made);
        if (!written) {
            return fail(written.error());
        }
        return stem;
    }

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
