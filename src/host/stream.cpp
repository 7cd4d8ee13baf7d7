// SPDX-License-Identifier: Apache-2.0
#include "stream.hpp"

#include "ancillary.hpp"
#include "bystander.hpp"
#include "tcp_progress.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

namespace runnel::inline v0::host {
namespace {

/// Between two looks at how far the kernel has come with what was written.
constexpr duration shortest_pace = std::chrono::microseconds(50);
constexpr duration longest_pace = std::chrono::milliseconds(10);

constexpr descriptor_kind kind_for_backend(stream_kind kind) noexcept {
    switch (kind) {
    case stream_kind::tcp:
        return descriptor_kind::tcp;
    case stream_kind::local:
        return descriptor_kind::stream;
    case stream_kind::other:
        break;
    }
    return descriptor_kind::other;
}

void set_tcp_flag(int fd, int option, int value) noexcept {
    static_cast<void>(::setsockopt(fd, IPPROTO_TCP, option, &value, sizeof value));
}

} // namespace

stream::stream(int fd, stream_kind kind, const stream_options& options)
    : loop_(loop::current()), io_(loop_.io()), file_(fd, kind_for_backend(kind)),
      in_(*this, file_,
          [](io_request& self) noexcept { static_cast<request&>(self).owner.on_input(); }),
      out_(*this, file_,
           [](io_request& self) noexcept { static_cast<request&>(self).owner.on_output(); }),
      resume_(*this,
              [](timer& self) noexcept {
                  stream& owner = static_cast<wakeup&>(self).owner;
                  if (owner.patience_ != 0) {
                      --owner.patience_;
                  }
                  owner.pump_reading();
                  owner.pump_writing();
              }),
      progress_(*this,
                [](timer& self) noexcept { static_cast<wakeup&>(self).owner.check_progress(); }),
      options_(options), kind_(kind) {}

stream::~stream() = default;

void drop_stream::operator()(stream* dropped) const noexcept {
    dropped->dropped_ = true;
    if (!dropped->open_) {
        delete dropped;
    } else if (!dropped->retiring_) {
        dropped->release();
    }
}

result<stream_ptr> stream::open(unique_fd file, stream_kind kind, const stream_options& options) {
    const int access =
        kind == stream_kind::other ? ::fcntl(file.get(), F_GETFL) & O_ACCMODE : O_RDWR;
    stream_ptr made(new stream(file.release(), kind, options));
    if (const int number = made->io_.attach(made->file_); number != 0) {
        made->reset_connection(); // for a peer, closing it would look like the end of a stream
        return fail(error::from_errno(number));
    }
    if (access == O_WRONLY) {
        made->read_end_ = ended;
    } else if (access == O_RDONLY) {
        made->write_end_ = EBADF;
    }
    return made;
}

result<stream_ptr> stream::open(unique_fd input, unique_fd output) {
    stream_ptr made(new stream(input.release(), stream_kind::other, {}));
    made->output_ = std::make_unique<descriptor>(output.release(), descriptor_kind::other);
    made->out_.file = made->output_.get();
    for (descriptor* file : {&made->file_, made->output_.get()}) {
        if (const int number = made->io_.attach(*file); number != 0) {
            return fail(error::from_errno(number));
        }
    }
    return made;
}

const std::shared_ptr<ancillary>& stream::passing() {
    if (passing_ == nullptr) {
        passing_ = std::make_shared<ancillary>();
    }
    return passing_;
}

/// Ends a request early. Whether nothing of it is left with the backend.
bool stream::take_back(request& pending) noexcept {
    if (!pending.pending()) {
        return true;
    }
    if (pending.cancelled) {
        return false;
    }
    pending.cancelled = true;
    return io_.cancel(pending);
}

/// Goes on in the loop's next turn. Due now, it would do so in this one.
void stream::yield() noexcept {
    if (!resume_.armed()) {
        loop_.arm(resume_, loop_.now() + duration(1));
    }
}

void stream::send_fin() noexcept {
    if (std::exchange(fin_sent_, true)) {
        return;
    }
    dismiss(output_user_);
    if (output_ != nullptr) {
        if (output_->attached()) {
            io_.detach(*output_);
        }
        ::close(output_->fd());
        output_.reset();
        write_end_ = EPIPE;
        out_.file = &file_;
    } else if (!is_socket() && read_end_ == ended) {
        release(); // the end of a pipe is told by closing it
    } else if (is_socket() && ::shutdown(file_.fd(), SHUT_WR) != 0 && broken_ == 0) {
        const int number = take_socket_error(file_.fd());
        broken_ = number != 0 ? number : ECONNRESET;
    }
}

/// Sends what Nagle's algorithm or a cork holds back.
void stream::push() noexcept {
    if (options_.cork) {
        set_tcp_flag(file_.fd(), TCP_CORK, 0);
        set_tcp_flag(file_.fd(), TCP_CORK, 1);
    } else if (!options_.nodelay) {
        set_tcp_flag(file_.fd(), TCP_NODELAY, 1);
        set_tcp_flag(file_.fd(), TCP_NODELAY, 0);
    }
}

void stream::flush(control_operation& op) {
    if (auto end = end_of_writing()) {
        op.fail(std::move(*end));
        return;
    }
    if (kind_ == stream_kind::tcp) {
        push();
        if (!all_sent(file_.fd())) {
            control_ = &op;
            flushed_at_ = accepted_;
            watch_progress();
            return;
        }
    }
    op.succeed();
}

void stream::shutdown_write(control_operation& op) {
    send_fin();
    if (broken_ != 0) {
        op.fail(error::from_errno(broken_));
    } else {
        op.succeed();
    }
}

void stream::begin_close() noexcept {
    dismiss(input_user_);
    closing_ = true;
    pump_reading();
}

void stream::close(control_operation& op) {
    control_ = &op;
    progress_.cancel(); // of a flush that was cancelled
    send_fin();
    if (retiring_) { // a file whose other direction has ended is closed by now
        std::exchange(control_, nullptr)->succeed();
        return;
    }
    begin_close();
}

void stream::cancel(control_operation& /*op*/) noexcept {
    control_ = nullptr;
}

/// Ends a close when the peer has closed, too, and everything has left.
void stream::settle_close() noexcept {
    if (!closing_ || control_ == nullptr || retiring_ || progress_.armed()) {
        return;
    }
    if (read_end_ != ended) {
        finish_close(error::from_errno(read_end_));
    } else if (broken_ != 0) {
        finish_close(error::from_errno(broken_));
    } else if (kind_ == stream_kind::tcp &&
               (options_.linger.count() >= 0 || !all_sent(file_.fd()))) {
        linger_until_ =
            options_.linger.count() >= 0 ? saturating_add(loop_.now(), options_.linger) : never;
        watch_progress();
    } else {
        finish_close(std::nullopt);
    }
}

void stream::finish_close(std::optional<error> why) noexcept {
    control_operation& op = *std::exchange(control_, nullptr);
    release();
    if (why) {
        op.fail(std::move(*why));
    } else {
        op.succeed();
    }
}

/// Waits for the kernel to come on with what was written. It tells no such event without waking
/// every reader of the socket, too (timestamps in the error queue), so it is asked now and then.
void stream::watch_progress() noexcept {
    pace_ = duration::zero();
    check_progress();
}

void stream::check_progress() noexcept {
    const tcp_progress now = tcp_progress::of(file_.fd());
    if (writer_ != nullptr && writer_->remaining() == 0) {
        if (now.gone || broken_ != 0) {
            output_failed(lost_connection());
        } else if (now.acknowledged) {
            end_writer(std::nullopt);
        }
    }
    if (control_ != nullptr) {
        check_control(now);
    }
    if ((writer_ != nullptr && writer_->remaining() == 0) || (control_ != nullptr && !retiring_)) {
        pace_ = pace_ == duration::zero()
                    ? std::clamp(now.round_trip / 2, shortest_pace, longest_pace)
                    : std::min(2 * pace_, longest_pace);
        loop_.arm(progress_, std::min(saturating_add(loop_.now(), pace_), linger_until_));
    }
}

void stream::check_control(const tcp_progress& now) noexcept {
    if (!closing_) {
        if (now.gone || broken_ != 0) {
            std::exchange(control_, nullptr)->fail(error::from_errno(lost_connection()));
        } else if (accepted_ - now.unsent >= flushed_at_) {
            std::exchange(control_, nullptr)->succeed();
        }
        return;
    }
    if (now.gone || broken_ != 0) {
        // Over, which is what a close wants, unless an error was the reason.
        const int number = broken_ != 0 ? broken_ : take_socket_error(file_.fd());
        finish_close(number != 0 ? std::optional(error::from_errno(number)) : std::nullopt);
    } else if (options_.linger.count() >= 0 ? now.acknowledged : now.unsent == 0) {
        finish_close(std::nullopt);
    } else if (loop_.now() >= linger_until_) {
        reset_connection();
        finish_close(error(errc::timed_out, "the peer did not acknowledge everything in time"));
    }
}

/// The errno of a connection that is over.
int stream::lost_connection() noexcept {
    if (broken_ == 0) {
        const int number = take_socket_error(file_.fd());
        broken_ = number != 0 ? number : ECONNRESET;
    }
    return broken_;
}

/// Sends RST at once, also while requests are with the kernel.
void stream::reset_connection() noexcept {
    if (kind_ == stream_kind::tcp) {
        const sockaddr nobody{.sa_family = AF_UNSPEC, .sa_data = {}};
        static_cast<void>(::connect(file_.fd(), &nobody, sizeof nobody));
    }
}

void stream::abort() noexcept {
    aborted_ = true;
    dismiss(input_user_);
    dismiss(output_user_);
    stash_.clear();
    resume_.cancel();
    progress_.cancel();
    const bool input_off = take_back(in_) || in_.kind != io_kind::receive_into;
    const bool output_off = take_back(out_) || out_.kind == io_kind::writable;
    if (open_ && !retiring_) {
        // When both sides have finished, the kernel may go on to deliver what is left.
        if (!fin_sent_ || read_end_ != ended) {
            reset_connection();
        }
        release();
    }
    if (reader_ != nullptr && input_off) {
        std::exchange(reader_, nullptr)->fail(errc::aborted);
    }
    if (writer_ != nullptr && output_off) {
        end_writer(errc::aborted);
    }
    if (control_ != nullptr) {
        std::exchange(control_, nullptr)->fail(errc::aborted);
    }
}

/// Closes the files as soon as the backend has let go of them.
void stream::release() noexcept {
    retiring_ = true;
    static_cast<void>(take_back(in_));
    static_cast<void>(take_back(out_));
    finish_release();
}

void stream::finish_release() noexcept {
    if (in_.pending() || out_.pending()) {
        return;
    }
    close_files();
    if (dropped_) {
        delete this;
    }
}

void stream::close_files() noexcept {
    open_ = false;
    for (descriptor* file : {&file_, output_.get()}) {
        if (file != nullptr) {
            if (file->attached()) {
                io_.detach(*file);
            }
            ::close(file->fd());
        }
    }
    output_.reset();
}

} // namespace runnel::inline v0::host
