// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/scheme.hpp"

#include "quote.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <list>
#include <mutex>
#include <shared_mutex>

namespace runnel::inline v0 {
namespace {

/// Room for a socket's path in `sockaddr_un`, without the NUL that ends a path or begins an
/// abstract name.
constexpr std::size_t longest_unix_path = 107;

constexpr std::size_t longest_name = 32;

/// A list, because rows that were handed out must not move.
using scheme_table = std::list<scheme_info>;

/// A hypervisor that carries the ports of its guests over a Unix socket, whose path follows.
scheme_info hypervisor(const char* name) {
    return {.name = name,
            .form = scheme_form::id_port,
            .example = fmt::format("{}://:1024/path", name),
            .max_number = 0xFFFF'FFFF,
            .path_after_port = true};
}

scheme_table built_in() {
    return {
        {.name = "tcp",
         .form = scheme_form::host_port,
         .example = "tcp://host:port",
         .port_names = {{"domain", 53}, {"http", 80}, {"https", 443}, {"ssh", 22}}},
        {.name = "unix",
         .form = scheme_form::path,
         .example = "unix:/path",
         .max_text = longest_unix_path},
        {.name = "unix-abstract",
         .form = scheme_form::text,
         .example = "unix-abstract:name",
         .max_text = longest_unix_path,
         .nul_allowed = true},
        {.name = "vsock",
         .form = scheme_form::id_port,
         .example = "vsock://2:1024",
         .max_number = 0xFFFF'FFFF},
        {.name = "hvsock",
         .form = scheme_form::id_port,
         .example = "hvsock://machine/service",
         .max_number = 0x7FFF'FFFF,
         .port_optional = true,
         .path_after_port = true},
        hypervisor("firecracker"),
        hypervisor("cloud-hypervisor"),
        hypervisor("hyperkit"),
        {.name = "stdio", .form = scheme_form::nothing, .example = "stdio:"},
        {.name = "exec", .form = scheme_form::text, .example = "exec:command with arguments"},
        {.name = "file", .form = scheme_form::path, .example = "file:/path"},
        {.name = "fd", .form = scheme_form::number, .example = "fd:3", .max_number = 0x7FFF'FFFF},
        {.name = "mux", .example = "mux+unix:/path"},
        {.name = "virtsock", .example = "virtsock+hvsock://parent:1024"},
        {.name = "pipe", .form = scheme_form::nothing, .example = "pipe:"},
    };
}

struct registry {
    std::shared_mutex mutex;
    scheme_table table = built_in();
};

registry& the_registry() {
    static registry instance;
    return instance;
}

constexpr char lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

const scheme_info* find_in(const scheme_table& table, std::string_view name) noexcept {
    const auto found = std::ranges::find_if(table, [&](const scheme_info& row) {
        return std::ranges::equal(row.name, name, {}, {}, lower);
    });
    return found == table.end() ? nullptr : &*found;
}

bool is_well_formed(std::string_view name) noexcept {
    const auto is_letter = [](char c) { return c >= 'a' && c <= 'z'; };
    return !name.empty() && name.size() <= longest_name && is_letter(name.front()) &&
           std::ranges::all_of(name, [&](char c) {
               return is_letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '.';
           });
}

} // namespace

result<void> register_scheme(scheme_info info) {
    if (!is_well_formed(info.name)) {
        return fail(errc::invalid_argument,
                    fmt::format("{} is not the name of a scheme: lower-case letters, digits, '-' "
                                "and '.', beginning with a letter",
                                quote(info.name)));
    }
    registry& schemes = the_registry();
    const std::scoped_lock lock(schemes.mutex);
    if (const scheme_info* known = find_in(schemes.table, info.name)) {
        if (*known == info) {
            return {};
        }
        return fail(errc::invalid_argument,
                    fmt::format("scheme {} is already registered", quote(info.name)));
    }
    schemes.table.push_back(std::move(info));
    return {};
}

const scheme_info* find_scheme(std::string_view name) {
    registry& schemes = the_registry();
    const std::shared_lock lock(schemes.mutex);
    return find_in(schemes.table, name);
}

std::vector<const scheme_info*> all_schemes() {
    registry& schemes = the_registry();
    const std::shared_lock lock(schemes.mutex);
    std::vector<const scheme_info*> all;
    for (const scheme_info& row : schemes.table) {
        all.push_back(&row);
    }
    return all;
}

} // namespace runnel::inline v0
