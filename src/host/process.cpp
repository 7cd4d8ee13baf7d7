// SPDX-License-Identifier: Apache-2.0
#include "runnel/host/process.hpp"

#include "child.hpp"
#include "runnel/core/check.hpp"
#include "stream_flow.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <utility>

#include <fcntl.h>
#include <spawn.h>
#include <unistd.h>

extern char** environ; // NOLINT(readability-redundant-declaration): POSIX leaves it to us

namespace runnel::inline v0::host {
namespace {

class kernel_process_flow final : public stream_flow<process_flow> {
public:
    kernel_process_flow(stream_ptr carried, child_ptr process, std::string name)
        : stream_flow(std::move(carried)), process_(std::move(process)), name_(std::move(name)) {}
    kernel_process_flow(const kernel_process_flow&) = delete;
    kernel_process_flow& operator=(const kernel_process_flow&) = delete;
    ~kernel_process_flow() override { abort(); }

    [[nodiscard]] flow_address local() const override { return flow_address("exec"); }
    [[nodiscard]] flow_address remote() const override { return {"exec", name_}; }
    [[nodiscard]] int id() const noexcept override { return process_->id(); }

    task<result<exit_status>> wait() override { return wait_for(process_); }

private:
    /// Keeps the child, since the flow may go away meanwhile.
    static task<result<exit_status>> wait_for(child_ptr process) {
        const auto ended = co_await process->ended().wait();
        if (!ended) {
            co_return fail(ended.error());
        }
        co_return *process->status();
    }

    void do_abort() noexcept override {
        process_->kill();
        stream_flow::do_abort();
    }

    child_ptr process_;
    std::string name_;
};

/// The two ends of a pipe: ours does not block, and neither is passed on to programs.
struct pipe_ends {
    unique_fd reading;
    unique_fd writing;
};

result<pipe_ends> open_pipe(bool we_read) {
    std::array<int, 2> fds{};
    if (::pipe2(fds.data(), O_CLOEXEC) != 0) {
        return fail(error::from_errno(errno, "pipe"));
    }
    const int ours = we_read ? fds[0] : fds[1];
    static_cast<void>(::fcntl(ours, F_SETFL, O_NONBLOCK));
    return pipe_ends{unique_fd(fds[0]), unique_fd(fds[1])};
}

/// What the new process starts with: its input and output, and the signals as a program expects
/// them.
class spawn_settings {
public:
    spawn_settings(int input, int output) noexcept {
        ::posix_spawn_file_actions_init(&actions_);
        ::posix_spawn_file_actions_adddup2(&actions_, input, STDIN_FILENO);
        ::posix_spawn_file_actions_adddup2(&actions_, output, STDOUT_FILENO);
        ::posix_spawnattr_init(&attributes_);
        sigset_t signals;
        sigemptyset(&signals);
        ::posix_spawnattr_setsigmask(&attributes_, &signals);
        sigaddset(&signals, SIGPIPE);
        ::posix_spawnattr_setsigdefault(&attributes_, &signals);
        ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    }
    spawn_settings(const spawn_settings&) = delete;
    spawn_settings& operator=(const spawn_settings&) = delete;
    ~spawn_settings() {
        ::posix_spawn_file_actions_destroy(&actions_);
        ::posix_spawnattr_destroy(&attributes_);
    }

    [[nodiscard]] const posix_spawn_file_actions_t* actions() const noexcept { return &actions_; }
    [[nodiscard]] const posix_spawnattr_t* attributes() const noexcept { return &attributes_; }

private:
    posix_spawn_file_actions_t actions_{};
    posix_spawnattr_t attributes_{};
};

result<process_flow_ptr> start(const std::vector<std::string>& arguments) {
    auto input = open_pipe(false);
    if (!input) {
        return fail(input.error());
    }
    auto output = open_pipe(true);
    if (!output) {
        return fail(output.error());
    }
    std::vector<char*> words;
    for (const std::string& word : arguments) {
        words.push_back(const_cast<char*>(word.c_str())); // which posix_spawn leaves alone
    }
    words.push_back(nullptr);
    const spawn_settings settings(input->reading.get(), output->writing.get());
    pid_t id = -1;
    if (const int number = ::posix_spawnp(&id, words.front(), settings.actions(),
                                          settings.attributes(), words.data(), environ);
        number != 0) {
        return fail(error::from_errno(number));
    }
    auto process = child::adopt(id);
    if (!process) {
        return fail(process.error());
    }
    auto carried = stream::open(std::move(output->reading), std::move(input->writing));
    if (!carried) {
        return fail(carried.error());
    }
    return std::make_unique<kernel_process_flow>(std::move(*carried), std::move(*process),
                                                 arguments.back());
}

} // namespace

result<process_flow_ptr> spawn(const std::vector<std::string>& arguments) {
    check(!arguments.empty(), "a program to start has a name");
    auto started = start(arguments);
    if (!started) {
        return fail(started.error().wrap("exec " + arguments.front()));
    }
    return started;
}

result<process_flow_ptr> spawn_shell(const std::string& command) {
    return spawn({"/bin/sh", "-c", command});
}

} // namespace runnel::inline v0::host
