// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/task.hpp"
#include "runnel/http/request.hpp"
#include "runnel/http/response.hpp"

#include <functional>
#include <utility>

namespace runnel::inline v0::http {

/// Answers one request. The requests of an HTTP/1 connection are answered one after the other, in
/// order, those of an HTTP/2 connection side by side. An exception that leaves it becomes the
/// answer 500. When the client is seen to leave, what the handler waits for is cancelled.
using handler = std::function<task<response>(request&)>;

/// Stands around a handler: may look at the request, answer instead of it, or change its answer.
using middleware = std::function<task<response>(request&, const handler& next)>;

/// The handler with the middleware around it: `wrap(wrap(h, inner), outer)`.
[[nodiscard]] inline handler wrap(handler inside, middleware around) {
    return [inside = std::move(inside), around = std::move(around)](request& asked) {
        return around(asked, inside);
    };
}

} // namespace runnel::inline v0::http
