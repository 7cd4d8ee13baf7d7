// SPDX-License-Identifier: Apache-2.0
#include "runnel/flow/dns_resolver.hpp"

#include "alarm.hpp"
#include "dns_addresses.hpp"
#include "runnel/async/event.hpp"
#include "runnel/async/loop.hpp"
#include "runnel/async/sleep.hpp"
#include "runnel/core/check.hpp"
#include "runnel/flow/buffered_flow.hpp"
#include "side_task.hpp"

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <utility>

namespace runnel::inline v0 {

/// The engine, and the sockets and callers that it knows by numbers. Lives until the last exchange
/// has ended.
class dns_resolver::driver : public std::enable_shared_from_this<driver> {
public:
    driver(dns_transport& network, dns_options options, hosts_table hosts,
           const siphash_key& secret)
        : network_(network), servers_(options.conf.servers),
          stub_(std::move(options), std::move(hosts), secret) {}

    task<result<dns_answer>> query(std::string name, dns_type type);
    void clear_cache() noexcept { stub_.cache().clear(); }
    void stop() noexcept;

private:
    /// A caller that waits.
    struct caller {
        event done;
        std::optional<result<dns_answer>> answer;
    };
    /// A conversation with a server. Lives until its coroutine is done.
    struct exchange {
        explicit exchange(dns_send what) noexcept : request(std::move(what)) {}
        dns_send request;
        bool closed = false;
        side_task talk;
    };
    using exchange_ptr = std::shared_ptr<exchange>;
    /// Leaves the loop at the end of an exchange.
    struct guest {
        guest() noexcept = default;
        guest(const guest&) = delete;
        guest& operator=(const guest&) = delete;
        ~guest() { loop::current().guest_ends(); }
    };

    static time_point now() noexcept { return loop::current().now(); }
    void pump();
    void open(dns_send request);
    void close(dns_exchange_id id) noexcept;
    void wake() noexcept;

    static task<void> converse(std::shared_ptr<driver> self, exchange_ptr with);
    task<error> over_datagrams(exchange& with);
    task<error> over_stream(exchange& with);
    void received(const exchange& with, const buffer& message);

