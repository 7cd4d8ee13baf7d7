// SPDX-License-Identifier: Apache-2.0
#include "development_certificate.hpp"

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <string>
#include <system_error>

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

/// The authority of the folder, made if there is none.
result<tls::identity> authority(const std::string& folder) {
    const std::string stem = folder + "/authority";
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

} // namespace

result<std::string> make_development_certificate(const development_certificate& wanted) {
    std::error_code problem;
    std::filesystem::create_directories(wanted.folder, problem);
    if (problem) {
        return fail(error(problem, wanted.folder));
    }
    const auto signer = authority(wanted.folder);
    if (!signer) {
        return fail(signer.error());
    }
    tls::certificate_request asked;
    asked.names = wanted.names;
    asked.key = wanted.key;
    asked.use = wanted.use;
    asked.valid_for = std::chrono::hours(24 * wanted.days);
    const auto made = tls::make_certificate(*signer, asked);
    if (!made) {
        return fail(made.error());
    }
    std::string stem = wanted.folder + "/" + stem_of(wanted.names.front());
    const auto written = write_identity(stem, *made);
    if (!written) {
        return fail(written.error());
    }
    return stem;
}

} // namespace runnel::inline v0::program
