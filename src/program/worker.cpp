// SPDX-License-Identifier: Apache-2.0
#include "worker.hpp"

#include "human.hpp"

#include "runnel/async/sleep.hpp"

#include <fmt/format.h>

#include <utility>

namespace runnel::inline v0::program {
namespace {

constexpr duration publishing_interval = std::chrono::milliseconds(100);
/// A server that cannot reach its target says so, but not for each of ten thousand clients.
constexpr duration complaint_interval = std::chrono::seconds(1);

} // namespace

worker::worker(const session& session, const server_options& options,
               std::atomic<std::uint64_t>& numbers, std::uint64_t limit, listener_ptr listener,
               std::unique_ptr<connection_handler> handler)
    : session_(session), options_(options), numbers_(numbers), listener_(std::move(listener)),
      handler_(std::move(handler)), room_(limit), limited_(limit != 0) {
    listener_->on_pause([this](const error& why, duration pause) {
        session_.complain(
            fmt::format("accepts nothing for {}: {}", human_duration(pause), human_error(why)));
    });
}

task<result<void>> worker::run() {
    const auto connections = [this](scope& running) -> task<result<void>> {
        scope_ = &running;
        co_return co_await accept_all();
    };
    const auto all = [this, &connections](scope& beside) -> task<result<void>> {
        if (options_.stats) {
            beside.spawn(publish_now_and_then(), "statistics");
        }
        beside.spawn(handler_->beside(), "background");
        result<void> served = co_await with_scope(connections);
        beside.request_stop();
        co_return served;
    };
    result<void> served = co_await with_scope(all);
    scope_ = nullptr;
    publish();
    if (!served && served.error() == errc::cancelled) {
        co_return result<void>(); // as asked for by `abort`
    }
    co_return served;
}

task<result<void>> worker::accept_all() {
    for (;;) {
        if (limited_) {
            result<permit> place = co_await room_.acquire();
            if (!place) {
                co_return fail(place.error());
            }
            place->disown();
        }
        if (draining_) {
            co_return result<void>();
        }
        result<flow_ptr> client = co_await listener_->accept();
        if (!client) {
            if (draining_) {
                co_return result<void>();
            }
            co_return fail(client.error());
        }
        scope_->spawn(serve_one(*std::move(client), ++numbers_), "connection");
        ++finished_.accepted;
        if (options_.once) {
            drain();
        }
    }
}

task<void> worker::serve_one(flow_ptr client, std::uint64_t number) {
    connection record;
    record.number = number;
    if (options_.verbose) {
        record.client = client->remote().to_string();
    }
    const time_point start = loop::current().now();
    enter(record);
    co_await handler_->serve(std::move(client), record);
    leave(record);
    report(record, loop::current().now() - start);
}

void worker::drain() noexcept {
    draining_ = true;
    listener_->close();
    handler_->drain();
    if (limited_) {
        room_.release(); // lets the accepting task see it
    }
}

std::size_t worker::abort() noexcept {
    const std::size_t count = open_.size();
    if (scope_ != nullptr) {
        scope_->request_stop();
    }
    return count;
}

void worker::enter(connection& record) {
    record.index = open_.size();
    open_.push_back(&record);
}

void worker::leave(connection& record) {
    open_.back()->index = record.index;
    std::swap(open_[record.index], open_.back());
    open_.pop_back();
    finished_.bytes_in += record.in.bytes_read;
    finished_.bytes_out += record.out.bytes_written;
    finished_.failed += record.failure ? 1 : 0;
    if (limited_) {
        room_.release();
    }
}

void worker::report(const connection& record, duration took) {
    if (options_.verbose) {
        const std::string target = record.target.empty() ? "" : " -> " + record.target;
        const std::string ends = record.failure ? human_error(*record.failure) : record.ends;
        session_.err.write_line(
            printable(fmt::format("#{} {}{}  in {}  out {}  {}  {}", record.number, record.client,
                                  target, human_bytes(static_cast<double>(record.in.bytes_read)),
                                  human_bytes(static_cast<double>(record.out.bytes_written)),
                                  human_duration(took), ends)) +
            "\n");
    } else if (record.tell && *record.failure != errc::cancelled) {
        report_failure(human_error(*record.failure));
    }
}

void worker::report_failure(const std::string& what) {
    const time_point now = loop::current().now();
    if (now - last_complaint_ < complaint_interval) {
        ++silent_;
        return;
    }
    const std::uint64_t silent = std::exchange(silent_, 0);
    last_complaint_ = now;
    session_.complain(silent == 0 ? what : fmt::format("{} ({} more before)", what, silent));
}

task<void> worker::publish_now_and_then() {
    for (;;) {
        publish();
        const result<void> slept = co_await sleep_for(publishing_interval);
        if (!slept) {
            co_return;
        }
    }
}

void worker::publish() {
    traffic now = finished_;
    now.active = open_.size();
    for (const connection* each : open_) {
        now.bytes_in += each->in.bytes_read;
        now.bytes_out += each->out.bytes_written;
    }
    const std::lock_guard lock(mutex_);
    published_ = now;
}

traffic worker::published() const {
    const std::lock_guard lock(mutex_);
    return published_;
}

} // namespace runnel::inline v0::program
