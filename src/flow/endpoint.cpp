// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/endpoint.hpp"

#include "endpoint_parser.hpp"
#include "quote.hpp"
#include "runnel/core/check.hpp"
#include "runnel/flow/percent.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace runnel::inline v0 {
namespace {

std::string authority(const endpoint_parts& parts) {
    const bool in_brackets = parts.host.find(':') != std::string::npos;
    std::string text = in_brackets ? "//[" : "//";
    const std::size_t zone = parts.host.find('%');
    if (zone != std::string::npos && parts.host.substr(zone + 1).starts_with("25")) {
        // Such a zone would be read as an encoded percent sign.
        text += parts.host.substr(0, zone) + "%25" + parts.host.substr(zone + 1);
    } else {
        text += parts.host;
    }
    text += in_brackets ? "]" : "";
    if (parts.number) {
        text += fmt::format(":{}", *parts.number);
    }
    return text + percent_encode(parts.path, "?");
}

std::string place(const endpoint_parts& parts, scheme_form form) {
    switch (form) {
    case scheme_form::host_port:
    case scheme_form::id_port:
        return authority(parts);
    case scheme_form::path:
        return (parts.path.starts_with("//") ? "//" : "") + percent_encode(parts.path, "?");
    case scheme_form::text:
        // Two slashes in front are reserved for hosts.
        return parts.path.starts_with("//") ? "%2F" + percent_encode(parts.path.substr(1), "?")
                                            : percent_encode(parts.path, "?");
    case scheme_form::number:
        return fmt::format("{}", parts.number.value_or(0));
    case scheme_form::layer:
    case scheme_form::nothing:
        break;
    }
    return "";
}

std::string render(const endpoint_parts& parts, scheme_form form) {
    return fmt::format("{}:{}", fmt::join(parts.schemes, "+"), place(parts, form));
}

} // namespace

result<endpoint> endpoint::parse(std::string_view text) {
    auto read = parse_endpoint(text);
    if (!read) {
        return fail(read.error());
    }
    return endpoint(std::move(read->parts), read->info, std::move(read->params));
}

result<endpoint> endpoint::make(endpoint_parts parts) {
    const scheme_info* info = parts.schemes.empty() ? nullptr : find_scheme(parts.schemes.back());
    if (info == nullptr) {
        return fail(errc::invalid_argument, "an endpoint needs the scheme of a transport");
    }
    auto made = parse(render(parts, info->form));
    if (!made) {
        return made;
    }
    // A part with a character that means something to the grammar ends up elsewhere.
    const endpoint_parts& read = made->parts_;
    const bool has_host = read.host.empty() == (parts.host.empty() || parts.host == "*");
    if (read.path != parts.path || !has_host || read.schemes.size() != parts.schemes.size() ||
        (parts.number && read.number != parts.number) || !made->params_.empty()) {
        return fail(errc::invalid_argument,
                    fmt::format("host {} and path {} make no endpoint of scheme {}",
                                quote(parts.host), quote(parts.path), quote(info->name)));
    }
    return made;
}

endpoint endpoint::inner() const {
    check(parts_.schemes.size() > 1, "an endpoint without layers has nothing inside");
    endpoint below = *this;
    auto& schemes = below.parts_.schemes;
    schemes.erase(schemes.begin());
    const bool has_authority =
        info_->form == scheme_form::host_port || info_->form == scheme_form::id_port;
    const bool path_stays = std::ranges::any_of(schemes, [](const std::string& name) {
        const scheme_info* info = find_scheme(name);
        return info != nullptr && info->path_after_port;
    });
    if (has_authority && !path_stays) {
        below.parts_.path.clear();
    }
    return below;
}

std::string endpoint::to_string() const {
    return render(parts_, info_->form) + params_.to_string();
}

} // namespace runnel::inline v0
