// SPDX-License-Identifier: Apache-2.0
#include "session.hpp"

#include "human.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cerrno>

namespace runnel::inline v0::program {

std::string message_prefix(const command_page& page) {
    if (page.path.size() == 1) {
        return page.path.front();
    }
    return fmt::format("{}: {}", page.path.front(),
                       fmt::join(page.path.begin() + 1, page.path.end(), " "));
}

void session::complain(std::string_view what) const {
    err.write_line(fmt::format("{}: {}\n", message_prefix(page), printable(what)));
}

void session::complain(const error& what) const {
    complain(human_error(what));
}

int session::usage_error(std::string_view what) const {
    complain(fmt::format("{} (see '{} --help')", what, full_name(page)));
    return exit_usage;
}

std::unique_ptr<loop> session::make_loop() const {
    loop_options options;
    options.backend = globals.backend;
    result<std::unique_ptr<loop>> made = loop::create(options);
    if (!made) {
        complain(made.error().wrap(fmt::format("--backend {}", to_string(globals.backend))));
        return nullptr;
    }
    return *std::move(made);
}

int session::print(std::string_view text) const {
    if (!out.write(text)) {
        if (errno != EPIPE) { // whoever read it has seen enough
            complain(error::from_errno(errno, "standard output"));
        }
        return exit_failed;
    }
    return exit_ok;
}

} // namespace runnel::inline v0::program
