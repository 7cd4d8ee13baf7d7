// SPDX-License-Identifier: Apache-2.0
#include "transport.hpp"

#include <ostream>

namespace runnel::conformance {
namespace {

struct registry {
    std::vector<std::unique_ptr<transport>> transports;
    std::vector<setting> settings;
};

registry& the_registry() {
    static registry instance;
    return instance;
}

} // namespace

std::string to_string(const setting& where) {
    std::string text = where.how->name();
    text += "_on_";
    text += to_string(where.backend);
    return text;
}

void PrintTo(const setting& where, std::ostream* out) {
    *out << to_string(where);
}

const std::vector<setting>& settings() {
    return the_registry().settings;
}

registration::registration(std::unique_ptr<transport> how) {
    registry& all = the_registry();
    for (const backend_kind backend : how->backends()) {
        all.settings.push_back({.how = how.get(), .backend = backend});
    }
    all.transports.push_back(std::move(how));
}

std::vector<backend_kind> every_backend() {
    return {backend_kind::virtual_time, backend_kind::epoll, backend_kind::io_uring};
}

std::vector<backend_kind> kernel_backends() {
    return {backend_kind::epoll, backend_kind::io_uring};
}

} // namespace runnel::conformance
