// SPDX-License-Identifier: Apache-2.0
// The least a server on io_uring can do: multishot receive into a provided buffer ring, and a send
// of the same buffer; one system call for each batch of completions.
#include "listen.hpp"

#include <liburing.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdlib>

namespace {

constexpr unsigned buffers = 512;
constexpr unsigned buffer_bytes = 16384;
constexpr int group = 1;

enum class kind : std::uint64_t { accept, receive, send };

io_uring ring;
io_uring_buf_ring* provided = nullptr;
char* memory = nullptr;

io_uring_sqe* next(kind what, int fd, unsigned buffer) {
    io_uring_sqe* sqe = ::io_uring_get_sqe(&ring);
    if (sqe == nullptr) {
        ::io_uring_submit(&ring);
        sqe = ::io_uring_get_sqe(&ring);
    }
    sqe->user_data = static_cast<std::uint64_t>(what) << 56 |
                     static_cast<std::uint64_t>(buffer) << 32 | static_cast<unsigned>(fd);
    return sqe;
}

void tag(io_uring_sqe* sqe, std::uint64_t data) {
    sqe->user_data = data; // the prep helpers clear it
}

void accept_next(int listener) {
    io_uring_sqe* sqe = next(kind::accept, listener, 0);
    const std::uint64_t data = sqe->user_data;
    ::io_uring_prep_multishot_accept(sqe, listener, nullptr, nullptr, SOCK_CLOEXEC);
    tag(sqe, data);
}

void receive(int fd) {
    io_uring_sqe* sqe = next(kind::receive, fd, 0);
    const std::uint64_t data = sqe->user_data;
    ::io_uring_prep_recv_multishot(sqe, fd, nullptr, 0, 0);
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = group;
    tag(sqe, data);
}

void send(int fd, unsigned buffer, unsigned size) {
    io_uring_sqe* sqe = next(kind::send, fd, buffer);
    const std::uint64_t data = sqe->user_data;
    ::io_uring_prep_send(sqe, fd, memory + std::size_t{buffer} * buffer_bytes, size, MSG_NOSIGNAL);
    tag(sqe, data);
}

void provide(unsigned buffer) {
    ::io_uring_buf_ring_add(provided, memory + std::size_t{buffer} * buffer_bytes, buffer_bytes,
                            static_cast<unsigned short>(buffer), ::io_uring_buf_ring_mask(buffers),
                            0);
    ::io_uring_buf_ring_advance(provided, 1);
}

void complete(const io_uring_cqe& cqe) {
    const auto what = static_cast<kind>(cqe.user_data >> 56);
    const auto fd = static_cast<int>(cqe.user_data & 0xffff'ffffU);
    if (what == kind::accept) {
        if (cqe.res >= 0) {
            bench::set_nodelay(cqe.res);
            receive(cqe.res);
        }
    } else if (what == kind::send) {
        provide(static_cast<unsigned>(cqe.user_data >> 32 & 0xffffU));
    } else if (cqe.res > 0) {
        send(fd, cqe.flags >> IORING_CQE_BUFFER_SHIFT, static_cast<unsigned>(cqe.res));
        if ((cqe.flags & IORING_CQE_F_MORE) == 0) {
            receive(fd);
        }
    } else if (cqe.res == -ENOBUFS) {
        receive(fd);
    } else {
        ::close(fd);
    }
}

void set_up() {
    io_uring_params parameters{};
    parameters.flags =
        IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE;
    parameters.cq_entries = 4096;
    if (::io_uring_queue_init_params(1024, &ring, &parameters) != 0) {
        std::fputs("io_uring is not available\n", stderr);
        std::exit(77);
    }
    void* area = ::mmap(nullptr, buffers * sizeof(io_uring_buf), PROT_READ | PROT_WRITE,
                        MAP_ANONYMOUS | MAP_PRIVATE, -1, 0);
    provided = static_cast<io_uring_buf_ring*>(area);
    io_uring_buf_reg registration{};
    registration.ring_addr = reinterpret_cast<std::uintptr_t>(area);
    registration.ring_entries = buffers;
    registration.bgid = group;
    if (::io_uring_register_buf_ring(&ring, &registration, 0) != 0) {
        std::fputs("provided buffer rings are not available\n", stderr);
        std::exit(77);
    }
    ::io_uring_buf_ring_init(provided);
    memory = static_cast<char*>(std::aligned_alloc(4096, std::size_t{buffers} * buffer_bytes));
    for (unsigned buffer = 0; buffer < buffers; ++buffer) {
        provide(buffer);
    }
}

} // namespace

int main() {
    const int listener = bench::listen_on_loopback(0);
    set_up();
    accept_next(listener);
    for (;;) {
        ::io_uring_submit_and_wait(&ring, 1);
        io_uring_cqe* cqe = nullptr;
        unsigned head = 0;
        unsigned seen = 0;
        io_uring_for_each_cqe(&ring, head, cqe) {
            complete(*cqe);
            ++seen;
        }
        ::io_uring_cq_advance(&ring, seen);
    }
}
