// SPDX-License-Identifier: Apache-2.0
#include "command.hpp"

namespace runnel::inline v0::program {

std::vector<std::unique_ptr<command>> all_commands() {
    std::vector<std::unique_ptr<command>> all;
    all.push_back(make_relay_command());
    all.push_back(make_echo_command());
    all.push_back(make_send_command());
    all.push_back(make_recv_command());
    all.push_back(make_serve_command());
    all.push_back(make_get_command());
    all.push_back(make_bench_command());
    all.push_back(make_cert_command());
    all.push_back(make_tls_command());
    all.push_back(make_vsock_device_command());
    all.push_back(make_ping_command());
    all.push_back(make_capture_command());
    all.push_back(make_stack_command());
    all.push_back(make_info_command());
    all.push_back(make_demo_command());
    all.push_back(make_completion_command());
    all.push_back(make_man_command());
    all.push_back(make_help_command());
    return all;
}

} // namespace runnel::inline v0::program
