// SPDX-License-Identifier: Apache-2.0
#include "runnel/host/system_resolver.hpp"

#include "runnel/async/blocking.hpp"
#include "socket_address.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include <netdb.h>
#include <sys/socket.h>

namespace runnel::inline v0::host {
namespace {

error to_error(int failure, int number, const std::string& name) {
    switch (failure) {
    case EAI_NONAME:
    case EAI_NODATA:
    case EAI_ADDRFAMILY:
        return {errc::not_found, "host " + name};
    case EAI_AGAIN:
        return {errc::timed_out, "host " + name + ": no name server answers"};
    case EAI_MEMORY:
        return {errc::limit_exceeded, "host " + name};
    case EAI_SYSTEM:
        return error::from_errno(number, "host " + name);
    default:
        return {errc::system_error, "host " + name + ": " + ::gai_strerror(failure)};
    }
}

result<std::vector<ip_address>> look_up(const std::string& name, ip_family family) {
    addrinfo hints{};
    hints.ai_family = family == ip_family::v4 ? AF_INET : AF_INET6;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* list = nullptr;
    const int failure = ::getaddrinfo(name.c_str(), nullptr, &hints, &list);
    if (failure != 0) {
        return fail(to_error(failure, errno, name));
    }
    const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(list, ::freeaddrinfo);
    std::vector<ip_address> found;
    for (const addrinfo* entry = list; entry != nullptr; entry = entry->ai_next) {
        socket_address address;
        std::memcpy(address.data(), entry->ai_addr,
                    std::min<std::size_t>(entry->ai_addrlen, address.size()));
        const auto place = address.ip();
        if (place && place->family() == family &&
            std::ranges::count(found, place->address()) == 0) {
            found.push_back(place->address());
        }
    }
    if (found.empty()) {
        return fail(errc::not_found, "host " + name);
    }
    return found;
}

} // namespace

task<result<std::vector<ip_address>>> system_resolver::resolve(std::string name, ip_family family) {
    if (const auto figures = ip_address::parse(name)) {
        if (figures->family() != family) {
            co_return fail(errc::not_found, "host " + name);
        }
        co_return std::vector<ip_address>{*figures};
    }
    co_return co_await run_blocking([&] { return look_up(name, family); });
}

} // namespace runnel::inline v0::host
