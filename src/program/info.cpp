// SPDX-License-Identifier: Apache-2.0
#include "command.hpp"
#include "human.hpp"
#include "places.hpp"
#include "report.hpp"

#include "runnel/async/io_uring_support.hpp"
#include "runnel/core/checksum.hpp"
#include "runnel/flow/scheme.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>

#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

namespace runnel::inline v0::program {
namespace {

/// The first line of a small file of the system; empty if there is none.
std::string first_line(const std::string& path) {
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);
    std::ranges::replace(line, '\t', ' ');
    return line;
}

std::string limit_text(rlim_t limit) {
    return limit == RLIM_INFINITY ? "unlimited" : std::to_string(limit);
}

std::string compiler() {
#if defined(__clang__)
    return fmt::format("clang {}", __clang_version__);
#else
    return fmt::format("GCC {}", __VERSION__);
#endif
}

void add_build(report& facts) {
    facts.section("runnel", "runnel")
        .text("version", "version", RUNNEL_VERSION)
        .text("compiler", "compiler", compiler())
        .text("checksum", "checksum code", std::string(checksum_implementation()));
}

void add_system(report& facts) {
    utsname system{};
    uname(&system);
    facts.section("system", "System")
        .text("kernel", "kernel", fmt::format("{} {}", system.sysname, system.release))
        .text("machine", "machine", system.machine)
        .number("processors", "processors",
                static_cast<std::uint64_t>(sysconf(_SC_NPROCESSORS_ONLN)))
        .number("page_size", "page size", static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE)));
}

void add_backends(report& facts, const global_options& globals) {
    const io_uring_features uring = io_uring_support();
    facts.section("backends", "Backends");
    facts.text("io_uring", "io_uring", (uring.available ? "yes: " : "no: ") + to_string(uring));
    facts.text("epoll", "epoll", "yes");
    facts.text("virtual", "virtual time", "yes, for tests");
    loop_options options;
    options.backend = globals.backend;
    const auto made = loop::create(options);
    facts.text("chosen", "used by commands",
               made ? std::string(to_string((*made)->kind())) : human_error(made.error()));
}

void add_limits(report& facts) {
    rlimit files{};
    getrlimit(RLIMIT_NOFILE, &files);
    rlimit locked{};
    getrlimit(RLIMIT_MEMLOCK, &locked);
    facts.section("limits", "Limits")
        .text("descriptors", "descriptors", limit_text(files.rlim_cur))
        .text("descriptors_max", "  at most", limit_text(files.rlim_max))
        .text("locked_memory", "locked memory", limit_text(locked.rlim_cur))
        .text("somaxconn", "listen backlog", first_line("/proc/sys/net/core/somaxconn"))
        .text("tcp_rmem", "TCP receive buffer", first_line("/proc/sys/net/ipv4/tcp_rmem"))
        .text("tcp_wmem", "TCP send buffer", first_line("/proc/sys/net/ipv4/tcp_wmem"))
        .text("local_ports", "local ports", first_line("/proc/sys/net/ipv4/ip_local_port_range"));
}

void add_schemes(report& facts) {
    facts.section("endpoints", "Endpoints and their parameters");
    for (const scheme_info* scheme : all_schemes()) {
        std::vector<std::string> names;
        for (const parameter_info& each : parameters_of(scheme->name)) {
            names.emplace_back(each.name);
        }
        facts.list(scheme->name, scheme->example, names);
    }
}

class info_command final : public command {
public:
    info_command() : command("info", "say what this build and this machine can do") {}

    void declare(option_set& options) override {
        options.describe("Shows the version, how the program talks to the kernel and why not in "
                         "another way, the limits of the system that matter to it, and the "
                         "endpoints it knows. Worth adding to a report of a problem.");
        options.flag("--json", json_, "Write JSON.");
        options.example("Why is io_uring not used?", "runnel info | grep -A4 Backends");
        options.exit(exit_ok, "shown");
    }

    int run(const session& session) override {
        report facts;
        add_build(facts);
        add_system(facts);
        add_backends(facts, session.globals);
        add_limits(facts);
        add_schemes(facts);
        return session.print(json_ ? facts.render_json() : facts.render(session.out));
    }

private:
    bool json_ = false;
};

} // namespace

std::unique_ptr<command> make_info_command() {
    return std::make_unique<info_command>();
}

} // namespace runnel::inline v0::program
