// SPDX-License-Identifier: Apache-2.0
#include "acceptor.hpp"
#include "runnel/host/tcp.hpp"
#include "socket_address.hpp"
#include "socket_options.hpp"
#include "tcp_flow.hpp"

#include <cerrno>
#include <memory>
#include <optional>
#include <utility>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace runnel::inline v0::host {
namespace {

class tcp_acceptor final : public acceptor {
public:
    tcp_acceptor(unique_fd socket, ip_endpoint local, const tcp_options& options)
        : acceptor(std::move(socket), descriptor_kind::tcp, options.max_connections), local_(local),
          settings_(stream_options_of(options)), quick_ack_(options.quick_ack) {}

    [[nodiscard]] const ip_endpoint& local() const noexcept { return local_; }

private:
    result<flow_ptr> adopt(unique_fd connection, accepted_slot slot) override {
        if (quick_ack_) {
            static_cast<void>(
                set_option(connection.get(), IPPROTO_TCP, TCP_QUICKACK, 1, "quick ack"));
        }
        result<stream_ptr> made = stream::open(std::move(connection), stream_kind::tcp, settings_);
        if (!made) {
            return fail(std::move(made.error()));
        }
        // Connections to a listener on a certain address all have that one.
        const bool known = !local_.address().is_unspecified();
        return std::make_unique<kernel_tcp_flow>(std::move(*made),
                                                 known ? std::optional(local_) : std::nullopt,
                                                 std::nullopt, std::move(slot));
    }

    ip_endpoint local_;
    stream_options settings_;
    bool quick_ack_;
};

class tcp_listener final : public listener {
public:
    explicit tcp_listener(std::shared_ptr<tcp_acceptor> engine) : engine_(std::move(engine)) {}
    tcp_listener(const tcp_listener&) = delete;
    tcp_listener& operator=(const tcp_listener&) = delete;
    ~tcp_listener() override { engine_->close(); }

    task<result<flow_ptr>> accept() override { return acceptor::accept(engine_); }
    [[nodiscard]] flow_address local() const override {
        return flow_address("tcp", engine_->local());
    }
    void close() noexcept override { engine_->close(); }
    [[nodiscard]] listener_statistics statistics() const noexcept override {
        return engine_->statistics();
    }
    void on_pause(pause_function report) override { engine_->on_pause(std::move(report)); }

private:
    std::shared_ptr<tcp_acceptor> engine_;
};

result<listener_ptr> try_listen(const ip_endpoint& at, const tcp_options& options) {
    const socket_address address(at);
    result<unique_fd> opened = open_socket(address.family(), SOCK_STREAM);
    if (!opened) {
        return fail(std::move(opened.error()));
    }
    const int fd = opened->get();
    if (auto set = apply_options(fd, address.family(), options); !set) {
        return fail(std::move(set.error()));
    }
    if (auto set = apply_listen_options(fd, address.family(), options); !set) {
        return fail(std::move(set.error()));
    }
    if (::bind(fd, address.data(), address.size()) != 0 || ::listen(fd, options.backlog) != 0) {
        return fail(error::from_errno(errno));
    }
    return make_tcp_listener(std::move(*opened), options);
}

} // namespace

result<listener_ptr> make_tcp_listener(unique_fd listening, const tcp_options& options) {
    const auto own = socket_address::of_socket(listening.get());
    const ip_endpoint local = own ? own->ip().value_or(ip_endpoint()) : ip_endpoint();
    auto engine = std::make_shared<tcp_acceptor>(std::move(listening), local, options);
    if (auto attached = engine->open(); !attached) {
        return fail(std::move(attached.error()));
    }
    return std::make_unique<tcp_listener>(std::move(engine));
}

result<listener_ptr> listen(ip_endpoint at, tcp_options options) {
    result<listener_ptr> made = try_listen(at, options);
    if (!made) {
        return fail(made.error().wrap("listen tcp://" + at.to_string()));
    }
    return made;
}

} // namespace runnel::inline v0::host
