// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/event.hpp"
#include "runnel/async/io.hpp"
#include "runnel/async/loop.hpp"
#include "runnel/core/error.hpp"
#include "runnel/host/process.hpp"
#include "runnel/host/unique_fd.hpp"

#include <memory>
#include <optional>

namespace runnel::inline v0::host {

class child;
struct drop_child {
    void operator()(child* dropped) const noexcept;
};
/// Held by whoever started the process and those who wait for it; the last one to let go kills it.
/// The child itself lives on until it is reaped.
using child_ptr = std::shared_ptr<child>;

/// A child process until it is reaped, which happens as soon as it has ended.
class child {
public:
    /// Takes the process with this number over.
    [[nodiscard]] static result<child_ptr> adopt(int id);
    child(const child&) = delete;
    child& operator=(const child&) = delete;

    [[nodiscard]] int id() const noexcept { return id_; }
    /// Set once the process has ended and was reaped.
    [[nodiscard]] const std::optional<exit_status>& status() const noexcept { return status_; }
    /// Is set when the process has ended.
    [[nodiscard]] event& ended() noexcept { return ended_; }
    void kill() noexcept;

private:
    friend struct drop_child;
    struct request final : io_request {
        request(child& user, descriptor& target) noexcept
            : io_request(
                  target,
                  [](io_request& self) noexcept { static_cast<request&>(self).owner.reap(); }),
              owner(user) {}
        child& owner;
    };

    child(int id, unique_fd handle) noexcept
        : io_(loop::current().io()), id_(id), handle_(std::move(handle)),
          file_(handle_.get(), descriptor_kind::other), exit_(*this, file_) {}
    ~child();
    void reap() noexcept;

    io_backend& io_;
    int id_;
    unique_fd handle_; // a pidfd, readable once the process has ended
    descriptor file_;
    request exit_;
    event ended_{event_reset::manual};
    std::optional<exit_status> status_;
    bool dropped_ = false;
};

} // namespace runnel::inline v0::host
