// SPDX-License-Identifier: Apache-2.0
#include "runnel/async/signals.hpp"

#include <array>
#include <atomic>
#include <bit>
#include <cerrno>
#include <csignal>
#include <mutex>
#include <string>
#include <thread>

#include <sys/eventfd.h>
#include <unistd.h>

namespace runnel::inline v0 {
namespace {

constexpr int most_signals = 64;
/// Sets at the same time; a handler looks through all of them, and may not allocate.
constexpr std::size_t most_sets = 64;

constexpr std::uint64_t bit_of(int number) noexcept {
    return std::uint64_t{1} << (number - 1);
}

} // namespace

/// What a handler sees of a set. Handlers run at any time on any thread.
class signal_slot {
public:
    /// Notes a signal and wakes the set. Async-signal-safe.
    void note(int number) noexcept {
        visitors_.fetch_add(1);
        const int fd = fd_.load();
        if (fd >= 0 && (wanted_.load() & bit_of(number)) != 0) {
            pending_.fetch_or(bit_of(number));
            const std::uint64_t one = 1;
            static_cast<void>(::write(fd, &one, sizeof one));
        }
        visitors_.fetch_sub(1);
    }

    [[nodiscard]] bool free() const noexcept { return fd_.load() < 0; }
    void open(int fd) noexcept { fd_.store(fd); }
    void want(int number) noexcept { wanted_.fetch_or(bit_of(number)); }
    [[nodiscard]] bool wants(int number) const noexcept {
        return (wanted_.load() & bit_of(number)) != 0;
    }
    /// After this no handler uses the descriptor any more.
    void close() noexcept {
        wanted_.store(0);
        fd_.store(-1);
        while (visitors_.load() != 0) {
            std::this_thread::yield();
        }
        pending_.store(0);
    }
    /// The lowest signal that is noted, no longer noted then; 0: none.
    [[nodiscard]] int take() noexcept {
        const std::uint64_t noted = pending_.load();
        if (noted == 0) {
            return 0;
        }
        const int number = std::countr_zero(noted) + 1;
        pending_.fetch_and(~bit_of(number));
        return number;
    }

private:
    std::atomic<int> fd_{-1};
    std::atomic<int> visitors_{0};
    std::atomic<std::uint64_t> wanted_{0};
    std::atomic<std::uint64_t> pending_{0};
};

namespace {

/// A signal's action before the first set named it.
struct former_action {
    int sets = 0;
    struct sigaction action{};
};

std::array<signal_slot, most_sets> slots;
std::mutex registry; // guards `former_actions`, and who has which slot
std::array<former_action, most_signals> former_actions;

static_assert(std::atomic<int>::is_always_lock_free);
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

extern "C" void on_signal(int number) {
    const int error_before = errno;
    for (signal_slot& slot : slots) {
        slot.note(number);
    }
    errno = error_before;
}

int install_handler(int number) noexcept {
    former_action& former = former_actions[static_cast<std::size_t>(number - 1)];
    if (former.sets == 0) {
        struct sigaction action{};
        action.sa_handler = on_signal;
        action.sa_flags = SA_RESTART;
        ::sigfillset(&action.sa_mask);
        if (::sigaction(number, &action, &former.action) != 0) {
            return errno;
        }
    }
    ++former.sets;
    return 0;
}

void remove_handler(int number) noexcept {
    former_action& former = former_actions[static_cast<std::size_t>(number - 1)];
    if (--former.sets == 0) {
        ::sigaction(number, &former.action, nullptr);
    }
}

signal_slot* take_slot(int fd) noexcept {
    for (signal_slot& slot : slots) {
        if (slot.free()) {
            slot.open(fd);
            return &slot;
        }
    }
    return nullptr;
}

} // namespace

signal_set::signal_set(std::initializer_list<int> numbers)
    : loop_(loop::current()), file_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      failure_(install(numbers)) {}

std::optional<error> signal_set::install(std::initializer_list<int> numbers) {
    if (loop_.is_virtual()) {
        return error(errc::not_supported, "virtual time has no signals");
    }
    if (file_.fd() < 0) {
        return error::from_errno(errno, "eventfd");
    }
    if (const int number = loop_.io().attach(file_); number != 0) {
        return error::from_errno(number, "eventfd");
    }
    const std::lock_guard lock(registry);
    slot_ = take_slot(file_.fd());
    if (slot_ == nullptr) {
        return error(errc::limit_exceeded, "too many sets of signals");
    }
    for (const int number : numbers) {
        const bool valid = number >= 1 && number <= most_signals;
        if (valid && slot_->wants(number)) {
            continue;
        }
        if (const int failed = valid ? install_handler(number) : EINVAL; failed != 0) {
            return error::from_errno(failed, "signal " + std::to_string(number));
        }
        slot_->want(number);
    }
    return std::nullopt;
}

signal_set::~signal_set() {
    if (slot_ != nullptr) {
        const std::lock_guard lock(registry);
        for (int number = 1; number <= most_signals; ++number) {
            if (slot_->wants(number)) {
                remove_handler(number);
            }
        }
        slot_->close();
    }
    if (file_.attached()) {
        loop_.io().detach(file_);
    }
    ::close(file_.fd());
}

signal_set::next_operation::request::request(signal_set& set, next_operation& waiting) noexcept
    : io_request(
          set.file_,
          [](io_request& self) noexcept { static_cast<request&>(self).operation.on_read(); }),
      source(set), operation(waiting), room{&counter, sizeof counter} {
    kind = io_kind::receive_into;
    message.msg_iov = &room;
    message.msg_iovlen = 1;
}

signal_set::next_operation::next_operation(signal_set& source) noexcept : request_(source, *this) {}

bool signal_set::next_operation::try_take() noexcept {
    result_ = request_.source.slot_->take();
    return *result_ != 0;
}

void signal_set::next_operation::start() {
    signal_set& source = request_.source;
    if (source.failure_) {
        result_ = fail(*source.failure_);
    } else if (source.awaited_) {
        result_ = fail(errc::busy);
    } else {
        // The eventfd may still tell of signals that have been taken.
        while (!try_take()) {
            if (!source.loop_.io().start(request_)) {
                source.awaited_ = true;
                return;
            }
            if (request_.result < 0) {
                result_ = fail(error::from_errno(-request_.result, "read of the signals' eventfd"));
                break;
            }
        }
    }
    complete();
}

void signal_set::next_operation::on_read() noexcept {
    request_.source.awaited_ = false;
    if (try_take()) {
        complete();
    } else if (stopped() != stop_reason::none) {
        refuse(stopped());
        complete();
    } else {
        start();
    }
}

bool signal_set::next_operation::stop(stop_reason reason) noexcept {
    if (!request_.source.loop_.io().cancel(request_)) {
        return false;
    }
    request_.source.awaited_ = false;
    refuse(reason);
    return true;
}

void signal_set::next_operation::refuse(stop_reason reason) noexcept {
    result_ = fail(to_error(reason));
}

} // namespace runnel::inline v0
