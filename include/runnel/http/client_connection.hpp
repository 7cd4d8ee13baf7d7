// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/task.hpp"
#include "runnel/async/time.hpp"
#include "runnel/core/buffer.hpp"
#include "runnel/core/error.hpp"
#include "runnel/flow/buffered_flow.hpp"
#include "runnel/flow/flow.hpp"
#include "runnel/http/field_block.hpp"
#include "runnel/http/h1_incoming_body.hpp"
#include "runnel/http/h1_outgoing_body.hpp"
#include "runnel/http/head_parser.hpp"
#include "runnel/http/method.hpp"

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>
#include <type_traits>

namespace runnel::inline v0::http {

/// What a client grants to a server.
struct client_options {
    /// How long an answer may take to begin and to bring its head, after the request was sent.
    duration head_timeout = std::chrono::seconds(60);
    /// How long the next piece of a body may take.
    duration body_timeout = std::chrono::seconds(60);
    /// How long the server may take nothing of the request.
    duration write_timeout = std::chrono::seconds(60);
    head_limits head = {};
    chunk_limits chunks = {};
    std::uint64_t body = std::numeric_limits<std::uint64_t>::max();
};
static_assert(std::is_trivially_destructible_v<client_options>);

/// A request as a client sends it. The texts live until it is sent.
struct client_request {
    client_request(std::string_view verb, std::string_view what, std::string_view whom)
        : method(verb), target(what), authority(whom) {}

    std::string_view method;
    std::string_view target;
    std::string_view authority;    ///< becomes `Host`
    std::string_view upgrade = {}; ///< the protocol to change to; empty: none
    field_block fields = {};
    buffer content = {}; ///< the body; empty: none
    bool keep_alive = true;
};

/// One connection of a client: sends a request, reads the answer, and so on. Whatever is wrong with
/// an answer is an error, never a shorter body: one that is cut is `truncated`.
///
/// Dropping it aborts the flow. Must outlive its operations.
class client_connection {
public:
    explicit client_connection(flow_ptr with, client_options options = {});
    client_connection(const client_connection&) = delete;
    client_connection& operator=(const client_connection&) = delete;
    ~client_connection() = default;

    /// Sends a request and reads the head of its answer, which is valid until the next one; interim
    /// answers are passed over. Requires `ready()`. The server may answer without reading all of
    /// the request: then that answer is given, and the connection is of no further use.
    ///
    /// Errors: `invalid_argument` for a request that cannot be sent, a fault of the answer,
    /// `timed_out`, `end` or another error of the flow if it ends before the answer begins, and
    /// `truncated` if it does within the head.
    [[nodiscard]] task<result<response_head>> send(client_request asked);

    /// The same in steps, for a body that is made while it is sent: the head goes out with what
    /// follows, of `length` bytes if that is known. Then `outgoing()` is written and finished, and
    /// `answer()` awaited, also side by side: a server may answer before it has read all of the
    /// request. `asked` has no content; its texts live until the answer is here.
    [[nodiscard]] result<void> begin(client_request asked, std::optional<std::uint64_t> length);
    /// The body of the request. Requires `begin`.
    [[nodiscard]] outgoing_body& outgoing() noexcept { return *outgoing_; }
    /// The rest of that body will not come: only an answer that needs none is of use.
    void give_up_sending() noexcept {
        sending_ = false;
        open_ = false;
    }
    /// As `send` gives it. The timeout begins when the body was sent or given up. Not to be called
    /// again if it was stopped.
    [[nodiscard]] task<result<response_head>> answer();

    /// The body of the answer. For one that was not read to its end, the connection is of no
    /// further use.
    [[nodiscard]] incoming_body& body() noexcept { return body_; }

    /// Whether another request can be sent.
    [[nodiscard]] bool ready() const noexcept {
        return open_ && body_.complete() && (!outgoing_ || outgoing_->finished());
    }
    /// Whether anything of an answer to the last request came: only without may it be repeated
    /// where repeating might do harm.
    [[nodiscard]] bool began() const noexcept { return began_; }

    /// Gives the flow up, after an answer that made it a tunnel or another protocol's.
    [[nodiscard]] flow_ptr release() { return io_.release(); }
    /// Ends the connection.
    [[nodiscard]] task<result<void>> close();
    void abort() noexcept { io_.abort(); }
    [[nodiscard]] flow& below() noexcept { return io_.below(); }

private:
    [[nodiscard]] task<result<void>> send_request(client_request asked);
    [[nodiscard]] task<result<response_head>> read_answer(method asked, bool upgrades);
    [[nodiscard]] task<result<void>> read_head(time_point deadline);
    [[nodiscard]] bool sends() const noexcept {
        return sending_ && outgoing_ && !outgoing_->finished();
    }

    client_options options_;
    buffered_flow io_;
    buffer head_;
    head_parser parser_;
    h1_incoming_body body_;
    std::optional<h1_outgoing_body> outgoing_; // of a request that was begun
    method asked_ = method::get;
    bool upgrades_ = false;
    bool sending_ = false; // `outgoing_` is not finished
    bool open_ = true;
    bool began_ = false;
};

} // namespace runnel::inline v0::http
