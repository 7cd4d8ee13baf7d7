// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/task.hpp"
#include "runnel/core/error.hpp"
#include "runnel/flow/flow.hpp"
#include "runnel/host/unique_fd.hpp"

#include <cstdint>
#include <string>
#include <type_traits>

/// Files of the system as flows.
namespace runnel::inline v0::host {

/// What a file is opened for.
enum class file_access : std::uint8_t {
    read,      ///< the file must exist
    write,     ///< made if absent, and emptied
    append,    ///< made if absent; writes go behind its end
    create,    ///< must not exist yet
    read_write ///< made if absent; both start at its beginning
};

/// How to open a file.
struct file_options {
    file_access access = file_access::read;
    /// Permissions of a file that is made, before the process's mask.
    std::uint32_t mode = 0666;
};
static_assert(std::is_trivially_destructible_v<file_options>);

/// Opens a file as a flow: reads give its content and then `end`, writes go into it. The calls of
/// the system run on the thread pool, so a slow disk does not hold the loop up; a read or write
/// that is cancelled while the system works on it takes effect, and what it read comes with the
/// next read.
///
/// Writing a flow opened for reading gives `not_supported`, and reading one opened for writing
/// gives `end`. `flush` waits until the data is on the disk. `close` reports what the system could
/// not write; `abort` leaves what was written. Errors name the path: `not_found`,
/// `permission_denied`, `invalid_argument` (a folder), `limit_exceeded`.
[[nodiscard]] task<result<flow_ptr>> open_file(std::string path, file_options options = {});

/// The same for a file that is open already, from where it stands. Takes it over.
[[nodiscard]] flow_ptr make_file_flow(unique_fd file, std::string path, bool readable,
                                      bool writable);

} // namespace runnel::inline v0::host
