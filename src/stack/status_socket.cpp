// SPDX-License-Identifier: Apache-2.0
#include "link/descriptor_watch.hpp"
#include "link/qemu_socket.hpp"
#include "runnel/stack/stack_status.hpp"

#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>
#include <mutex>
#include <set>
#include <unistd.h>
#include <utility>

namespace runnel::inline v0::stack {

namespace {

/// Enough for all that is told, so that it is handed to the kernel at once and nobody is waited
/// for.
constexpr int send_buffer = 1024 * 1024;
/// Who connects faster than this, waits.
constexpr int accepted_at_once = 8;

/// A path that no other stack of this process offers itself at: the one that is asked for, or with
/// a number behind it, for stacks of several loops.
class claimed_path {
public:
    explicit claimed_path(const std::string& wanted) : path_(wanted) {
        const std::lock_guard lock(guard());
        for (int number = 2; !all().insert(path_).second; ++number) {
            path_ = wanted + "." + std::to_string(number);
        }
    }
    claimed_path(claimed_path&& other) noexcept : path_(std::exchange(other.path_, {})) {}
    claimed_path& operator=(claimed_path&&) = delete;
    ~claimed_path() {
        const std::lock_guard lock(guard());
        all().erase(path_);
    }
    [[nodiscard]] const std::string& text() const noexcept { return path_; }

private:
    static std::mutex& guard() {
        static std::mutex one;
        return one;
    }
    static std::set<std::string>& all() {
        static std::set<std::string> paths;
        return paths;
    }

    std::string path_;
};

class status_socket {
public:
    status_socket(ip_stack& stack, std::string_view name, claimed_path place,
                  descriptor_watch::pointer listening)
        : stack_(stack), name_(name), place_(std::move(place)), listening_(std::move(listening)) {
        listening_->on_event([](void* self) noexcept { static_cast<status_socket*>(self)->act(); },
                             this);
        listening_->wait_readable();
    }
    status_socket(const status_socket&) = delete;
    status_socket& operator=(const status_socket&) = delete;
    ~status_socket() { ::unlink(place_.text().c_str()); }

private:
    void act() noexcept {
        for (int i = 0; i < accepted_at_once; ++i) {
            const int fd =
                ::accept4(listening_->fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
            if (fd < 0) {
                break;
            }
            answer(fd);
            ::close(fd);
        }
        listening_->wait_readable();
    }

    void answer(int fd) const {
        (void)::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof send_buffer);
        const std::string text = status_of(stack_, name_).to_string();
        std::string_view rest = text;
        while (!rest.empty()) {
            const ssize_t sent = ::send(fd, rest.data(), rest.size(), MSG_NOSIGNAL);
            if (sent < 0) {
                break; // what does not fit is not told
            }
            rest.remove_prefix(static_cast<std::size_t>(sent));
        }
    }

    ip_stack& stack_;
    std::string name_;
    claimed_path place_;
    descriptor_watch::pointer listening_;
};

} // namespace

result<void> offer_status(ip_stack& stack, std::string_view name, const std::string& path) {
    claimed_path claimed(path);
    const auto place = socket_place(claimed.text());
    const auto fd = place ? make_socket(SOCK_STREAM) : result<int>(fail(place.error()));
    if (!fd) {
        return fail(fd.error());
    }
    // Before the file exists, so that it never has more rights than these.
    (void)::fchmod(*fd, S_IRUSR | S_IWUSR);
    if (!bind_socket(*fd, SOCK_STREAM, *place)) {
        const int problem = errno;
        ::close(*fd);
        return fail(error::from_errno(problem, claimed.text()));
    }
    auto listening = descriptor_watch::create(loop::current(), *fd, descriptor_kind::stream);
    if (!listening) {
        ::unlink(place->sun_path);
        return fail(listening.error());
    }
    stack.keep(
        std::make_shared<status_socket>(stack, name, std::move(claimed), std::move(*listening)));
    return {};
}

} // namespace runnel::inline v0::stack
