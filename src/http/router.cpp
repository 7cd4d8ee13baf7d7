// SPDX-License-Identifier: Apache-2.0
#include "runnel/http/router.hpp"

#include "runnel/flow/percent.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <stdexcept>
#include <utility>

namespace runnel::inline v0::http {
namespace {

constexpr std::size_t method_count = static_cast<std::size_t>(method::other);

/// Takes the first segment off a path that begins with a slash.
std::string_view next_segment(std::string_view& path) noexcept {
    path.remove_prefix(1);
    const std::string_view segment = path.substr(0, path.find('/'));
    path.remove_prefix(segment.size());
    return segment;
}

/// What a segment means; nothing if that could be taken for more than a name.
std::optional<std::string> decode_segment(std::string_view segment) {
    auto text = percent_decode(segment);
    if (!text || *text == "." || *text == ".." || text->find('/') != std::string::npos ||
        text->find('\0') != std::string::npos) {
        return std::nullopt;
    }
    return std::move(*text);
}

/// The rest of a path, decoded segment by segment, without the slash in front.
std::optional<std::string> decode_rest(std::string_view path) {
    std::string text;
    while (!path.empty()) {
        const std::optional<std::string> segment = decode_segment(next_segment(path));
        if (!segment) {
            return std::nullopt;
        }
        text += *segment;
        if (!path.empty()) {
            text += '/';
        }
    }
    return text;
}

/// What a segment of a pattern is.
struct pattern_part {
    enum class kind : std::uint8_t { text, parameter, rest };

    explicit pattern_part(std::string_view segment) {
        if (!segment.starts_with('{') || !segment.ends_with('}')) {
            if (segment.find_first_of("{}") != std::string_view::npos) {
                throw std::invalid_argument("a route with a brace out of place");
            }
            name = segment;
            return;
        }
        segment = segment.substr(1, segment.size() - 2);
        what = kind::parameter;
        if (segment.ends_with("...")) {
            segment.remove_suffix(3);
            what = kind::rest;
        }
        if (segment.empty() || segment.find_first_of("{}") != std::string_view::npos) {
            throw std::invalid_argument("a route with a parameter without a name");
        }
        name = segment;
    }

    kind what = kind::text;
    std::string_view name;
};

} // namespace

/// A segment of some patterns, with what may follow it.
struct router::node {
    /// A pattern that ends here.
    struct route {
        std::array<handler, method_count> answers;
        handler any;
        std::vector<std::string> names; ///< of the parameters, from the left

        [[nodiscard]] const handler* find(method verb) const noexcept {
            if (verb < method::other && answers[static_cast<std::size_t>(verb)]) {
                return &answers[static_cast<std::size_t>(verb)];
            }
            if (verb == method::head && answers[static_cast<std::size_t>(method::get)]) {
                return &answers[static_cast<std::size_t>(method::get)];
            }
            return any ? &any : nullptr;
        }

        [[nodiscard]] std::string allowed() const {
            std::string list = "OPTIONS";
            for (std::size_t index = 0; index < method_count; ++index) {
                const auto verb = static_cast<method>(index);
                if (verb != method::options && find(verb) != nullptr) {
                    list.append(", ").append(name_of(verb));
                }
            }
            return list;
        }
    };

    std::map<std::string, std::unique_ptr<node>, std::less<>> texts;
    std::unique_ptr<node> parameter;
    std::unique_ptr<route> here;
    std::unique_ptr<route> rest;

    /// The route of a path, and the values of its parameters.
    [[nodiscard]] const route* find(std::string_view path, std::vector<std::string>& values) const;
    /// The route that a pattern ends at.
    [[nodiscard]] route& place(std::string_view pattern);
};

const router::node::route* router::node::find(std::string_view path,
                                              std::vector<std::string>& values) const {
    if (path.empty()) {
        return here.get();
    }
    const std::size_t known = values.size();
    std::string_view behind = path;
    std::optional<std::string> segment = decode_segment(next_segment(behind));
    if (segment) {
        if (const auto found = texts.find(*segment); found != texts.end()) {
            if (const route* const matched = found->second->find(behind, values)) {
                return matched;
            }
        }
        if (parameter && !segment->empty()) {
            values.push_back(*std::move(segment));
            if (const route* const matched = parameter->find(behind, values)) {
                return matched;
            }
            values.resize(known);
        }
    }
    if (rest) {
        if (std::optional<std::string> value = decode_rest(path)) {
            values.push_back(*std::move(value));
            return rest.get();
        }
    }
    return nullptr;
}

router::node::route& router::node::place(std::string_view pattern) {
    if (!pattern.starts_with('/')) {
        throw std::invalid_argument("a route that does not begin with a slash");
    }
    node* at = this;
    std::vector<std::string> names;
    std::unique_ptr<route>* found = nullptr;
    while (!pattern.empty()) {
        const pattern_part part(next_segment(pattern));
        if (part.what == pattern_part::kind::rest) {
            if (!pattern.empty()) {
                throw std::invalid_argument("a route that goes on behind its rest");
            }
            names.emplace_back(part.name);
            found = &at->rest;
            break;
        }
        std::unique_ptr<node>* next = &at->parameter;
        if (part.what == pattern_part::kind::text) {
            next = &at->texts[std::string(part.name)];
        } else {
            names.emplace_back(part.name);
        }
        if (!*next) {
            *next = std::make_unique<node>();
        }
        at = next->get();
    }
    if (found == nullptr) {
        found = &at->here;
    }
    if (!*found) {
        *found = std::make_unique<route>();
        (*found)->names = std::move(names);
    } else if ((*found)->names != names) {
        throw std::invalid_argument("two routes that differ in the names of parameters only");
    }
    return **found;
}

router::router() : root_(std::make_unique<node>()) {}
router::router(router&&) noexcept = default;
router& router::operator=(router&&) noexcept = default;
router::~router() = default;

router& router::on(method verb, std::string_view pattern, handler answer) {
    if (verb == method::other) {
        throw std::invalid_argument("a route for a method that is not known");
    }
    handler& slot = root_->place(pattern).answers[static_cast<std::size_t>(verb)];
    if (slot) {
        throw std::invalid_argument("two routes for one method and pattern");
    }
    slot = std::move(answer);
    return *this;
}

router& router::any(std::string_view pattern, handler answer) {
    handler& slot = root_->place(pattern).any;
    if (slot) {
        throw std::invalid_argument("two routes for one method and pattern");
    }
    slot = std::move(answer);
    return *this;
}

router& router::otherwise(handler answer) {
    otherwise_ = std::move(answer);
    return *this;
}

task<response> router::answer(request& asked) const {
    std::vector<std::string> values;
    const std::string_view path = asked.path();
    const node::route* const found = path.starts_with('/') ? root_->find(path, values) : nullptr;
    if (found == nullptr) {
        if (otherwise_) {
            co_return co_await otherwise_(asked);
        }
        co_return response::text(status::not_found, "404 Not Found\n");
    }
    for (std::size_t index = 0; index < values.size(); ++index) {
        asked.set_parameter(found->names[index], std::move(values[index]));
    }
    if (const handler* const chosen = found->find(asked.verb())) {
        co_return co_await (*chosen)(asked);
    }
    const bool asks = asked.verb() == method::options;
    response made = asks ? response(status::no_content)
                         : response::text(status::method_not_allowed, "405 Method Not Allowed\n");
    made.add("Allow", found->allowed());
    co_return made;
}

handler router::as_handler() && {
    return [routes = std::make_shared<const router>(std::move(*this))](request& asked) {
        return routes->answer(asked);
    };
}

} // namespace runnel::inline v0::http