    dns_transport& network_;
    std::vector<dns_server> servers_;
    dns_stub stub_;
    std::map<dns_query_id, caller*> callers_;
    std::map<dns_exchange_id, exchange_ptr> exchanges_;
    alarm<&driver::wake> alarm_{*this};
};

task<result<dns_answer>> dns_resolver::driver::query(std::string name, dns_type type) {
    caller waiting;
    const dns_query_id id = stub_.query(name, type, now());
    callers_.emplace(id, &waiting);
    pump();
    const result<void> waited = co_await waiting.done.wait();
    callers_.erase(id);
    if (waiting.answer) {
        co_return std::move(*waiting.answer);
    }
    stub_.cancel(id);
    pump();
    co_return fail(waited.error().wrap("look up " + name));
}

/// Does all that the engine wants done.
void dns_resolver::driver::pump() {
    while (auto next = stub_.next_action()) {
        if (auto* send = std::get_if<dns_send>(&*next)) {
            open(std::move(*send));
        } else if (const auto* over = std::get_if<dns_close>(&*next)) {
            close(over->exchange);
        } else {
            auto& resolved = std::get<dns_resolved>(*next);
            if (const auto found = callers_.find(resolved.query); found != callers_.end()) {
                found->second->answer = std::move(resolved.answer);
                found->second->done.set();
            }
        }
    }
    alarm_.cancel();
    loop::current().arm(alarm_, stub_.next_wakeup());
}

void dns_resolver::driver::wake() noexcept {
    stub_.advance(now());
    pump();
}

void dns_resolver::driver::open(dns_send request) {
    const dns_exchange_id id = request.exchange;
    auto with = std::make_shared<exchange>(std::move(request));
    exchanges_.emplace(id, with);
    // A loop that ends stops what is under way and waits until its sockets are closed.
    stop_source& end_of_loop = loop::current().guest_begins();
    with->talk.start(converse(shared_from_this(), with), "dns exchange", &end_of_loop, with);
}

void dns_resolver::driver::close(dns_exchange_id id) noexcept {
    auto found = exchanges_.extract(id);
    if (!found.empty()) {
        found.mapped()->closed = true;
        found.mapped()->talk.request_stop();
    }
}

void dns_resolver::driver::stop() noexcept {
    alarm_.cancel();
    while (!exchanges_.empty()) {
        close(exchanges_.begin()->first);
    }
}

/// From the first byte to the end of an exchange. The engine hears of an end that it did not ask
/// for.
task<void> dns_resolver::driver::converse(std::shared_ptr<driver> self, exchange_ptr with) {
    const guest until_the_end;
    // Not within the engine's call that led here.
    co_await yield();
    if (with->closed) {
        co_return;
    }
    task<error> talk =
        with->request.over_tcp ? self->over_stream(*with) : self->over_datagrams(*with);
    const error why = co_await std::move(talk);
    if (!with->closed) {
        with->closed = true;
        self->exchanges_.erase(with->request.exchange);
        self->stub_.failed(with->request.exchange, why, now());
        self->pump();
    }
}

void dns_resolver::driver::received(const exchange& with, const buffer& message) {
    if (!with.closed) {
        stub_.received(with.request.exchange, message.span(), now());
        pump();
    }
}

task<error> dns_resolver::driver::over_datagrams(exchange& with) {
    auto socket = co_await network_.open_datagrams(servers_[with.request.server]);
    if (!socket) {
        co_return socket.error();
    }
    const result<void> sent = co_await (*socket)->send(buffer::copy_of(with.request.message));
    if (!sent) {
        co_return sent.error();
    }
    while (!with.closed) {
        const result<buffer> message = co_await (*socket)->receive();
        if (!message) {
            co_return message.error();
        }
        received(with, *message);
    }
    co_return error(errc::closed);
}

/// RFC 1035, section 4.2.2: two bytes with the length stand before each message.
task<error> dns_resolver::driver::over_stream(exchange& with) {
    auto connection = co_await network_.open_stream(servers_[with.request.server]);
    if (!connection) {
        co_return connection.error();
    }
    buffered_flow stream(std::move(*connection));
    check(with.request.message.size() <= std::numeric_limits<std::uint16_t>::max(),
          "a query is short");
    (void)co_await stream.write_be(static_cast<std::uint16_t>(with.request.message.size()));
    (void)co_await stream.write(std::span<const std::byte>(with.request.message));
    const result<void> sent = co_await stream.flush();
    if (!sent) {
        co_return sent.error();
    }
    while (!with.closed) {
        const result<std::uint16_t> size = co_await stream.read_be<std::uint16_t>();
        if (!size) {
            co_return size.error();
        }
        const result<buffer> message = co_await stream.read_exactly(*size);
        if (!message) {
            co_return message.error();
        }
        received(with, *message);
    }
    co_return error(errc::closed);
}

dns_resolver::dns_resolver(dns_transport& network, dns_options options, hosts_table hosts,
                           const siphash_key& secret)
    : driver_(std::make_shared<driver>(network, std::move(options), std::move(hosts), secret)) {}

dns_resolver::~dns_resolver() {
    driver_->stop();
}

task<result<std::vector<ip_address>>> dns_resolver::resolve(std::string name, ip_family family) {
    const result<dns_answer> answer =
        co_await driver_->query(std::move(name), address_type(family));
    co_return addresses_of(answer);
}

task<result<dns_answer>> dns_resolver::query(std::string name, dns_type type) {
    return driver_->query(std::move(name), type);
}

void dns_resolver::clear_cache() noexcept {
    driver_->clear_cache();
}

} // namespace runnel::inline v0
