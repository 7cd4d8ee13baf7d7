// SPDX-License-Identifier: Apache-2.0
#include "runnel/http/reverse_proxy.hpp"

#include "runnel/async/deadline.hpp"
#include "runnel/async/loop.hpp"
#include "runnel/async/scope.hpp"
#include "runnel/async/sleep.hpp"
#include "runnel/flow/proxy.hpp"
#include "runnel/http/fault.hpp"
#include "runnel/http/field.hpp"
#include "runnel/http/list.hpp"
#include "runnel/http/method.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <utility>

namespace runnel::inline v0::http {
namespace {

constexpr std::string_view via = "1.1 runnel";
/// The body of an answer about an upstream's health up to which its connection is kept.
constexpr std::uint64_t most_discarded = std::uint64_t{64} << 10U;
constexpr std::string_view websocket = "websocket";

/// Fields of one connection (RFC 9110, section 7.6.1), and those that the next one gets anew.
constexpr auto own_fields = std::to_array<std::string_view>(
    {"Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "Proxy-Authorization",
     "TE", "Trailer", "Transfer-Encoding", "Upgrade", "Host", "Content-Length", "Expect"});
/// What this proxy says itself, so that no client can.
constexpr auto said_fields =
    std::to_array<std::string_view>({"X-Forwarded-Proto", "X-Forwarded-Host"});

bool is_one_of(std::string_view name, std::span<const std::string_view> names) noexcept {
    return std::ranges::any_of(names, [&](std::string_view each) { return same_name(each, name); });
}

/// Adds the fields that are for everybody on the way.
template <class F>
void pass_fields(const fields_view& from, F add) {
    for (const field& each : from) {
        if (!is_one_of(each.name, own_fields) && !lists(from, "Connection", each.name)) {
            add(each.name, each.value);
        }
    }
}

std::string host_of(const flow_address& address) {
    const auto ip = address.ip();
    return ip ? ip->address().to_string() : "unknown";
}

response plain_answer(status code) {
    std::string words = std::to_string(number(code));
    words.append(" ").append(reason(code)).append("\n");
    return response::text(code, words);
}

response refusal(const error& why) {
    return plain_answer(why == errc::timed_out ? status::gateway_timeout : status::bad_gateway);
}

/// Sends a body on, piece by piece. `source` says whether it was the source that failed.
task<result<void>> copy_body(incoming_body& from, outgoing_body& to, bool& source) {
    for (;;) {
        result<buffer> piece = co_await from.read();
        source = !piece && piece.error() != errc::end;
        if (source) {
            co_return fail(piece.error());
        }
        result<void> sent;
        if (piece) {
            sent = co_await to.write(*std::move(piece));
        } else {
            sent = co_await to.finish();
        }
        if (sent) {
            sent = co_await to.flush();
        }
        if (!sent || to.finished()) {
            co_return sent;
        }
    }
}

/// Sends the body of a request on. What goes wrong with sending shows in the answer; without a
/// whole body there is none.
task<void> send_on(incoming_body& from, client_connection& to, std::optional<error>& failure) {
    bool source = false;
    const result<void> sent = co_await copy_body(from, to.outgoing(), source);
    if (sent) {
        co_return;
    }
    to.give_up_sending();
    if (source && sent.error() != errc::cancelled) {
        failure = sent.error();
        to.abort();
    }
}

/// Gives the body of an answer to the client as it comes.
task<result<void>> send_back(incoming_body& from, outgoing_body& to) {
    bool source = false;
    co_return co_await copy_body(from, to, source);
}

/// Whether a name of the path is `.` or `..`, also encoded: then it leads elsewhere than it seems.
bool has_dots(std::string_view path) {
    while (!path.empty()) {
        path.remove_prefix(path.front() == '/' ? 1 : 0);
        std::string_view name = path.substr(0, path.find('/'));
        path.remove_prefix(name.size());
        std::size_t dots = 0;
        while (name.starts_with('.') || name.starts_with("%2e") || name.starts_with("%2E")) {
            name.remove_prefix(name.front() == '.' ? 1 : 3);
            ++dots;
        }
        if (name.empty() && (dots == 1 || dots == 2)) {
            return true;
        }
    }
    return false;
}

std::string target_of(const url& base, std::string_view path, std::string_view query) {
    std::string target(base.path());
    if (target.ends_with('/')) {
        target.pop_back();
    }
    target.append(path);
    if (target.empty()) {
        target.push_back('/');
    }
    if (!query.empty()) {
        target.append("?").append(query);
    }
    return target;
}

/// Whether the server ended the connection instead of answering.
bool was_ended(const error& why) noexcept {
    return why == errc::end || why == errc::reset || why == errc::closed;
}

/// The fields of a request as they are sent on.
void describe(field_block& fields, const request& asked, std::string_view scheme) {
    std::string forwarded;
    pass_fields(asked.fields(), [&](std::string_view name, std::string_view value) {
        if (same_name(name, "X-Forwarded-For")) {
            forwarded.append(value).append(", ");
        } else if (!is_one_of(name, said_fields)) {
            fields.add(name, value);
        }
    });
    fields.add("X-Forwarded-For", forwarded.append(host_of(asked.remote())));
    fields.add("X-Forwarded-Proto", scheme);
    if (!asked.authority().empty()) {
        fields.add("X-Forwarded-Host", asked.authority());
    }
    fields.add("Via", via);
}

task<result<void>> send_nothing(outgoing_body& /*out*/) {
    co_return result<void>();
}

/// The length that the answer to HEAD names, of a body that does not come.
std::optional<std::uint64_t> length_named(const response_head& head) {
    const std::optional<std::string_view> text = head.fields.find("Content-Length");
    std::uint64_t length = 0;
    if (!text ||
        std::from_chars(text->data(), text->data() + text->size(), length).ec != std::errc()) {
        return std::nullopt;
    }
    return length;
}

response streamed(status code, std::string_view type, std::optional<std::uint64_t> length,
                  body_writer writer) {
    return length ? response::stream(code, type, *length, std::move(writer))
                  : response::stream(code, type, std::move(writer));
}

task<void> join_flows(flow_ptr client, flow_ptr server) {
    static_cast<void>(co_await proxy(*client, *server));
}

} // namespace

struct reverse_proxy::server_state {
    server_state(upstream one, const pool_options& options)
        : base(std::move(one.base)), connections(std::move(one.open), options) {}

