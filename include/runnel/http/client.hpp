// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/task.hpp"
#include "runnel/async/time.hpp"
#include "runnel/core/buffer.hpp"
#include "runnel/core/error.hpp"
#include "runnel/flow/flow.hpp"
#include "runnel/http/client_connection.hpp"
#include "runnel/http/head_parser.hpp"
#include "runnel/http/incoming_body.hpp"
#include "runnel/http/url.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace runnel::inline v0::http {

/// Opens a flow to the server of a URL: by TCP, over TLS, to a Unix socket, in a simulation. The
/// URL lives until it is done.
using connector = std::function<task<result<flow_ptr>>(const url& to)>;

/// What a client does by itself.
struct pool_options {
    client_options connection = {};
    /// How long opening a connection may take.
    duration connect_timeout = std::chrono::seconds(30);
    /// How long a connection that nobody uses is kept.
    duration idle = std::chrono::seconds(30);
    /// Connections kept for each origin that nobody uses.
    std::size_t idle_connections = 8;
    /// Redirects that are followed; 0: none, they are given like other answers.
    unsigned redirects = 10;
};
static_assert(std::is_trivially_destructible_v<pool_options>);

/// A request to be sent anywhere, and repeated where it has to be.
struct fetch_request {
    fetch_request(std::string_view verb, url whom) : method(verb), to(std::move(whom)) {}

    std::string method;
    url to;
    /// Names and values. `Authorization` and `Cookie` go to the origin of `to` only, not to those
    /// that it redirects to.
    std::vector<std::pair<std::string, std::string>> fields = {};
    buffer content = {}; ///< the body; empty: none
};

class client;

/// A connection of a client while somebody uses it. Dropping it gives it back if another request
/// can be sent on it, and ends it otherwise. Must not outlive the client.
class pooled_connection {
public:
    pooled_connection(client& owner, std::string origin, std::unique_ptr<client_connection> open,
                      bool reused) noexcept
        : owner_(&owner), origin_(std::move(origin)), open_(std::move(open)), reused_(reused) {}
    pooled_connection(pooled_connection&&) noexcept = default;
    pooled_connection& operator=(pooled_connection&& other) noexcept {
        std::swap(owner_, other.owner_);
        std::swap(origin_, other.origin_);
        std::swap(open_, other.open_);
        std::swap(reused_, other.reused_);
        return *this;
    }
    ~pooled_connection();

    [[nodiscard]] client_connection& operator*() noexcept { return *open_; }
    [[nodiscard]] client_connection* operator->() noexcept { return open_.get(); }
    /// Whether a request was sent on it before, so that the server may be ending it just now.
    [[nodiscard]] bool reused() const noexcept { return reused_; }

private:
    client* owner_;
    std::string origin_;
    std::unique_ptr<client_connection> open_;
    bool reused_;
};

/// An answer: its head is here, its body comes while it is read. Must not outlive the client.
class client_answer {
public:
    client_answer(pooled_connection with, const response_head& head, url from, unsigned redirects,
                  duration connecting, duration waiting) noexcept
        : connection_(std::move(with)), head_(head), from_(std::move(from)), redirects_(redirects),
          connecting_(connecting), waiting_(waiting) {}

    /// Valid until the end of the answer.
    [[nodiscard]] const response_head& head() const noexcept { return head_; }
    /// To be read to its end: only then the connection can be used again.
    [[nodiscard]] incoming_body& body() noexcept { return connection_->body(); }
    /// Where it comes from, behind all redirects.
    [[nodiscard]] const url& from() const noexcept { return from_; }
    /// How many redirects were followed.
    [[nodiscard]] unsigned redirects() const noexcept { return redirects_; }
    /// How long it took to open the connection; 0 for one that was open.
    [[nodiscard]] duration connecting() const noexcept { return connecting_; }
    /// How long from sending the request to the end of the answer's head.
    [[nodiscard]] duration waiting() const noexcept { return waiting_; }
    [[nodiscard]] client_connection& connection() noexcept { return *connection_; }

private:
    pooled_connection connection_;
    response_head head_;
    url from_;
    unsigned redirects_;
    duration connecting_;
    duration waiting_;
};

/// Sends requests to any origin over flows of any kind: keeps connections for the next request,
/// follows redirects, and repeats a request where that can do no harm. Belongs to one loop; must
/// outlive its operations and answers. Dropping it ends the connections that nobody uses.
class client {
public:
    explicit client(connector open, pool_options options = {})
        : open_(std::move(open)), options_(options) {}
    client(const client&) = delete;
    client& operator=(const client&) = delete;
    ~client() = default;

    /// Sends the whole URL as the target of requests for which `through` holds: those that the
    /// connector sends to an HTTP proxy (RFC 9112, section 3.2.2).
    void send_whole_urls(std::function<bool(const url&)> through) { through_ = std::move(through); }

    /// Sends a request, and gives the answer once its head is there.
    ///
    /// A server may end a connection at the moment when the next request is on its way. Then a
    /// request whose repetition changes nothing (RFC 9110, section 9.2.2) is sent again on another
    /// connection; others only ever go out on connections that are new or were used just now. A
    /// 303, or a 301 or 302 to POST, is followed by GET, and any other redirect with the same
    /// request. Only redirects to http and https, or to the same scheme, are followed.
    ///
    /// Errors: those of the connector, `timed_out`, `limit_exceeded` for too many redirects, and
    /// those of `client_connection::send`. They name the URL.
    [[nodiscard]] task<result<client_answer>> fetch(fetch_request what);

    /// A connection to the origin of a URL, kept or new, for those who send requests themselves.
    /// `repeatable`: whether the request may be sent again if the server was just ending it.
    [[nodiscard]] task<result<pooled_connection>> connect(const url& to, bool repeatable);

    /// Connections that nobody uses.
    [[nodiscard]] std::size_t idle() const noexcept;

private:
    friend class pooled_connection;
    struct kept {
        std::unique_ptr<client_connection> connection;
        time_point since;
    };

    [[nodiscard]] task<result<client_answer>> exchange(const fetch_request& what,
                                                       unsigned redirects);
    [[nodiscard]] std::unique_ptr<client_connection> take(const std::string& origin,
                                                          bool repeatable);
    void give_back(std::string origin, std::unique_ptr<client_connection> open);

    connector open_;
    std::function<bool(const url&)> through_;
    pool_options options_;
    std::map<std::string, std::vector<kept>> kept_; // by origin, the latest last
};

} // namespace runnel::inline v0::http
