// SPDX-License-Identifier: Apache-2.0
//
// An echo server on TCP written directly on `io_backend`, against servers written directly on epoll
// and on io_uring: 64 connections, 64 and 4096 bytes, server and load generator on a core each.
// Servers take turns, and the figures are medians.
//
// Limit: nearly all of it is the kernel's TCP, the same for all, so the CPU time of one request
// should be equal, and the system calls of one request those of the design: 2 and a share of a wait
// on epoll, nearly none on io_uring.
//
//   io_echo_bench [ROUNDS [SERVER]]   with a server's name only this one, for a profiler
#include "backends.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <liburing.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace runnel {
namespace {

constexpr int connections = 64;
constexpr std::uint64_t warm_up_requests = 20'000;
constexpr std::uint64_t measured_requests = 200'000;

[[noreturn]] void die(const char* what) {
    std::perror(what);
    std::_Exit(1);
}

int must(int outcome, const char* what) {
    if (outcome < 0) {
        die(what);
    }
    return outcome;
}

void pin(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    ::sched_setaffinity(0, sizeof set, &set);
}

double seconds(clockid_t clock) {
    timespec time{};
    ::clock_gettime(clock, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

struct figures {
    double requests_per_second = 0;
    double cpu_microseconds = 0;
    double system_calls = 0;
};

/// Counts requests, and ends the server once it has measured enough of them.
class meter {
public:
    explicit meter(int result) : result_(result) {}

    void request(std::uint64_t system_calls) {
        ++requests_;
        if (requests_ == warm_up_requests) {
            start_wall_ = seconds(CLOCK_MONOTONIC);
            start_cpu_ = seconds(CLOCK_PROCESS_CPUTIME_ID);
            start_calls_ = system_calls;
        } else if (requests_ == warm_up_requests + measured_requests) {
            report(system_calls);
        }
    }

private:
    [[noreturn]] void report(std::uint64_t system_calls) const {
        const auto count = static_cast<double>(measured_requests);
        const figures found{count / (seconds(CLOCK_MONOTONIC) - start_wall_),
                            (seconds(CLOCK_PROCESS_CPUTIME_ID) - start_cpu_) * 1e6 / count,
                            static_cast<double>(system_calls - start_calls_) / count};
        if (::write(result_, &found, sizeof found) != sizeof found) {
            die("write");
        }
        std::_Exit(0);
    }

    int result_;
    std::uint64_t requests_ = 0;
    std::uint64_t start_calls_ = 0;
    double start_wall_ = 0;
    double start_cpu_ = 0;
};

/// What a server is given: a listening socket, the size of a request, and where to count.
struct job {
    int listener;
    std::size_t size;
    meter& count;
};

int accept_one(int listener) {
    const int fd =
        must(::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC), "accept");
    const int one = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

// ---- epoll, directly ----

void serve_raw_epoll(job& work) {
    std::uint64_t calls = 0;
    const int epoll = must(::epoll_create1(0), "epoll_create1");
    for (int i = 0; i < connections; ++i) {
        epoll_event interest{.events = EPOLLIN, .data = {.fd = accept_one(work.listener)}};
        must(::epoll_ctl(epoll, EPOLL_CTL_ADD, interest.data.fd, &interest), "epoll_ctl");
    }
    std::vector<char> memory(16384);
    std::array<epoll_event, 256> events{};
    for (;;) {
        ++calls;
        const int count = must(::epoll_wait(epoll, events.data(), events.size(), -1), "epoll_wait");
        for (int i = 0; i < count; ++i) {
            const int fd = events[static_cast<std::size_t>(i)].data.fd;
            calls += 2;
            const ssize_t got = ::recv(fd, memory.data(), memory.size(), 0);
            if (got <= 0 || ::send(fd, memory.data(), static_cast<std::size_t>(got), 0) != got) {
                die("echo");
            }
            work.count.request(calls);
        }
    }
}

// ---- io_uring, directly ----

/// Sends everything back that arrives.
class raw_uring_echo {
public:
    explicit raw_uring_echo(meter* count) : count_(count), memory_(blocks * block_size) {
        io_uring_params params{};
        params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                       IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE;
        params.cq_entries = 4096;
        must(::io_uring_queue_init_params(256, &ring_, &params), "io_uring");
        ::io_uring_register_ring_fd(&ring_);
        ready_ = static_cast<io_uring_buf_ring*>(
            std::aligned_alloc(4096, blocks * sizeof(io_uring_buf)));
        std::memset(ready_, 0, blocks * sizeof(io_uring_buf));
        io_uring_buf_reg registration{};
        registration.ring_addr = reinterpret_cast<std::uint64_t>(ready_);
        registration.ring_entries = blocks;
        must(::io_uring_register_buf_ring(&ring_, &registration, 0), "buffer ring");
        for (std::uint16_t id = 0; id < blocks; ++id) {
            give_back(id);
        }
    }

    [[noreturn]] void run(const std::vector<int>& files) {
        for (const int fd : files) {
            receive_from(fd);
        }
        for (;;) {
            ++calls_;
            must(::io_uring_submit_and_wait(&ring_, 1), "io_uring_enter");
            io_uring_cqe* entry = nullptr;
            unsigned head = 0;
            unsigned seen = 0;
            io_uring_for_each_cqe(&ring_, head, entry) {
                handle(*entry);
                ++seen;
            }
            ::io_uring_cq_advance(&ring_, seen);
        }
    }

private:
    static constexpr std::uint16_t blocks = 128;
    static constexpr std::size_t block_size = 4096;
    static constexpr std::uint64_t is_send = std::uint64_t{1} << 63;

    void give_back(std::uint16_t id) {
        ::io_uring_buf_ring_add(ready_, memory_.data() + id * block_size, block_size, id,
                                blocks - 1, 0);
        ::io_uring_buf_ring_advance(ready_, 1);
    }
    void receive_from(int fd) {
        io_uring_sqe* entry = ::io_uring_get_sqe(&ring_);
        ::io_uring_prep_recv_multishot(entry, fd, nullptr, 0, 0);
        entry->flags |= IOSQE_BUFFER_SELECT;
        entry->buf_group = 0;
        entry->user_data = static_cast<std::uint64_t>(fd);
    }
    void handle(const io_uring_cqe& entry) {
        if ((entry.user_data & is_send) != 0) {
            give_back(static_cast<std::uint16_t>(entry.user_data));
            if (count_ != nullptr) {
                count_->request(calls_);
            }
            return;
        }
        if (entry.res <= 0 || (entry.flags & IORING_CQE_F_MORE) == 0) {
            std::_Exit(0); // the other side has seen enough
        }
        const auto id = static_cast<std::uint16_t>(entry.flags >> IORING_CQE_BUFFER_SHIFT);
        io_uring_sqe* send = ::io_uring_get_sqe(&ring_);
        if (send == nullptr) {
            ++calls_;
            ::io_uring_submit(&ring_);
            send = ::io_uring_get_sqe(&ring_);
        }
        ::io_uring_prep_send(send, static_cast<int>(entry.user_data),
                             memory_.data() + id * block_size, static_cast<std::size_t>(entry.res),
                             0);
        send->user_data = is_send | id;
    }

    meter* count_;
    io_uring ring_{};
    io_uring_buf_ring* ready_ = nullptr;
    std::vector<char> memory_;
    std::uint64_t calls_ = 0;
};

void serve_raw_uring(job& work) {
    std::vector<int> files;
    for (int i = 0; i < connections; ++i) {
        files.push_back(accept_one(work.listener));
    }
    raw_uring_echo(&work.count).run(files);
}

// ---- our backends ----

class session {
public:
    session(io_backend& io, int fd, meter& count)
        : io_(&io), count_(&count), file_(fd, descriptor_kind::tcp),
          reader_(file_, &session::on_read), writer_(file_, &session::on_written) {
        reader_.owner = this;
        writer_.owner = this;
        reader_.kind = io_kind::receive;
        writer_.kind = io_kind::send;
        writer_.message.msg_iov = &piece_;
        writer_.message.msg_iovlen = 1;
        must(-io.attach(file_), "attach");
    }

    void run() {
        while (io_->start(reader_)) {
            if (!write()) {
                return;
            }
        }
    }

private:
    struct owned_request : io_request {
        using io_request::io_request;
        session* owner = nullptr;
    };

    static void on_read(io_request& request) noexcept {
        session& self = *static_cast<owned_request&>(request).owner;
        if (self.write()) {
            self.run();
        }
    }
    static void on_written(io_request& request) noexcept {
        session& self = *static_cast<owned_request&>(request).owner;
        self.written();
        self.run();
    }
    /// True if all is written at once.
    bool write() {
        if (reader_.result <= 0) {
            errno = -reader_.result;
            die("receive");
        }
        data_ = std::move(reader_.data);
        piece_ = {const_cast<std::byte*>(data_.data()), data_.size()};
        if (!io_->start(writer_)) {
            return false;
        }
        written();
        return true;
    }
    void written() {
        if (writer_.result != static_cast<int>(data_.size())) {
            die("send");
        }
        data_.reset();
        count_->request(io_->statistics().system_calls);
    }

    io_backend* io_;
    meter* count_;
    descriptor file_;
    owned_request reader_;
    owned_request writer_;
    iovec piece_{};
    buffer data_;
};

void serve_backend(job& work, result<std::unique_ptr<io_backend>> made) {
    if (!made) {
        std::fprintf(stderr, "%s\n", made.error().message().c_str());
        std::_Exit(1);
    }
    io_backend& io = **made;
    std::vector<std::unique_ptr<session>> sessions;
    for (int i = 0; i < connections; ++i) {
        sessions.push_back(std::make_unique<session>(io, accept_one(work.listener), work.count));
        sessions.back()->run();
    }
    for (;;) {
        io.wait(never, false);
    }
}

// ---- load, and the comparison ----

/// Some congestion controls pace what they send, loopback or not.
void use_reno(int fd) {
    must(::setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4), "TCP_CONGESTION");
}

/// Keeps one request of each connection under way: what comes back is the next.
[[noreturn]] void generate_load(std::uint16_t port, std::size_t size) {
    pin(1);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const std::vector<char> message(size);
    std::vector<int> files;
    for (int i = 0; i < connections; ++i) {
        files.push_back(must(::socket(AF_INET, SOCK_STREAM, 0), "socket"));
        use_reno(files.back());
        must(::connect(files.back(), reinterpret_cast<sockaddr*>(&address), sizeof address),
             "connect");
        const int one = 1;
        ::setsockopt(files.back(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    }
    for (const int fd : files) {
        must(static_cast<int>(::send(fd, message.data(), size, MSG_NOSIGNAL)), "send");
    }
    raw_uring_echo(nullptr).run(files);
}

using server_function = std::function<void(job&)>;

figures measure(const server_function& serve, std::size_t size) {
    const int listener = must(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    use_reno(listener);
    must(::bind(listener, reinterpret_cast<sockaddr*>(&address), length), "bind");
    must(::listen(listener, connections), "listen");
    ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length);
    std::array<int, 2> result{};
    must(::pipe(result.data()), "pipe");

    const int server = must(::fork(), "fork");
    if (server == 0) {
        pin(0);
        meter count(result[1]);
        job work{listener, size, count};
        serve(work);
    }
    const int load = must(::fork(), "fork");
    if (load == 0) {
        ::close(listener);
        generate_load(ntohs(address.sin_port), size);
    }
    ::close(listener);
    ::close(result[1]);
    figures found{};
    if (::read(result[0], &found, sizeof found) != sizeof found) {
        std::fputs("a server failed\n", stderr);
    }
    ::close(result[0]);
    ::waitpid(server, nullptr, 0);
    ::waitpid(load, nullptr, 0);
    return found;
}

double median(std::vector<double> all) {
    std::ranges::sort(all);
    return all[all.size() / 2];
}

std::vector<double> column(const std::vector<figures>& rows, double figures::* field) {
    std::vector<double> values;
    for (const figures& row : rows) {
        values.push_back(row.*field);
    }
    return values;
}

/// The median of the ratios within each round, since the machine's pace drifts from round to round.
double ratio(const std::vector<figures>& ours, const std::vector<figures>& theirs) {
    std::vector<double> ratios;
    for (std::size_t i = 0; i < ours.size(); ++i) {
        ratios.push_back(ours[i].cpu_microseconds / theirs[i].cpu_microseconds);
    }
    return median(ratios);
}

struct contender {
    const char* name;
    server_function serve;
    const char* rival;
};

void compare(int rounds, std::size_t size, std::string_view only) {
    const std::array<contender, 4> contenders{{
        {"raw epoll", serve_raw_epoll, "raw epoll"},
        {"runnel epoll", [](job& work) { serve_backend(work, make_epoll_backend()); }, "raw epoll"},
        {"raw io_uring", serve_raw_uring, "raw io_uring"},
        {"runnel io_uring", [](job& work) { serve_backend(work, make_uring_backend()); },
         "raw io_uring"},
    }};
    std::map<std::string_view, std::vector<figures>> found;
    for (int round = 0; round < rounds; ++round) {
        for (const contender& one : contenders) {
            if (only.empty() || only == one.name) {
                found[one.name].push_back(measure(one.serve, size));
            }
        }
    }
    std::printf("%4zu bytes         k requests/s   CPU µs/request    min   ratio   calls/request\n",
                size);
    for (const contender& one : contenders) {
        const auto& rows = found[one.name];
        if (rows.empty()) {
            continue;
        }
        const auto cpu = column(rows, &figures::cpu_microseconds);
        std::printf("%-18s %12.1f %15.3f %7.3f %7.3f %13.3f\n", one.name,
                    median(column(rows, &figures::requests_per_second)) / 1000, median(cpu),
                    *std::ranges::min_element(cpu),
                    only.empty() ? ratio(rows, found[one.rival]) : 1.0,
                    median(column(rows, &figures::system_calls)));
    }
}

} // namespace
} // namespace runnel

int main(int count, char** arguments) {
    const int rounds = count > 1 ? std::atoi(arguments[1]) : 7;
    const std::string_view only = count > 2 ? arguments[2] : "";
    runnel::compare(rounds, 64, only);
    runnel::compare(rounds, 4096, only);
}