    url base;
    client connections;
    std::size_t active = 0;
    time_point well_again{}; // passed over until then
};

/// A request in progress, as long as its answer is.
struct reverse_proxy::exchange {
    exchange(server_state& at, pooled_connection with) : place(&at), connection(std::move(with)) {
        ++place->active;
    }
    exchange(const exchange&) = delete;
    exchange& operator=(const exchange&) = delete;
    ~exchange() { --place->active; }

    server_state* place;
    pooled_connection connection;
};

reverse_proxy::reverse_proxy(std::vector<upstream> to, reverse_proxy_options options)
    : options_(options) {
    options_.client.redirects = 0;
    for (upstream& each : to) {
        servers_.push_back(std::make_unique<server_state>(std::move(each), options_.client));
    }
}

reverse_proxy::~reverse_proxy() = default;

std::size_t reverse_proxy::healthy() const noexcept {
    const time_point now = loop::current().now();
    return static_cast<std::size_t>(
        std::ranges::count_if(servers_, [&](const auto& each) { return each->well_again <= now; }));
}

/// The next to be tried: one that is well, or if none is, the one that will be so first.
reverse_proxy::server_state* reverse_proxy::choose(const std::vector<server_state*>& tried) {
    const time_point now = loop::current().now();
    server_state* best = nullptr;
    std::size_t best_index = 0;
    for (std::size_t step = 0; step < servers_.size(); ++step) {
        const std::size_t index = (next_ + step) % servers_.size();
        server_state* const each = servers_[index].get();
        if (std::ranges::find(tried, each) != tried.end()) {
            continue;
        }
        const auto rank = [&](const server_state& one) {
            const std::size_t load = options_.choice == balance::least_connections ? one.active : 0;
            return std::pair(std::max(one.well_again, now), load);
        };
        if (best == nullptr || rank(*each) < rank(*best)) {
            best = each;
            best_index = index;
        }
    }
    next_ = best_index + 1;
    return best;
}

/// Makes the answer of the upstream one to the client. The connection is kept with it.
response reverse_proxy::relay(std::shared_ptr<exchange> with, const response_head& head,
                              method asked) {
    client_connection& connection = *with->connection;
    if (head.code == status::switching_protocols) {
        response made =
            response::upgrade(websocket, [server = connection.release()](flow_ptr client) mutable {
                return join_flows(std::move(client), std::move(server));
            });
        pass_fields(head.fields,
                    [&](std::string_view name, std::string_view value) { made.add(name, value); });
        return made;
    }
    const auto add_all = [&](response made) {
        made.remove("Content-Type");
        pass_fields(head.fields,
                    [&](std::string_view name, std::string_view value) { made.add(name, value); });
        made.add("Via", via);
        return made;
    };
    const std::string_view type = "application/octet-stream"; // replaced by what is there
    if (is_bodiless(head.code)) {
        return add_all(response(head.code));
    }
    if (asked == method::head) {
        return add_all(streamed(head.code, type, length_named(head), &send_nothing));
    }
    const std::optional<std::uint64_t> length = connection.body().length();
    return add_all(streamed(head.code, type, length, [with = std::move(with)](outgoing_body& out) {
        return send_back(with->connection->body(), out);
    }));
}

/// Sends the request, and its body beside waiting for the answer.
task<result<response_head>> reverse_proxy::ask(request& asked, client_connection& connection,
                                               client_request head) {
    incoming_body& body = asked.body();
    if (body.complete()) {
        co_return co_await connection.send(std::move(head));
    }
    const result<void> begun = connection.begin(std::move(head), body.length());
    if (!begun) {
        co_return runnel::fail(begun.error());
    }
    std::optional<error> failure;
    // NOLINTNEXTLINE(cppcoreguidelines-avoid-capturing-lambda-coroutines): it outlives the scope
    const auto both = [&](scope& beside) -> task<result<response_head>> {
        beside.spawn(send_on(body, connection, failure), "upload");
        result<response_head> answer = co_await connection.answer();
        beside.request_stop();
        co_return answer;
    };
    result<response_head> answer = co_await with_scope(both);
    if (failure) {
        co_return runnel::fail(*failure);
    }
    co_return answer;
}

/// `safe`: nothing of the request can have had an effect.
task<result<response>> reverse_proxy::pass_on(request& asked, std::string_view path,
                                              server_state& to, bool& safe) {
    const bool repeatable = asked.body().complete() && is_idempotent(asked.verb());
    const std::string target = target_of(to.base, path, asked.query());
    const std::string own = to.base.authority();
    for (;;) {
        result<pooled_connection> open = co_await to.connections.connect(to.base, repeatable);
        if (!open) {
            to.well_again = saturating_add(loop::current().now(), options_.fail_timeout);
            safe = true;
            co_return runnel::fail(open.error());
        }
        const bool reused = open->reused();
        auto with = std::make_shared<exchange>(to, *std::move(open));
        client_request head(asked.method_name(), target,
                            options_.keep_host && !asked.authority().empty() ? asked.authority()
                                                                             : own);
        describe(head.fields, asked, options_.scheme);
        if (same_name(asked.protocol(), websocket)) {
            head.upgrade = websocket;
        }
        const result<response_head> answer =
            co_await ask(asked, *with->connection, std::move(head));
        if (answer) {
            co_return relay(std::move(with), *answer, asked.verb());
        }
        const bool untouched = !with->connection->began() && was_ended(answer.error());
        if (!untouched || !repeatable) {
            co_return runnel::fail(answer.error());
        }
        if (!reused) { // not an old connection that was just ended, but a server that fails
            safe = true;
            co_return runnel::fail(answer.error());
        }
    }
}

task<response> reverse_proxy::answer(request& asked, std::string_view path) {
    if (asked.verb() == method::connect) {
        co_return plain_answer(status::not_implemented);
    }
    if (has_dots(path)) {
        co_return plain_answer(status::bad_request);
    }
    std::vector<server_state*> tried;
    std::optional<error> why;
    while (server_state* const place = choose(tried)) {
        bool safe = false;
        result<response> made = co_await pass_on(asked, path, *place, safe);
        if (made) {
            co_return *std::move(made);
        }
        why = made.error();
        if (!safe || *why == errc::cancelled) {
            break;
        }
        tried.push_back(place);
    }
    co_return why ? refusal(*why) : plain_answer(status::service_unavailable);
}

/// Fails if the upstream is not well.
task<result<void>> reverse_proxy::ask_how(server_state& one) {
    result<url> where = one.base.resolve(options_.health_path);
    if (!where) {
        co_return fail(where.error());
    }
    fetch_request asked("GET", *std::move(where));
    result<client_answer> answer = co_await one.connections.fetch(std::move(asked));
    if (!answer) {
        co_return fail(answer.error());
    }
    if (number(answer->head().code) >= 400) {
        co_return fail(errc::refused);
    }
    co_return co_await answer->body().discard(most_discarded);
}

task<void> reverse_proxy::watch() {
    bool going = !options_.health_path.empty();
    while (going) {
        for (const auto& each : servers_) {
            const result<void> well =
                co_await with_timeout(options_.health_interval, ask_how(*each));
            each->well_again = well ? time_point() : never;
        }
        const result<void> slept = co_await sleep_for(options_.health_interval);
        going = slept.has_value();
    }
}

} // namespace runnel::inline v0::http
