// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/error.hpp"
#include "runnel/flow/flow.hpp"
#include "runnel/flow/listener.hpp"
#include "runnel/host/unique_fd.hpp"

#include <string>
#include <string_view>
#include <vector>

/// Sockets that somebody else opened: a service manager, a parent, a test.
namespace runnel::inline v0::host {

/// A socket that the service manager passed on, with the name it has in its unit.
class inherited_socket {
public:
    inherited_socket(unique_fd socket, std::string label)
        : descriptor(std::move(socket)), name(std::move(label)) {}

    unique_fd descriptor;
    std::string name;
};

/// Takes the sockets over that systemd passed to this process (sd_listen_fds(3): LISTEN_PID,
/// LISTEN_FDS, LISTEN_FDNAMES). None when there are none or they are meant for another process.
/// Clears the variables, so that programs started later do not take them for theirs; call it once,
/// before there are threads. Malformed variables give `invalid_argument`.
[[nodiscard]] result<std::vector<inherited_socket>> inherited_sockets();

/// Makes a flow of a descriptor, whatever it is: a connected TCP or Unix socket, a pipe, a
/// terminal, a file. Takes it over. A listening socket gives `invalid_argument`, as does one of
/// another family.
[[nodiscard]] result<flow_ptr> adopt_descriptor(unique_fd file);

/// Makes a listener of a listening TCP or Unix socket, and takes it over.
[[nodiscard]] result<listener_ptr> adopt_listener(unique_fd socket);

/// Tells the service manager how the service is doing (sd_notify(3)): "READY=1", "STOPPING=1",
/// "STATUS=…". Does nothing, successfully, where there is no manager.
[[nodiscard]] result<void> notify_manager(std::string_view state);

} // namespace runnel::inline v0::host
