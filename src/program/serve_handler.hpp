// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "access_log.hpp"
#include "http_places.hpp"
#include "server.hpp"

#include "runnel/flow/file_tree.hpp"
#include "runnel/http/reverse_proxy.hpp"
#include "runnel/http/server.hpp"
#include "runnel/http/static_files.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace runnel::inline v0::program {

/// Where requests to a path are passed on to.
struct proxy_target {
    std::string path = {}; ///< without a slash at its end
    http::url base;
    std::shared_ptr<const url_options> how = {};
};

/// Reads `PATH=URL`, where the URL begins with `http://` or `https://`, or is an endpoint with
/// `http+` or `https+` in front.
[[nodiscard]] result<proxy_target> parse_proxy_target(std::string_view text);

/// What `serve` serves, and how.
struct serve_options {
    std::shared_ptr<file_tree> files = {}; ///< null: none
    http::static_options how = {};
    http::server_options limits = {};
    /// Several of one path share its requests out.
    std::vector<proxy_target> proxies = {};
    http::reverse_proxy_options passing = {};
    log_format log = log_format::common;
    /// Whether the bytes of each connection are counted.
    bool counts = false;
};

/// Serves files by HTTP, and passes requests on. `options` and `log_target` outlive the handler.
[[nodiscard]] std::unique_ptr<connection_handler> make_serve_handler(const serve_options& options,
                                                                     const terminal& log_target);

} // namespace runnel::inline v0::program
