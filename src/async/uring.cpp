// SPDX-License-Identifier: Apache-2.0
#include "uring.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <string>

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace runnel::inline v0 {
namespace {

constexpr unsigned basic_flags = IORING_SETUP_R_DISABLED | IORING_SETUP_CLAMP | IORING_SETUP_CQSIZE;
constexpr unsigned deferred_flags =
    basic_flags | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;

/// From the best to the least. The kernel answers EINVAL to a flag that it does not know.
constexpr std::array<unsigned, 4> flag_sets{
    deferred_flags | uring_setup_no_sqarray,                           // Linux 6.6
    deferred_flags,                                                    // 6.1
    basic_flags | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_COOP_TASKRUN, // 5.19
    basic_flags,
};

constexpr unsigned needed_features = IORING_FEAT_SINGLE_MMAP | IORING_FEAT_NODROP |
                                     IORING_FEAT_FAST_POLL | IORING_FEAT_EXT_ARG |
                                     IORING_FEAT_RW_CUR_POS;

int result_of(long outcome) noexcept {
    return outcome >= 0 ? static_cast<int>(outcome) : -errno;
}

error explain(int number) {
    if (number == ENOSYS) {
        return {errc::not_supported, "the kernel was built without io_uring"};
    }
    if (number == EPERM || number == EACCES) {
        char setting = '0';
        std::ifstream("/proc/sys/kernel/io_uring_disabled") >> setting;
        return {errc::permission_denied,
                setting == '0' ? "io_uring is denied to this process, as many containers do"
                               : "io_uring is switched off by the sysctl kernel.io_uring_disabled"};
    }
    return error::from_errno(number, "io_uring_setup");
}

} // namespace

uring::~uring() {
    if (fd_ < 0) {
        return;
    }
    if (registered_ && is_mine()) { // it is the thread that has it registered
        io_uring_rsrc_update update{};
        update.offset = static_cast<std::uint32_t>(enter_fd_);
        configure(IORING_UNREGISTER_RING_FDS, &update, 1);
    }
    if (rings_ != nullptr) {
        ::munmap(rings_, rings_size_);
    }
    if (entries_ != nullptr) {
        ::munmap(entries_, sq_entries_ * sizeof(io_uring_sqe));
    }
    ::close(fd_);
}

result<void> uring::open(unsigned submissions, unsigned completions) {
    io_uring_params params{};
    if (const int number = set_up(submissions, completions, params); number != 0) {
        return fail(explain(number));
    }
    if ((params.features & needed_features) != needed_features) {
        return fail(errc::not_supported, "io_uring of this kernel is too old: it needs Linux 5.19");
    }
    if (const int number = map(params); number != 0) {
        return fail(error::from_errno(number, "mapping the queues of io_uring"));
    }
    return {};
}

int uring::set_up(unsigned submissions, unsigned completions, io_uring_params& params) noexcept {
    for (const unsigned set : flag_sets) {
        params = {};
        params.flags = set;
        params.cq_entries = completions;
        ++*system_calls_;
        fd_ = result_of(::syscall(SYS_io_uring_setup, submissions, &params));
        if (fd_ >= 0) {
            flags_ = set;
            enter_fd_ = fd_;
            return 0;
        }
        if (fd_ != -EINVAL) {
            break;
        }
    }
    return -fd_;
}

int uring::map(const io_uring_params& params) noexcept {
    const auto map_part = [this](std::size_t size, off_t part) -> void* {
        ++*system_calls_;
        void* memory =
            ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd_, part);
        return memory == MAP_FAILED ? nullptr : memory;
    };
    rings_size_ =
        std::max<std::size_t>(params.sq_off.array + params.sq_entries * sizeof(unsigned),
                              params.cq_off.cqes + params.cq_entries * sizeof(io_uring_cqe));
    rings_ = map_part(rings_size_, IORING_OFF_SQ_RING);
    if (rings_ == nullptr) {
        return errno;
    }
    sq_entries_ = params.sq_entries;
    entries_ =
        static_cast<io_uring_sqe*>(map_part(sq_entries_ * sizeof(io_uring_sqe), IORING_OFF_SQES));
    if (entries_ == nullptr) {
        return errno;
    }
    auto* base = static_cast<std::byte*>(rings_);
    const auto field = [base](unsigned offset) {
        return reinterpret_cast<unsigned*>(base + offset);
    };
    sq_head_ = field(params.sq_off.head);
    shared_tail_ = field(params.sq_off.tail);
    cq_head_ = field(params.cq_off.head);
    cq_tail_ = field(params.cq_off.tail);
    cq_entries_ = params.cq_entries;
    completions_ = reinterpret_cast<io_uring_cqe*>(base + params.cq_off.cqes);
    if ((flags_ & uring_setup_no_sqarray) == 0) {
        unsigned* order = field(params.sq_off.array);
        for (unsigned i = 0; i < sq_entries_; ++i) {
            order[i] = i;
        }
    }
    return 0;
}

int uring::configure(unsigned operation, void* argument, unsigned count) noexcept {
    ++*system_calls_;
    return result_of(::syscall(SYS_io_uring_register, fd_, operation, argument, count));
}

bool uring::knows(unsigned operation) noexcept {
    constexpr unsigned most = 256;
    alignas(io_uring_probe)
        std::array<std::byte, sizeof(io_uring_probe) + most * sizeof(io_uring_probe_op)>
            memory{};
    if (configure(IORING_REGISTER_PROBE, memory.data(), most) < 0) {
        return false;
    }
    const auto* probe = reinterpret_cast<const io_uring_probe*>(memory.data());
    return operation <= probe->last_op &&
           (probe->ops[operation].flags & IO_URING_OP_SUPPORTED) != 0;
}

/// Binds the ring to this thread, and registers it there, which saves looking it up at each call.
int uring::enable() noexcept {
    if (const int outcome = configure(IORING_REGISTER_ENABLE_RINGS, nullptr, 0); outcome < 0) {
        return outcome;
    }
    enabled_ = true;
    owner_ = std::this_thread::get_id();
    io_uring_rsrc_update update{};
    update.offset = ~0U; // any free place
    update.data = static_cast<std::uint64_t>(fd_);
    if (configure(IORING_REGISTER_RING_FDS, &update, 1) == 1) {
        registered_ = true;
        enter_fd_ = static_cast<int>(update.offset);
        enter_flags_ = IORING_ENTER_REGISTERED_RING;
    }
    return 0;
}

int uring::enter(unsigned wait_for, unsigned flags, const timespec* timeout) noexcept {
    if (!enabled_) {
        if (const int outcome = enable(); outcome < 0) {
            return outcome;
        }
    }
    __atomic_store_n(shared_tail_, sq_tail_, __ATOMIC_RELEASE);
    const unsigned count = sq_tail_ - __atomic_load_n(sq_head_, __ATOMIC_ACQUIRE);
    io_uring_getevents_arg argument{};
    argument.ts = reinterpret_cast<std::uint64_t>(timeout);
    ++*system_calls_;
    const int outcome = result_of(::syscall(SYS_io_uring_enter, enter_fd_, count, wait_for,
                                            flags | enter_flags_ | IORING_ENTER_EXT_ARG, &argument,
                                            sizeof argument));
    return std::min(outcome, 0);
}

} // namespace runnel::inline v0
