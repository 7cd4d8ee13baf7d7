// SPDX-License-Identifier: Apache-2.0
#include "runnel/http/client.hpp"

#include "runnel/async/deadline.hpp"
#include "runnel/async/loop.hpp"
#include "runnel/http/field.hpp"
#include "runnel/http/method.hpp"
#include "runnel/http/status.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace runnel::inline v0::http {
namespace {

/// A request that must not be repeated uses a connection again only so soon after the answer before
/// that no server has ended it yet.
constexpr duration fresh = std::chrono::milliseconds(500);
/// The body of a redirect up to which its connection is kept.
constexpr std::uint64_t most_discarded = std::uint64_t{64} << 10U;

/// Connections that are kept for all origins together.
constexpr std::size_t most_idle = 256;
/// Fields for one origin alone.
constexpr auto secrets =
    std::to_array<std::string_view>({"Authorization", "Cookie", "Proxy-Authorization"});

std::string origin_of(const url& place) {
    return place.scheme() + "://" + place.authority();
}

bool is_redirect(status code) noexcept {
    switch (code) {
    case status::moved_permanently:
    case status::found:
    case status::see_other:
    case status::temporary_redirect:
    case status::permanent_redirect:
        return true;
    default:
        return false;
    }
}

/// Where an answer leads, if it is one that leads somewhere else that can be gone to.
std::optional<url> redirect_of(const response_head& head, const url& from) {
    const std::optional<std::string_view> location = head.fields.find("Location");
    if (!is_redirect(head.code) || !location) {
        return std::nullopt;
    }
    result<url> next = from.resolve(*location);
    if (!next || (next->scheme() != from.scheme() && next->scheme() != "http" &&
                  next->scheme() != "https")) {
        return std::nullopt;
    }
    return *std::move(next);
}

/// Makes the request the one to be sent to where it was redirected.
void follow(fetch_request& what, status code, url next) {
    const bool rewritten =
        code == status::see_other ||
        ((code == status::moved_permanently || code == status::found) && what.method == "POST");
    if (rewritten && what.method != "HEAD") {
        what.method = "GET";
        what.content.reset();
        std::erase_if(what.fields, [](const auto& each) {
            return same_name(each.first, "Content-Type") ||
                   same_name(each.first, "Content-Encoding");
        });
    }
    if (!next.same_origin(what.to)) { // what was meant for one is not for another
        std::erase_if(what.fields, [](const auto& each) {
            return std::ranges::any_of(
                secrets, [&](std::string_view name) { return same_name(each.first, name); });
        });
    }
    what.to = std::move(next);
}

client_request request_of(const fetch_request& what) {
    client_request asked(what.method, what.to.target(), "");
    for (const auto& [name, value] : what.fields) {
        asked.fields.add(name, value);
    }
    asked.content = what.content.share();
    return asked;
}

/// Whether the server ended the connection instead of answering.
bool was_ended(const error& why) noexcept {
    return why == errc::end || why == errc::reset || why == errc::closed;
}

} // namespace

pooled_connection::~pooled_connection() {
    if (open_ != nullptr && open_->ready()) {
        owner_->give_back(std::move(origin_), std::move(open_));
    }
}

task<result<client_answer>> client::fetch(fetch_request what) {
    unsigned redirects = 0;
    for (;;) {
        result<client_answer> answer = co_await exchange(what, redirects);
        if (!answer) {
            co_return fail(answer.error().wrap(what.method + " " + what.to.to_string()));
        }
        if (options_.redirects == 0) {
            co_return answer;
        }
        std::optional<url> next = redirect_of(answer->head(), what.to);
        if (!next) {
            co_return answer;
        }
        if (redirects++ == options_.redirects) {
            co_return fail(errc::limit_exceeded, what.to.to_string() + ": too many redirects");
        }
        const status code = answer->head().code;
        static_cast<void>(co_await answer->body().discard(most_discarded));
        follow(what, code, *std::move(next));
    }
}

task<result<client_answer>> client::exchange(const fetch_request& what, unsigned redirects) {
    const bool repeatable = is_idempotent(method_of(what.method));
    for (;;) { // each time round uses up a connection that was kept
        const time_point start = loop::current().now();
        result<pooled_connection> open = co_await connect(what.to, repeatable);
        if (!open) {
            co_return fail(open.error());
        }
        const time_point opened = loop::current().now();
        const std::string authority = what.to.authority();
        client_request asked = request_of(what);
        asked.authority = authority;
        const std::string whole =
            through_ && through_(what.to) ? what.to.to_string() : std::string();
        if (!whole.empty()) {
            asked.target = whole;
        }
        result<response_head> head = co_await (*open)->send(std::move(asked));
        if (head) {
            const duration connecting = open->reused() ? duration(0) : opened - start;
            co_return client_answer(*std::move(open), *head, what.to, redirects, connecting,
                                    loop::current().now() - opened);
        }
        if (!open->reused() || !repeatable || (*open)->began() || !was_ended(head.error())) {
            co_return fail(head.error());
        }
    }
}

task<result<pooled_connection>> client::connect(const url& to, bool repeatable) {
    std::string origin = origin_of(to);
    std::unique_ptr<client_connection> again = take(origin, repeatable);
    if (again != nullptr) {
        co_return pooled_connection(*this, std::move(origin), std::move(again), true);
    }
    result<flow_ptr> opened = co_await with_timeout(options_.connect_timeout, open_(to));
    if (!opened) {
        co_return fail(opened.error());
    }
    auto made = std::make_unique<client_connection>(*std::move(opened), options_.connection);
    co_return pooled_connection(*this, std::move(origin), std::move(made), false);
}

std::unique_ptr<client_connection> client::take(const std::string& origin, bool repeatable) {
    const auto found = kept_.find(origin);
    if (found == kept_.end()) {
        return nullptr;
    }
    const time_point now = loop::current().now();
    std::vector<kept>& all = found->second;
    std::erase_if(all, [&](const kept& each) { return now - each.since > options_.idle; });
    std::unique_ptr<client_connection> taken;
    if (!all.empty() && (repeatable || now - all.back().since < fresh)) {
        taken = std::move(all.back().connection);
        all.pop_back();
    }
    if (all.empty()) {
        kept_.erase(found);
    }
    return taken;
}

void client::give_back(std::string origin, std::unique_ptr<client_connection> open) {
    if (options_.idle_connections == 0) {
        return;
    }
    if (idle() >= most_idle) {
        kept_.erase(kept_.begin());
    }
    std::vector<kept>& all = kept_[std::move(origin)];
    if (all.size() == options_.idle_connections) {
        all.erase(all.begin());
    }
    all.push_back({std::move(open), loop::current().now()});
}

std::size_t client::idle() const noexcept {
    std::size_t count = 0;
    for (const auto& [origin, all] : kept_) {
        count += all.size();
    }
    return count;
}

} // namespace runnel::inline v0::http
