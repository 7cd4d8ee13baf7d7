// SPDX-License-Identifier: Apache-2.0
#include "acceptor.hpp"
#include "socket_options.hpp"
#include "unix_address.hpp"
#include "unix_flow.hpp"

#include <cerrno>
#include <memory>
#include <utility>

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace runnel::inline v0::host {
namespace {

class unix_acceptor final : public acceptor {
public:
    unix_acceptor(unique_fd socket, kernel_unix_flow::shared_address local,
                  const unix_options& options)
        : acceptor(std::move(socket), descriptor_kind::stream, options.max_connections),
          local_(std::move(local)), send_buffer_(options.send_buffer) {}

    [[nodiscard]] const flow_address& local() const noexcept { return *local_; }

private:
    result<flow_ptr> adopt(unique_fd connection, accepted_slot slot) override {
        if (auto set = set_send_buffer(connection.get(), send_buffer_); !set) {
            return fail(std::move(set.error()));
        }
        result<stream_ptr> made = stream::open(std::move(connection), stream_kind::local);
        if (!made) {
            return fail(std::move(made.error()));
        }
        return std::make_unique<kernel_unix_flow>(std::move(*made), local_, nullptr,
                                                  std::move(slot));
    }

    kernel_unix_flow::shared_address local_;
    std::uint32_t send_buffer_;
};

/// The file of a listening socket, removed at the end if it is still ours.
class socket_file {
public:
    socket_file() noexcept = default;
    explicit socket_file(std::string path) : path_(std::move(path)) {
        known_ = ::lstat(path_.c_str(), &status_) == 0;
    }
    socket_file(const socket_file&) = delete;
    socket_file& operator=(const socket_file&) = delete;
    ~socket_file() { remove(); }

    void remove() noexcept {
        struct stat now{};
        if (std::exchange(known_, false) && ::lstat(path_.c_str(), &now) == 0 &&
            now.st_dev == status_.st_dev && now.st_ino == status_.st_ino) {
            ::unlink(path_.c_str());
        }
    }

private:
    std::string path_;
    struct stat status_{};
    bool known_ = false;
};

class unix_listener final : public listener {
public:
    unix_listener(std::shared_ptr<unix_acceptor> engine, std::unique_ptr<socket_file> file)
        : file_(std::move(file)), engine_(std::move(engine)) {}
    unix_listener(const unix_listener&) = delete;
    unix_listener& operator=(const unix_listener&) = delete;
    ~unix_listener() override { shut(); }

    task<result<flow_ptr>> accept() override { return acceptor::accept(engine_); }
    [[nodiscard]] flow_address local() const override { return engine_->local(); }
    void close() noexcept override { shut(); }
    [[nodiscard]] listener_statistics statistics() const noexcept override {
        return engine_->statistics();
    }
    void on_pause(pause_function report) override { engine_->on_pause(std::move(report)); }

private:
    void shut() noexcept {
        if (file_ != nullptr) {
            file_->remove(); // while the socket still answers, so that nobody takes it for stale
        }
        engine_->close();
    }

    std::unique_ptr<socket_file> file_;
    std::shared_ptr<unix_acceptor> engine_;
};

/// Whether the path leads to a socket at which nobody listens.
bool is_stale(const unix_address& at, const socket_address& address) {
    struct stat status{};
    if (::lstat(at.text().c_str(), &status) != 0 || !S_ISSOCK(status.st_mode)) {
        return false;
    }
    const result<unique_fd> probe = open_socket(AF_UNIX, SOCK_STREAM);
    return probe && ::connect(probe->get(), address.data(), address.size()) != 0 &&
           errno == ECONNREFUSED;
}

result<void> bind_to(int fd, const unix_address& at, const unix_options& options) {
    const socket_address address = to_socket_address(at);
    if (options.permissions && !at.is_abstract()) {
        // Before the file exists, so that it never has more rights than these.
        static_cast<void>(::fchmod(fd, *options.permissions));
    }
    const bool replaces = options.replace_stale && !at.is_abstract();
    for (int tries = replaces ? 2 : 1; ::bind(fd, address.data(), address.size()) != 0; --tries) {
        const int number = errno;
        if (number != EADDRINUSE || tries == 1 || !is_stale(at, address)) {
            return fail(error::from_errno(number));
        }
        ::unlink(at.text().c_str());
    }
    if (options.permissions && !at.is_abstract() &&
        ::chmod(at.text().c_str(), *options.permissions) != 0) { // what the umask took away
        return fail(error::from_errno(errno, "permissions"));
    }
    return {};
}

result<listener_ptr> try_listen(const unix_address& at, const unix_options& options) {
    result<unique_fd> opened = open_socket(AF_UNIX, SOCK_STREAM);
    if (!opened) {
        return fail(std::move(opened.error()));
    }
    const int fd = opened->get();
    if (auto bound = bind_to(fd, at, options); !bound) {
        return fail(std::move(bound.error()));
    }
    std::unique_ptr<socket_file> file;
    if (!at.is_abstract() && options.unlink) {
        file = std::make_unique<socket_file>(at.text());
    }
    if (::listen(fd, options.backlog) != 0) {
        return fail(error::from_errno(errno));
    }
    auto engine = std::make_shared<unix_acceptor>(
        std::move(*opened), std::make_shared<const flow_address>(at.to_flow_address()), options);
    if (auto attached = engine->open(); !attached) {
        return fail(std::move(attached.error()));
    }
    return std::make_unique<unix_listener>(std::move(engine), std::move(file));
}

} // namespace

result<listener_ptr> make_unix_listener(unique_fd listening) {
    const auto own = socket_address::of_socket(listening.get());
    const flow_address local = own ? to_flow_address(*own) : flow_address("unix");
    auto engine = std::make_shared<unix_acceptor>(
        std::move(listening), std::make_shared<const flow_address>(local), unix_options());
    if (auto attached = engine->open(); !attached) {
        return fail(std::move(attached.error()));
    }
    return std::make_unique<unix_listener>(std::move(engine), nullptr);
}

result<listener_ptr> listen(const unix_address& at, unix_options options) {
    result<listener_ptr> made = try_listen(at, options);
    if (!made) {
        return fail(made.error().wrap("listen " + at.to_flow_address().to_string()));
    }
    return made;
}

} // namespace runnel::inline v0::host
