// SPDX-License-Identifier: Apache-2.0
#include "unix_address.hpp"

#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>

namespace runnel::inline v0::host {
namespace {

constexpr socklen_t header_size = offsetof(sockaddr_un, sun_path);

result<void> check_size(std::string_view text, std::string_view what) {
    if (text.empty()) {
        return fail(errc::invalid_argument, std::string(what) + " of a Unix socket is empty");
    }
    if (text.size() > unix_address::longest) {
        return fail(errc::invalid_argument, std::string(what) + " of a Unix socket has " +
                                                std::to_string(text.size()) + " bytes, at most " +
                                                std::to_string(unix_address::longest) +
                                                " are possible");
    }
    return {};
}

} // namespace

result<unix_address> unix_address::path(std::string_view text) {
    if (auto checked = check_size(text, "the path"); !checked) {
        return fail(std::move(checked.error()));
    }
    if (text.find('\0') != std::string_view::npos) {
        return fail(errc::invalid_argument, "the path of a Unix socket contains NUL");
    }
    return unix_address(std::string(text), false);
}

result<unix_address> unix_address::abstract(std::string_view name) {
    if (auto checked = check_size(name, "the abstract name"); !checked) {
        return fail(std::move(checked.error()));
    }
    return unix_address(std::string(name), true);
}

flow_address unix_address::to_flow_address() const {
    return {abstract_ ? "unix-abstract" : "unix", text_};
}

socket_address to_socket_address(const unix_address& place) noexcept {
    sockaddr_un raw{};
    raw.sun_family = AF_UNIX;
    const std::size_t start = place.is_abstract() ? 1 : 0; // abstract names begin with NUL
    std::memcpy(raw.sun_path + start, place.text().data(), place.text().size());
    // A path ends with NUL, an abstract name where the address does.
    return socket_address(raw, static_cast<socklen_t>(header_size + place.text().size() + 1));
}

flow_address to_flow_address(const socket_address& place) {
    if (place.family() != AF_UNIX || place.size() <= header_size) {
        return flow_address("unix");
    }
    const std::string_view raw(place.local().sun_path, place.size() - header_size);
    if (raw.front() == '\0') {
        return {"unix-abstract", std::string(raw.substr(1))};
    }
    return {"unix", std::string(raw.substr(0, raw.find('\0')))};
}

} // namespace runnel::inline v0::host
