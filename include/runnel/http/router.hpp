// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/task.hpp"
#include "runnel/http/handler.hpp"
#include "runnel/http/method.hpp"
#include "runnel/http/request.hpp"
#include "runnel/http/response.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace runnel::inline v0::http {

/// Chooses the handler of a request by its method and path.
///
/// A pattern is a path whose segments are texts, parameters or, as the last one, the rest:
///
///     router routes;
///     routes.get("/users/{id}", show_user);        // request.parameter("id")
///     routes.get("/files/{path...}", show_file);   // the rest of the path, which may be empty
///     server serving(routes.as_handler());
///
/// Paths are compared segment by segment as they came, percent-encoded texts decoded once; a
/// parameter takes one segment that is not empty, and is given decoded. A segment that decodes to
/// a slash, a NUL, `.` or `..` fits no text and no parameter, and the rest of a path that contains
/// one fits nothing, so that nobody has to fear what a decoded value means in a path of files.
/// Where several patterns fit, a text goes before a parameter and that before a rest, from the
/// left.
///
/// What fits no pattern gets 404; a method that the path does not have, 405 with `Allow`. HEAD is
/// answered by the handler of GET, whose body is not sent. OPTIONS is answered with what is allowed
/// where no handler is set for it.
class router {
public:
    router();
    router(router&& other) noexcept;
    router& operator=(router&& other) noexcept;
    router(const router&) = delete;
    router& operator=(const router&) = delete;
    ~router();

    /// Adds a handler. A malformed pattern, or one that is there already for the method, is a
    /// mistake of the program: `std::invalid_argument` is thrown.
    router& on(method verb, std::string_view pattern, handler answer);
    /// The same for every method that has no handler of its own.
    router& any(std::string_view pattern, handler answer);
    router& get(std::string_view pattern, handler answer) {
        return on(method::get, pattern, std::move(answer));
    }
    router& post(std::string_view pattern, handler answer) {
        return on(method::post, pattern, std::move(answer));
    }
    router& put(std::string_view pattern, handler answer) {
        return on(method::put, pattern, std::move(answer));
    }
    router& patch(std::string_view pattern, handler answer) {
        return on(method::patch, pattern, std::move(answer));
    }
    router& remove(std::string_view pattern, handler answer) {
        return on(method::delete_, pattern, std::move(answer));
    }

    /// What answers where no pattern fits, instead of 404.
    router& otherwise(handler answer);

    /// Answers a request. It, and this, outlive the task.
    [[nodiscard]] task<response> answer(request& asked) const;

    /// The routes as the handler of a server. They are moved into it.
    [[nodiscard]] handler as_handler() &&;

private:
    struct node;
    std::unique_ptr<node> root_;
    handler otherwise_;
};

} // namespace runnel::inline v0::http
