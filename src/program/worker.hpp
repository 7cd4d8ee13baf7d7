// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "server.hpp"
#include "traffic.hpp"

#include "runnel/async/scope.hpp"
#include "runnel/async/semaphore.hpp"
#include "runnel/flow/listener.hpp"

#include <atomic>
#include <mutex>
#include <string>
#include <vector>

namespace runnel::inline v0::program {

/// Serves one listener on one loop. All but `published` is for the loop's thread.
class worker {
public:
    /// `numbers` counts the connections of all workers; `limit` of those of this one at a time, 0:
    /// none.
    worker(const session& session, const server_options& options,
           std::atomic<std::uint64_t>& numbers, std::uint64_t limit, listener_ptr listener,
           std::unique_ptr<connection_handler> handler);
    worker(const worker&) = delete;
    worker& operator=(const worker&) = delete;
    ~worker() = default;

    /// Serves until `drain` and the end of the last connection. Fails if the listener breaks.
    task<result<void>> run();

    /// Accepts no more.
    void drain() noexcept;
    /// Ends the connections that are open. Gives how many those are.
    std::size_t abort() noexcept;

    /// The latest figures, at most a moment old. From any thread.
    [[nodiscard]] traffic published() const;

private:
    task<result<void>> accept_all();
    task<void> serve_one(flow_ptr client, std::uint64_t number);
    task<void> publish_now_and_then();
    void publish();
    void enter(connection& record);
    void leave(connection& record);
    void report(const connection& record, duration took);
    void report_failure(const std::string& what);

    const session& session_;
    const server_options& options_;
    std::atomic<std::uint64_t>& numbers_;
    listener_ptr listener_;
    std::unique_ptr<connection_handler> handler_;
    semaphore room_;
    bool limited_;
    bool draining_ = false;
    scope* scope_ = nullptr;
    std::vector<connection*> open_;
    traffic finished_;
    time_point last_complaint_{};
    std::uint64_t silent_ = 0; // failures not told of since

    mutable std::mutex mutex_;
    traffic published_;
};

} // namespace runnel::inline v0::program
