// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "direct_io.hpp"
#include "provided_buffers.hpp"
#include "runnel/async/io.hpp"
#include "runnel/async/io_uring_support.hpp"
#include "runnel/core/buffer_list.hpp"
#include "uring.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

namespace runnel::inline v0 {

/// What a descriptor has beyond its single requests: one submission that the kernel answers again
/// and again, with data or with connections, and what of that nobody has asked for yet.
///
/// Its user is the descriptor, until that is detached; then it stays until the kernel's last
/// answer.
struct multishot {
    multishot(descriptor& user, bool listens) noexcept : file(&user), accepts(listens) {}

    descriptor* file;
    /// Connections, or else data.
    bool accepts;
    /// The submission is with the kernel; and a cancellation of it, too.
    bool armed = false;
    bool cancelling = false;
    /// Where the kernel puts the data of the submission.
    provided_buffers* blocks = nullptr;
    /// How the submission ended by itself, if that is not told yet: end of stream or an error.
    bool ended = false;
    int outcome = 0;
    buffer_queue data;
    std::vector<int> accepted;
};

/// Completion from io_uring. All submissions of a turn go out with the one system call that waits
/// for completions.
///
/// A `receive` lets the kernel pick a block from `provided_buffers` once there is data. Descriptors
/// that receive small messages all the time, and those that accept, go over to a multishot
/// submission, which takes no further submission for each message. What arrives ahead of the
/// requests is bounded: at the high mark the submission is cancelled, so that TCP's own flow
/// control holds the sender.
class uring_backend final : public io_backend {
public:
    uring_backend() noexcept;
    ~uring_backend() override;

    [[nodiscard]] result<void> open();
    [[nodiscard]] io_uring_features features();

    [[nodiscard]] time_point now() noexcept override;
    time_point wait(time_point deadline, bool poll) noexcept override;
    void wake() noexcept override;
    [[nodiscard]] int attach(descriptor& file) noexcept override;
    void detach(descriptor& file) noexcept override;
    [[nodiscard]] bool start(io_request& request) noexcept override;
    [[nodiscard]] bool cancel(io_request& request) noexcept override;

private:
    using phase = io_request::phase;
    /// What a completion belongs to, in the low bits of its user data.
    enum tag : std::uint64_t { of_request, of_multishot, of_wake_event, of_nothing, tag_mask = 3 };

    // uring_backend.cpp: submitting and completing single requests.
    io_uring_sqe& submission(const void* object, tag kind) noexcept;
    void submit_cancel(const void* object, tag kind) noexcept;
    void watch_wake_event() noexcept;
    void enter(unsigned wait_for, const timespec* timeout) noexcept;
    void collect() noexcept;
    void complete(io_request& request, int outcome, std::uint32_t flags) noexcept;
    void finish(io_request& request, int outcome) noexcept;
    void cancel_everything() noexcept;
    void finish_pending(bool only_parked) noexcept;

    // uring_submit.cpp: what each kind of request is for the kernel, and what it makes of it.
    [[nodiscard]] bool done_directly(io_request& request) noexcept;
    void submit(io_request& request) noexcept;
    void submit_receive(io_request& request) noexcept;
    void submit_transfer(io_request& request) noexcept;
    void submit_file_transfer(io_request& request) noexcept;
    [[nodiscard]] bool uses_zero_copy(const io_request& request) const noexcept;
    void submit_poll(io_request& request) noexcept;
    void take_data(io_request& request, int outcome, std::uint32_t flags) noexcept;
    static void note_receive(const io_request& request, int outcome, bool left_some) noexcept;
    [[nodiscard]] bool try_again(io_request& request, int outcome) noexcept;
    provided_buffers& buffers_for(std::uint32_t size_hint) noexcept;

    // uring_multishot.cpp: what arrives ahead of the requests.
    void begin_read(io_request& request) noexcept;
    [[nodiscard]] bool wants_multishot(const io_request& request) const noexcept;
    void arm(multishot& source, const io_request& request) noexcept;
    void disarm(multishot& source) noexcept;
    void complete(multishot& source, int outcome, std::uint32_t flags) noexcept;
    void store(multishot& source, int outcome, std::uint32_t flags) noexcept;
    void discard(multishot& source, int outcome, std::uint32_t flags) noexcept;
    static bool serve(multishot& source, io_request& request) noexcept;
    void release(descriptor& file) noexcept;

    enum class life : std::uint8_t { open, closing, closed };

    life life_ = life::open;
    bool multishot_receive_ = false;
    bool zero_copy_ = false;
    int wake_event_ = -1;
    /// Submissions that the kernel has yet to answer for the last time.
    std::uint64_t in_flight_ = 0;
    /// What the kernel still serves for descriptors that are gone.
    std::vector<std::unique_ptr<multishot>> orphans_;
    direct_io direct_{statistics_.system_calls};
    std::array<provided_buffers, 4> buffers_;
    uring ring_; // after the buffers, which must outlive it
};

} // namespace runnel::inline v0
