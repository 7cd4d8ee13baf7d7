// SPDX-License-Identifier: Apache-2.0
#include "acceptor.hpp"
#include "vsock_address.hpp"
#include "vsock_flow.hpp"

#include <memory>
#include <utility>

#include <sys/socket.h>

namespace runnel::inline v0::host {
namespace {

class vsock_acceptor final : public acceptor {
public:
    vsock_acceptor(unique_fd socket, vsock_address local, std::size_t most_open)
        : acceptor(std::move(socket), descriptor_kind::stream, most_open), local_(local) {}

    [[nodiscard]] const vsock_address& local() const noexcept { return local_; }

private:
    result<flow_ptr> adopt(unique_fd connection, accepted_slot slot) override {
        const int fd = connection.get();
        const vsock_address own = vsock_of_socket(fd).value_or(local_);
        const vsock_address peer =
            vsock_of_peer(fd).value_or(vsock_address(vsock_address::any, vsock_address::any_port));
        result<stream_ptr> made = stream::open(std::move(connection), stream_kind::local);
        if (!made) {
            return fail(std::move(made.error()));
        }
        return std::make_unique<kernel_vsock_flow>(std::move(*made), own, peer, std::move(slot));
    }

    vsock_address local_;
};

class vsock_listener final : public listener {
public:
    explicit vsock_listener(std::shared_ptr<vsock_acceptor> engine) : engine_(std::move(engine)) {}
    vsock_listener(const vsock_listener&) = delete;
    vsock_listener& operator=(const vsock_listener&) = delete;
    ~vsock_listener() override { engine_->close(); }

    task<result<flow_ptr>> accept() override { return acceptor::accept(engine_); }
    [[nodiscard]] flow_address local() const override { return engine_->local().to_flow_address(); }
    void close() noexcept override { engine_->close(); }
    [[nodiscard]] listener_statistics statistics() const noexcept override {
        return engine_->statistics();
    }
    void on_pause(pause_function report) override { engine_->on_pause(std::move(report)); }

private:
    std::shared_ptr<vsock_acceptor> engine_;
};

result<listener_ptr> try_listen(const vsock_address& at, const vsock_options& options) {
    result<unique_fd> opened = open_vsock_listener(SOCK_STREAM, at, options);
    if (!opened) {
        return fail(std::move(opened.error()));
    }
    const vsock_address local = vsock_of_socket(opened->get()).value_or(at);
    auto engine =
        std::make_shared<vsock_acceptor>(std::move(*opened), local, options.max_connections);
    if (auto attached = engine->open(); !attached) {
        return fail(std::move(attached.error()));
    }
    return std::make_unique<vsock_listener>(std::move(engine));
}

} // namespace

result<listener_ptr> listen(const vsock_address& at, vsock_options options) {
    result<listener_ptr> made = try_listen(at, options);
    if (!made) {
        return fail(made.error().wrap("listen " + at.to_flow_address().to_string()));
    }
    return made;
}

} // namespace runnel::inline v0::host
