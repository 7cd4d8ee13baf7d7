// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "options.hpp"
#include "session.hpp"

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace runnel::inline v0::program {

/// One subcommand. Its options are its members.
class command {
public:
    command(std::string name, std::string summary)
        : name_(std::move(name)), summary_(std::move(summary)) {}
    command(const command&) = delete;
    command& operator=(const command&) = delete;
    virtual ~command() = default;

    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    [[nodiscard]] const std::string& summary() const noexcept { return summary_; }

    /// Says what the command takes and does.
    virtual void declare(option_set& options) = 0;

    /// The commands below this one. Where there are any, one of them has to be given.
    [[nodiscard]] virtual std::vector<command*> parts() { return {}; }

    /// Does it; gives the exit status.
    [[nodiscard]] virtual int run(const session& session) = 0;

private:
    std::string name_;
    std::string summary_;
};

/// All subcommands, in the order of help.
[[nodiscard]] std::vector<std::unique_ptr<command>> all_commands();

std::unique_ptr<command> make_relay_command();
std::unique_ptr<command> make_echo_command();
std::unique_ptr<command> make_send_command();
std::unique_ptr<command> make_recv_command();
std::unique_ptr<command> make_serve_command();
std::unique_ptr<command> make_get_command();
std::unique_ptr<command> make_bench_command();
std::unique_ptr<command> make_cert_command();
std::unique_ptr<command> make_tls_command();
std::unique_ptr<command> make_vsock_device_command();
std::unique_ptr<command> make_info_command();
std::unique_ptr<command> make_demo_command();
std::unique_ptr<command> make_ping_command();
std::unique_ptr<command> make_capture_command();
std::unique_ptr<command> make_stack_command();
std::unique_ptr<command> make_completion_command();
std::unique_ptr<command> make_man_command();
std::unique_ptr<command> make_help_command();

} // namespace runnel::inline v0::program
