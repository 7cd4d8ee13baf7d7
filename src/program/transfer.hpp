// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "options.hpp"
#include "session.hpp"

#include "runnel/async/task.hpp"
#include "runnel/async/time.hpp"
#include "runnel/flow/endpoint.hpp"
#include "runnel/flow/flow.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

/// What `send` and `recv` share.
namespace runnel::inline v0::program {

struct transfer_options {
    std::optional<endpoint> place;
    std::string file;
    bool listen = false;
    duration connect_timeout = std::chrono::seconds(10);
    duration idle_timeout{0}; ///< 0: none
    bool json = false;
};

void declare_transfer_options(option_set& options, transfer_options& target);

/// Connects to the other side, or listens and takes the first who comes.
[[nodiscard]] task<result<flow_ptr>> open_peer(const session& session,
                                               const transfer_options& options);

struct transfer_figures {
    std::uint64_t bytes = 0;
    duration took{};
    std::string sha256 = {};
};

/// Moves everything from one flow to the other, and shows how far it is, of `total` bytes if that
/// is known. Neither flow is ended.
[[nodiscard]] task<result<transfer_figures>> transfer(const session& session, flow_ptr& from,
                                                      flow& to, std::optional<std::uint64_t> total);

/// Says what was moved: a line as `sha256sum` writes it, or JSON, to standard output, or to
/// standard error where the data went to the former; and a sentence for people. Gives the exit
/// status.
[[nodiscard]] int report_transfer(const session& session, const transfer_options& options,
                                  const transfer_figures& figures, bool output_is_data);

} // namespace runnel::inline v0::program
