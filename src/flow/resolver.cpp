// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/resolver.hpp"

#include "dns_addresses.hpp"
#include "local_names.hpp"
#include "runnel/async/when.hpp"
#include "runnel/flow/dns_error.hpp"

#include <optional>
#include <tuple>
#include <utility>

namespace runnel::inline v0 {
namespace {

/// Keeps one family's failure from stopping the other, which `when_all` would do for a `result`.
task<std::optional<result<std::vector<ip_address>>>> resolve_one(resolver& by, std::string name,
                                                                 ip_family family) {
    co_return co_await by.resolve(std::move(name), family);
}

} // namespace

task<result<std::vector<ip_address>>> resolve_all(resolver& by, std::string name) {
    auto found = co_await when_all(resolve_one(by, name, ip_family::v6),
                                   resolve_one(by, name, ip_family::v4));
    result<std::vector<ip_address>>& v6 = *std::get<0>(found);
    result<std::vector<ip_address>>& v4 = *std::get<1>(found);
    if (v6 && v4) {
        v6->insert(v6->end(), v4->begin(), v4->end());
    }
    if (v6 || (!v4 && v4.error() == errc::not_found)) {
        co_return std::move(v6);
    }
    co_return std::move(v4);
}

task<result<std::vector<ip_address>>> hosts_resolver::resolve(std::string name, ip_family family) {
    const dns_type type = address_type(family);
    auto answer = answer_locally(name, type, table_);
    if (!answer) {
        co_return fail(error(make_error_code(dns_errc::no_such_name), std::move(name)));
    }
    co_return addresses_of(*answer);
}

} // namespace runnel::inline v0
