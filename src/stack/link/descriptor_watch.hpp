// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/io.hpp"
#include "runnel/async/loop.hpp"
#include "runnel/core/error.hpp"

#include <memory>

namespace runnel::inline v0::stack {

/// An open file that a link reads and writes by itself, and the loop that says when it can.
///
/// Owns the file. Lives on for a moment after it was released if the kernel still holds a request.
class descriptor_watch {
public:
    using function = void (*)(void* context) noexcept;
    struct releaser {
        void operator()(descriptor_watch* watch) const noexcept { watch->release(); }
    };
    using pointer = std::unique_ptr<descriptor_watch, releaser>;

    /// Takes `fd` in any case. Errors: `not_supported` on a loop without a kernel below it.
    [[nodiscard]] static result<pointer> create(loop& on, int fd, descriptor_kind kind);

    [[nodiscard]] int fd() const noexcept { return file_.fd(); }
    /// Sets what is called when waiting is over.
    void on_event(function call, void* context) noexcept {
        call_ = call;
        context_ = context;
    }
    /// Waits until the file can be read or written, unless that is waited for already.
    void wait_readable() noexcept { wait(reading_, io_kind::readable); }
    void wait_writable() noexcept { wait(writing_, io_kind::writable); }
    [[nodiscard]] bool waits_to_write() const noexcept { return writing_.pending(); }

    descriptor_watch(const descriptor_watch&) = delete;
    descriptor_watch& operator=(const descriptor_watch&) = delete;

private:
    struct request final : io_request {
        explicit request(descriptor_watch& of) noexcept : io_request(of.file_, &done), owner(&of) {}
        descriptor_watch* owner;
    };

    descriptor_watch(loop& on, int fd, descriptor_kind kind) noexcept
        : io_(on.io()), file_(fd, kind), reading_(*this), writing_(*this) {}
    ~descriptor_watch();
    static void done(io_request& self) noexcept;
    void wait(request& what, io_kind kind) noexcept;
    void release() noexcept;
    void end_if_idle() noexcept;

    io_backend& io_;
    descriptor file_;
    request reading_;
    request writing_;
    function call_ = nullptr;
    void* context_ = nullptr;
    bool released_ = false;
};

} // namespace runnel::inline v0::stack
