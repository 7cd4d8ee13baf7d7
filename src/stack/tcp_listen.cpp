// SPDX-License-Identifier: Apache-2.0
#include "engine_flow.hpp"

#include <algorithm>
#include <deque>
#include <utility>

namespace runnel::inline v0::stack {

namespace {

class engine_listener;

/// Waits for the next flow of a listener.
class accept_operation final : public operation {
public:
    explicit accept_operation(engine_listener& source) noexcept : source_(&source) {}
    accept_operation(accept_operation&& unstarted) noexcept
        : accept_operation(*unstarted.source_) {}

    [[nodiscard]] std::string_view what() const noexcept override { return "accept"; }
    result<flow_ptr> await_resume() noexcept { return std::move(result_); }
    void end(result<flow_ptr> how) noexcept {
        result_ = std::move(how);
        complete();
    }

private:
    void start() override;
    bool stop(stop_reason reason) noexcept override;
    void refuse(stop_reason reason) noexcept override { result_ = fail(to_error(reason)); }

    engine_listener* source_;
    result<flow_ptr> result_;
};

class engine_listener final : public listener, private tcp_acceptor {
public:
    engine_listener(tcp_driver& driver, const tcp_listen_options& options)
        : driver_(&driver), options_(options), count_(std::make_shared<flow_count>()) {
        count_->most = options.max_connections;
    }
    ~engine_listener() override { close(); }

    result<void> open(const ip_endpoint& at) {
        tcp_port::options how;
        how.queue.backlog = options_.backlog;
        how.dual = !options_.v6_only;
        const auto port = driver_->layer().listen(at, how, *this, driver_->now());
        if (!port) {
            return std::unexpected(port.error());
        }
        port_ = *port;
        at_ = port_->at();
        return {};
    }

    task<result<flow_ptr>> accept() override { co_return co_await accept_operation(*this); }
    [[nodiscard]] flow_address local() const override { return {"tcp", at_}; }
    void close() noexcept override {
        closed_ = true;
        if (port_ != nullptr) {
            driver_->layer().unlisten(*std::exchange(port_, nullptr), driver_->now());
            ready_.clear();
            driver_->arm();
        }
        if (waiting_ != nullptr) {
            std::exchange(waiting_, nullptr)->end(fail(errc::closed));
        }
    }
    [[nodiscard]] listener_statistics statistics() const noexcept override {
        return {count_->accepted, count_->open - ready_.size(), 0};
    }
    void on_pause(pause_function /*report*/) override {}

private:
    friend class accept_operation;

    [[nodiscard]] std::size_t room() const noexcept override {
        const std::size_t free =
            options_.backlog > ready_.size() ? options_.backlog - ready_.size() : 0;
        if (count_->most == 0) {
            return free;
        }
        return std::min<std::size_t>(free,
                                     count_->most > count_->open ? count_->most - count_->open : 0);
    }

    void on_connection(tcp_entry& connection) noexcept override {
        auto flow = std::make_unique<engine_flow>(*driver_);
        flow->count_in(count_);
        connection.attach(flow->user());
        flow->begin(connection, options_.flows);
        if (waiting_ != nullptr) {
            ++count_->accepted;
            std::exchange(waiting_, nullptr)->end(std::move(flow));
        } else {
            ready_.push_back(std::move(flow));
        }
    }

    void on_disconnect() noexcept override {
        port_ = nullptr;
        ready_.clear();
        close();
    }

    tcp_driver* driver_;
    tcp_listen_options options_;
    tcp_port* port_ = nullptr;
    ip_endpoint at_;
    std::shared_ptr<flow_count> count_;
    std::deque<std::unique_ptr<engine_flow>> ready_;
    accept_operation* waiting_ = nullptr;
    bool closed_ = false;
};

void accept_operation::start() {
    if (source_->waiting_ != nullptr) {
        end(fail(errc::busy));
    } else if (source_->closed_) {
        end(fail(errc::closed));
    } else if (!source_->ready_.empty()) {
        ++source_->count_->accepted;
        flow_ptr first = std::move(source_->ready_.front());
        source_->ready_.pop_front();
        end(std::move(first));
    } else {
        source_->waiting_ = this;
    }
}

bool accept_operation::stop(stop_reason reason) noexcept {
    source_->waiting_ = nullptr;
    result_ = fail(to_error(reason));
    return true;
}

} // namespace

result<listener_ptr> listen(tcp_driver& driver, ip_endpoint at, tcp_listen_options options) {
    auto made = std::make_unique<engine_listener>(driver, options);
    if (const result<void> opened = made->open(at); !opened) {
        return fail(opened.error().wrap("listen tcp://" + at.to_string()));
    }
    return made;
}

} // namespace runnel::inline v0::stack
