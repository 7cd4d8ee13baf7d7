// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/task.hpp"
#include "runnel/core/buffer.hpp"
#include "runnel/core/error.hpp"
#include "runnel/flow/buffered_flow.hpp"
#include "runnel/http/framing.hpp"
#include "runnel/http/h1_incoming_body.hpp"
#include "runnel/http/h1_outgoing_body.hpp"
#include "runnel/http/head_parser.hpp"
#include "runnel/http/request.hpp"
#include "runnel/http/response.hpp"
#include "runnel/http/server.hpp"

#include <cstddef>
#include <cstdint>

namespace runnel::inline v0::http {

/// One connection of a server: reads requests and sends their answers, one after the other.
class server_connection final : public interim_sender {
public:
    server_connection(server& owner, flow_ptr with);
    server_connection(const server_connection&) = delete;
    server_connection& operator=(const server_connection&) = delete;
    ~server_connection() = default;

    task<void> run();

    /// Ends the connection behind the answer it is at, or at once if it waits for a request.
    void drain() noexcept;

    [[nodiscard]] task<result<void>> send_interim(status code, const field_block& fields) override;

private:
    friend class server;

    /// How a head came, or did not.
    enum class arrival : bool { none, whole };

    [[nodiscard]] task<result<arrival>> read_head();
    [[nodiscard]] task<bool> exchange();
    [[nodiscard]] task<bool> answer(request& asked, const request_rules& rules);
    /// Ends when the client is seen to have left.
    [[nodiscard]] task<void> watch();
    [[nodiscard]] task<bool> send(response& made, const request_head& head, bool keep);
    [[nodiscard]] task<bool> send_body(response& made, outgoing_body& body);
    [[nodiscard]] task<void> refuse(const error& why);
    [[nodiscard]] task<void> hand_over();
    [[nodiscard]] task<void> end();
    [[nodiscard]] bool can_keep(const request_rules& rules) const noexcept;
    void log(status code, std::uint64_t sent);

    server& owner_;
    buffered_flow io_;
    buffer head_;
    head_parser parser_;
    h1_incoming_body body_;
    std::size_t index_ = 0; // among the open ones
    time_point began_{};    // the request
    bool idle_ = false;     // waits for a request
    bool last_ = false;     // none follows any more
    bool begun_ = false;    // the answer
    flow_taker taker_;      // what follows the answer, if not HTTP
};

} // namespace runnel::inline v0::http
