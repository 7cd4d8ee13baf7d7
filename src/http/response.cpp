// SPDX-License-Identifier: Apache-2.0
#include "runnel/http/response.hpp"

#include <utility>

namespace runnel::inline v0::http {
namespace {

task<result<void>> write_content(buffer content, outgoing_body& body) {
    co_return co_await body.write(std::move(content));
}

} // namespace

body_writer response::take_writer() {
    if (writer_) {
        return std::exchange(writer_, nullptr);
    }
    return [content = std::move(content_)](outgoing_body& body) mutable {
        return write_content(std::move(content), body);
    };
}

} // namespace runnel::inline v0::http
