// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/task.hpp"
#include "runnel/async/time.hpp"
#include "runnel/core/error.hpp"
#include "runnel/http/client.hpp"
#include "runnel/http/request.hpp"
#include "runnel/http/response.hpp"
#include "runnel/http/url.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <type_traits>
#include <vector>

namespace runnel::inline v0::http {

/// Which of several upstreams gets a request.
enum class balance : std::uint8_t {
    round_robin,       ///< one after the other
    least_connections, ///< the one that has the fewest requests in progress
};

/// How requests are passed on. The texts outlive the proxy.
struct reverse_proxy_options {
    pool_options client = {};
    balance choice = balance::round_robin;
    /// Whether the upstream is told the client's `Host`, otherwise its own. The client's is in
    /// `X-Forwarded-Host` in any case.
    bool keep_host = true;
    /// "http" or "https": how clients come, for `X-Forwarded-Proto`.
    std::string_view scheme = "http";
    /// For how long an upstream that could not be connected to is passed over.
    duration fail_timeout = std::chrono::seconds(10);
    /// A path that is asked for at the interval by `watch`: an answer below 400, within the
    /// interval, says that the upstream is well. Empty: nothing is asked.
    std::string_view health_path = {};
    duration health_interval = std::chrono::seconds(5);
};
static_assert(std::is_trivially_destructible_v<reverse_proxy_options>);

/// A server behind the proxy.
struct upstream {
    upstream(connector how, url where) : open(std::move(how)), base(std::move(where)) {}

    connector open;
    url base; ///< the path of a request is put behind its path
};

/// Passes requests on to other servers, and their answers back: a gateway (RFC 9110, section 3.7).
///
/// Bodies are streamed both ways, each side as fast as the other takes it. Fields that concern one
/// connection alone are not passed on (section 7.6.1); `Via`, `X-Forwarded-For`, `-Proto` and
/// `-Host` are added. A request to change the protocol, as for a WebSocket, becomes a tunnel when
/// the upstream agrees.
///
/// A request goes to another upstream if the connection to one fails, and is sent again only where
/// nothing of it can have had an effect: see `client`. An answer of 502 says that an upstream could
/// not be reached or answered nonsense, 504 that it took too long. An answer that breaks off is
/// broken off on the client's side, too. A server that answers before it has read all of a request
/// does not get the rest of it.
///
/// Belongs to one loop; must outlive the answers.
class reverse_proxy {
public:
    explicit reverse_proxy(std::vector<upstream> to, reverse_proxy_options options = {});
    reverse_proxy(const reverse_proxy&) = delete;
    reverse_proxy& operator=(const reverse_proxy&) = delete;
    ~reverse_proxy();

    /// Passes a request on. `path` is what stands behind the upstream's own, as it came; the query
    /// goes with it. Both live until it is done.
    [[nodiscard]] task<response> answer(request& asked, std::string_view path);

    /// Asks the upstreams how they are, until it is stopped.
    [[nodiscard]] task<void> watch();

    /// How many upstreams are not passed over.
    [[nodiscard]] std::size_t healthy() const noexcept;

private:
    struct server_state;
    struct exchange;

    [[nodiscard]] server_state* choose(const std::vector<server_state*>& tried);
    [[nodiscard]] task<result<response>> pass_on(request& asked, std::string_view path,
                                                 server_state& to, bool& safe);
    [[nodiscard]] static task<result<response_head>>
    ask(request& asked, client_connection& connection, client_request head);
    [[nodiscard]] static response relay(std::shared_ptr<exchange> with, const response_head& head,
                                        method asked);
    [[nodiscard]] task<result<void>> ask_how(server_state& one);

    reverse_proxy_options options_;
    std::vector<std::unique_ptr<server_state>> servers_;
    std::size_t next_ = 0;
};

} // namespace runnel::inline v0::http
