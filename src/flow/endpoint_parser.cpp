// SPDX-License-Identifier: Apache-2.0
#include "endpoint_parser.hpp"

#include "endpoint_error.hpp"
#include "host_text.hpp"
#include "quote.hpp"
#include "runnel/flow/percent.hpp"
#include "runnel/flow/suggest.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace runnel::inline v0 {
namespace {

constexpr bool is_digit(char c) noexcept {
    return c >= '0' && c <= '9';
}

constexpr bool is_letter(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/// RFC 3986, section 3.1, and `+` between the schemes of a chain.
constexpr bool is_chain_character(char c) noexcept {
    return is_letter(c) || is_digit(c) || c == '+' || c == '-' || c == '.';
}

bool names_port(const scheme_info& scheme, std::string_view name) {
    return std::ranges::find(scheme.port_names, name, &port_name::name) != scheme.port_names.end();
}

/// Reads one endpoint from front to back. Each step either moves `at_` on or fails.
class parser {
public:
    explicit parser(std::string_view text) : source_(std::make_shared<const std::string>(text)) {
        text_ = *source_;
        end_ = std::min(text_.find('?'), text_.size());
    }

    [[nodiscard]] result<parsed_endpoint> run();

private:
    [[nodiscard]] std::string_view rest() const noexcept { return text_.substr(at_, end_ - at_); }

    [[nodiscard]] std::unexpected<error> bad(std::size_t offset, std::string_view what) const {
        return fail(endpoint_error(text_, offset, what));
    }

    [[nodiscard]] std::string as_in_example() const {
        return fmt::format("as in {}", transport_->example);
    }

    [[nodiscard]] bool is_shorthand() const;
    [[nodiscard]] bool path_allowed() const;
    [[nodiscard]] result<void> read_shorthand();
    [[nodiscard]] result<void> read_chain();
    [[nodiscard]] result<void> read_scheme(std::string_view name, std::size_t offset, bool last);
    [[nodiscard]] result<void> read_place();
    [[nodiscard]] result<void> read_authority();
    [[nodiscard]] result<void> read_host(std::string_view host, std::size_t offset, bool brackets);
    [[nodiscard]] result<void> read_port(std::size_t end);
    [[nodiscard]] result<void> default_port();
    [[nodiscard]] result<void> read_path();
    [[nodiscard]] result<void> read_text();
    [[nodiscard]] result<void> read_number(std::string_view digits, std::string_view what);
    [[nodiscard]] result<void> use_transport(std::string_view name);

    std::shared_ptr<const std::string> source_;
    std::string_view text_;
    std::size_t end_ = 0; // of the place: the question mark or the end of the text
    std::size_t at_ = 0;
    std::vector<const scheme_info*> chain_;
    const scheme_info* transport_ = nullptr;
    endpoint_parts parts_;
};

result<parsed_endpoint> parser::run() {
    if (text_.size() > endpoint::longest) {
        return bad(endpoint::longest, fmt::format("longer than {} bytes", endpoint::longest));
    }
    if (rest().empty()) {
        return bad(0, "expected an endpoint such as tcp://host:port or unix:/path");
    }
    auto step = is_shorthand() ? read_shorthand() : read_chain();
    if (step) {
        step = read_place();
    }
    if (step && at_ < end_) {
        step = bad(at_, fmt::format("unexpected {} after the end of the endpoint, {}",
                                    quote(rest()), as_in_example()));
    }
    if (!step) {
        return fail(step.error());
    }
    auto params = parameters::parse(source_, std::min(end_ + 1, text_.size()));
    if (!params) {
        return fail(params.error());
    }
    return parsed_endpoint{std::move(parts_), transport_, std::move(*params)};
}

/// Whether the text does without a scheme. `name:` begins an address when it is no scheme, no chain
/// of schemes, and a port follows.
bool parser::is_shorthand() const {
    const std::string_view place = rest();
    const auto stop = std::ranges::find_if_not(place, is_chain_character);
    const std::string_view name = place.substr(0, static_cast<std::size_t>(stop - place.begin()));
    if (name.empty() || !is_letter(name.front()) || stop == place.end() || *stop != ':') {
        return true;
    }
    const std::string_view behind = place.substr(name.size() + 1);
    const scheme_info* tcp = find_scheme("tcp");
    return name.find('+') == std::string_view::npos && find_scheme(name) == nullptr &&
           (behind.empty() || is_digit(behind.front()) || is_ipv6(place) ||
            names_port(*tcp, behind));
}

result<void> parser::use_transport(std::string_view name) {
    transport_ = find_scheme(name);
    chain_.push_back(transport_);
    parts_.schemes.emplace_back(transport_->name);
    return {};
}

/// Names the scheme that a shorthand stands for, and leaves the rest to that scheme's own rule.
result<void> parser::read_shorthand() {
    const std::string_view place = rest();
    if (place == "-") {
        at_ = end_;
        return use_transport("stdio");
    }
    if (place.starts_with('/') || place.starts_with("./") || place.starts_with("../")) {
        return use_transport("unix");
    }
    if (is_ipv6(place)) {
        return bad(0, fmt::format("an IPv6 address stands in brackets: [{}]:port", place));
    }
    return use_transport("tcp");
}

result<void> parser::read_chain() {
    const std::size_t colon = text_.find(':');
    while (transport_ == nullptr) {
        const std::size_t stop = std::min(text_.find('+', at_), colon);
        const bool last = stop == colon;
        auto step = read_scheme(text_.substr(at_, stop - at_), at_, last);
        if (!step) {
            return step;
        }
        at_ = stop + 1;
    }
    const bool has_authority =
        transport_->form == scheme_form::host_port || transport_->form == scheme_form::id_port;
    if (!has_authority) {
        return {};
    }
    if (!rest().starts_with("//")) {
        return bad(at_, fmt::format("expected '//' and a host, {}", as_in_example()));
    }
    at_ += 2;
    return {};
}

result<void> parser::read_scheme(std::string_view name, std::size_t offset, bool last) {
    const scheme_info* scheme = find_scheme(name);
    if (scheme == nullptr) {
        std::vector<std::string_view> known;
        for (const scheme_info* each : all_schemes()) {
            known.emplace_back(each->name);
        }
        return bad(offset, name.empty() ? "expected the name of a scheme"
                                        : fmt::format("unknown scheme {}{}", quote(name),
                                                      did_you_mean(name, known)));
    }
    if (last == (scheme->form == scheme_form::layer)) {
        return bad(offset, last ? fmt::format("{} is a layer and needs a transport behind it, as "
                                              "in {}+tcp:",
                                              quote(name), scheme->name)
                                : fmt::format("{} is a transport and cannot run over another",
                                              quote(name)));
    }
    chain_.push_back(scheme);
    parts_.schemes.emplace_back(scheme->name);
    transport_ = last ? scheme : nullptr;
    return {};
}

result<void> parser::read_place() {
    switch (transport_->form) {
    case scheme_form::host_port:
    case scheme_form::id_port:
        return read_authority();
    case scheme_form::path:
        return read_path();
    case scheme_form::text:
        return read_text();
    case scheme_form::number: {
        const std::string_view digits = rest();
        return read_number(digits, "number");
    }
    case scheme_form::layer:
    case scheme_form::nothing:
        break;
    }
    return {};
}

bool parser::path_allowed() const {
    return std::ranges::any_of(chain_, &scheme_info::path_after_port);
}

result<void> parser::read_authority() {
    const std::size_t end = std::min(text_.find('/', at_), end_);
    const std::string_view authority = text_.substr(at_, end - at_);
    if (const std::size_t sign = authority.find('@'); sign != std::string_view::npos) {
        return bad(at_ + sign, "unexpected '@': an endpoint has no user name");
    }
    const bool brackets = authority.starts_with('[');
    const std::size_t host_end = authority.find(brackets ? ']' : ':');
    if (brackets && host_end == std::string_view::npos) {
        return bad(end, "expected ']' after an IPv6 address");
    }
    if (!brackets && host_end != authority.rfind(':')) {
        return bad(at_, "an IPv6 address stands in brackets, as in [::1]:80");
    }
    const std::string_view host = authority.substr(0, host_end).substr(brackets ? 1 : 0);
    auto step = read_host(host, at_ + (brackets ? 1 : 0), brackets);
    if (!step) {
        return step;
    }
    at_ += std::min(host_end, authority.size()) + (brackets ? 1 : 0);
    step = at_ < end ? read_port(end) : default_port();
    if (step && at_ < end_ && path_allowed()) {
        step = read_text();
    }
    return step;
}

result<void> parser::read_host(std::string_view host, std::size_t offset, bool brackets) {
    if (host.empty() && brackets) {
        return bad(offset, "expected an IPv6 address");
    }
    if (host.empty() || host == "*") {
        return {};
    }
    const bool is_id = transport_->form == scheme_form::id_port;
    auto read = is_id ? read_id_host(host) : brackets ? read_ipv6_host(host) : read_name_host(host);
    if (!read) {
        return bad(offset + read.error().offset, read.error().what);
    }
    parts_.host = std::move(*read);
    return {};
}

result<void> parser::read_port(std::size_t end) {
    if (text_[at_] != ':') {
        return bad(at_, fmt::format("expected ':' and a port, {}", as_in_example()));
    }
    ++at_;
    const std::string_view port = text_.substr(at_, end - at_);
    for (const scheme_info* scheme : chain_) {
        const auto named = std::ranges::find(scheme->port_names, port, &port_name::name);
        if (named != scheme->port_names.end()) {
            parts_.number = named->port;
            at_ = end;
            return {};
        }
    }
    return read_number(port, "port");
}

result<void> parser::default_port() {
    for (auto scheme = chain_.rbegin(); scheme != chain_.rend() && !parts_.number; ++scheme) {
        parts_.number = (*scheme)->default_port;
    }
    if (!parts_.number && !transport_->port_optional) {
        return bad(at_, fmt::format("expected ':' and a port, {}", as_in_example()));
    }
    return {};
}

/// Reads `digits`, which stand at the current place.
result<void> parser::read_number(std::string_view digits, std::string_view what) {
    if (digits.empty() || !std::ranges::all_of(digits, is_digit)) {
        const std::string got = digits.empty() ? "" : fmt::format(", got {}", quote(digits));
        return bad(at_,
                   fmt::format("expected a {} from 0 to {}{}", what, transport_->max_number, got));
    }
    std::uint32_t value = 0;
    const auto [end, problem] = std::from_chars(digits.begin(), digits.end(), value);
    if (problem != std::errc() || value > transport_->max_number) {
        return bad(at_, fmt::format("{} {} is out of range (0 to {})", what, digits.substr(0, 40),
                                    transport_->max_number));
    }
    parts_.number = value;
    at_ += digits.size();
    return {};
}

result<void> parser::read_path() {
    if (rest().starts_with("//")) {
        const std::size_t host = at_ + 2;
        if (host == end_ || text_[host] != '/') {
            return bad(host, fmt::format("expected a path and no host, {}", as_in_example()));
        }
        at_ = host;
    }
    return read_text();
}

result<void> parser::read_text() {
    const bool is_free = transport_->form == scheme_form::text;
    if (rest().empty() || (is_free && rest().starts_with("//"))) {
        return bad(at_,
                   fmt::format("expected {}, {}", is_free ? "text" : "a path", as_in_example()));
    }
    auto decoded = percent_decode(rest());
    if (!decoded) {
        return bad(at_ + decoded.error(),
                   "expected two hexadecimal digits after '%'; a percent sign "
                   "is written %25");
    }
    if (!transport_->nul_allowed && decoded->find('\0') != std::string::npos) {
        return bad(at_, "a NUL character is not allowed here");
    }
    if (transport_->max_text != 0 && decoded->size() > transport_->max_text) {
        return bad(at_, fmt::format("{} bytes are too long: {} takes at most {}", decoded->size(),
                                    transport_->name, transport_->max_text));
    }
    parts_.path = std::move(*decoded);
    at_ = end_;
    return {};
}

} // namespace

result<parsed_endpoint> parse_endpoint(std::string_view text) {
    return parser(text).run();
}

} // namespace runnel::inline v0
