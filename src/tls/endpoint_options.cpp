// SPDX-License-Identifier: Apache-2.0
#include "runnel/tls/error.hpp"
#include "runnel/tls/transports.hpp"

#include <string>
#include <utility>
#include <vector>

namespace runnel::inline v0::tls {
namespace {

/// More than any sensible first request has.
constexpr std::uint64_t early_data_most = std::uint64_t{1} << 20;

result<version> version_of(const endpoint& place, std::string_view name, version otherwise) {
    const parameter* given = place.params().find(name);
    if (given == nullptr) {
        return otherwise;
    }
    if (given->text() == "1.2") {
        return version::tls_1_2;
    }
    if (given->text() == "1.3") {
        return version::tls_1_3;
    }
    return fail(given->bad("1.2 or 1.3"));
}

std::vector<std::string> list_of(const endpoint& place, std::string_view name) {
    std::vector<std::string> all;
    if (const parameter* given = place.params().find(name); given != nullptr) {
        for (const parameter& item : given->items()) {
            all.push_back(item.text());
        }
    }
    return all;
}

/// The text of a file that a parameter names, or nothing.
result<std::string> file_of(const endpoint& place, std::string_view name) {
    const parameter* given = place.params().find(name);
    if (given == nullptr) {
        return std::string();
    }
    auto text = read_text_file(given->text());
    if (!text) {
        return fail(text.error().wrap(name));
    }
    return text;
}

result<void> read_common(const endpoint& place, common_options& options) {
    const auto least = version_of(place, "tls-min", options.least);
    const auto greatest = version_of(place, "tls-max", options.greatest);
    const auto timeout =
        place.params().duration("handshake-timeout", options.handshake_timeout, duration(1));
    const auto resume = place.params().flag("resume", true);
    const auto half_close = place.params().flag("half-close", true);
    const auto pool = place.params().flag("pool", false);
    if (!least || !greatest) {
        return fail(least ? greatest.error() : least.error());
    }
    if (!timeout) {
        return fail(timeout.error());
    }
    if (!resume || !half_close) {
        return fail(resume ? half_close.error() : resume.error());
    }
    if (!pool) {
        return fail(pool.error());
    }
    options.handshake_on_pool = *pool;
    options.least = *least;
    options.greatest = *greatest;
    options.handshake_timeout = *timeout;
    options.resumption = *resume;
    options.half_close_below = *half_close;
    options.alpn = list_of(place, "alpn");
    options.key_log = place.params().text("key-log");
    return {};
}

/// The identities that `cert` and `key` name, in step; a missing key stands in its `cert` file.
result<std::vector<identity>> identities_of(const endpoint& place) {
    const std::vector<std::string> chains = list_of(place, "cert");
    const std::vector<std::string> keys = list_of(place, "key");
    if (!keys.empty() && keys.size() != chains.size()) {
        return fail(place.params().find("key")->bad("as many keys as there are certificates"));
    }
    std::vector<identity> all;
    for (std::size_t i = 0; i < chains.size(); ++i) {
        auto own = identity::from_files(chains[i], keys.empty() ? std::string() : keys[i]);
        if (!own) {
            return fail(own.error());
        }
        all.push_back(std::move(*own));
    }
    return all;
}

result<client_certificates> asked_of(const endpoint& place) {
    const parameter* given = place.params().find("client-cert");
    if (given == nullptr) {
        return place.params().find("ca") != nullptr ? client_certificates::required
                                                    : client_certificates::none;
    }
    if (given->text() == "none") {
        return client_certificates::none;
    }
    if (given->text() == "optional") {
        return client_certificates::optional;
    }
    if (given->text() == "required") {
        return client_certificates::required;
    }
    return fail(given->bad("none, optional or required"));
}

result<staple_check> staple_of(const endpoint& place) {
    const parameter* given = place.params().find("staple");
    if (given == nullptr || given->text() == "checked") {
        return staple_check::checked;
    }
    if (given->text() == "required") {
        return staple_check::required;
    }
    if (given->text() == "ignored") {
        return staple_check::ignored;
    }
    return fail(given->bad("ignored, checked or required"));
}

} // namespace

result<client_options> client_options_of(const endpoint& place) {
    client_options options;
    if (const auto common = read_common(place, options); !common) {
        return fail(common.error());
    }
    const auto verify = place.params().flag("verify", true);
    auto authorities = file_of(place, "ca");
    auto lists = file_of(place, "crl");
    auto own = identities_of(place);
    const auto staple = staple_of(place);
    if (!verify || !staple) {
        return fail(verify ? staple.error() : verify.error());
    }
    options.staple = *staple;
    if (!authorities || !lists) {
        return fail(authorities ? lists.error() : authorities.error());
    }
    if (!own) {
        return fail(own.error());
    }
    if (own->size() > 1) {
        return fail(place.params().find("cert")->bad("one certificate"));
    }
    options.verify = *verify;
    options.authorities = std::move(*authorities);
    options.revocation_lists = std::move(*lists);
    options.server_name = place.params().text("sni");
    options.pins = list_of(place, "pin");
    if (!own->empty()) {
        options.own = std::move(own->front());
    }
    return options;
}

result<server_options> server_options_of(const endpoint& place) {
    server_options options;
    if (const auto common = read_common(place, options); !common) {
        return fail(common.error());
    }
    auto own = identities_of(place);
    auto authorities = file_of(place, "ca");
    auto lists = file_of(place, "crl");
    auto response = file_of(place, "ocsp");
    const auto asked = asked_of(place);
    const auto early = place.params().bytes("early-data", 0, 0, early_data_most);
    if (!early) {
        return fail(early.error());
    }
    options.early_data_most = static_cast<std::uint32_t>(*early);
    if (!own) {
        return fail(own.error());
    }
    if (!authorities || !lists) {
        return fail(authorities ? lists.error() : authorities.error());
    }
    if (!response || !asked) {
        return fail(response ? asked.error() : response.error());
    }
    if (own->empty()) {
        return fail(error(make_error_code(fault::bad_credentials),
                          "endpoint \"" + place.to_string() +
                              "\": to listen, TLS needs a certificate: cert=FILE and key=FILE "
                              "(\"runnel cert\" makes them for development)"));
    }
    options.identities = std::move(*own);
    options.client_authorities = std::move(*authorities);
    options.client_revocation_lists = std::move(*lists);
    options.ocsp_response = std::move(*response);
    options.clients = *asked;
    return options;
}

} // namespace runnel::inline v0::tls
