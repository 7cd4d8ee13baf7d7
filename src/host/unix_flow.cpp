// SPDX-License-Identifier: Apache-2.0
#include "unix_flow.hpp"

#include "ancillary.hpp"
#include "unix_address.hpp"

#include <cerrno>
#include <optional>
#include <utility>

#include <sys/socket.h>

namespace runnel::inline v0::host {
namespace {

/// Bytes of a read that takes descriptors: what fills a block of the pool.
constexpr std::size_t receive_size = 16384;

kernel_unix_flow::shared_address learn(const std::optional<socket_address>& found) {
    return std::make_shared<const flow_address>(found ? to_flow_address(*found)
                                                      : flow_address("unix"));
}

} // namespace

kernel_unix_flow::kernel_unix_flow(stream_ptr carried, shared_address local, shared_address remote,
                                   accepted_slot slot)
    : stream_flow(std::move(carried)), local_(std::move(local)), remote_(std::move(remote)),
      slot_(std::move(slot)) {}

kernel_unix_flow::~kernel_unix_flow() {
    dying_ = true;
    abort();
}

void kernel_unix_flow::learn_addresses() const {
    const int fd = carrier().fd();
    if (local_ == nullptr) {
        local_ = learn(socket_address::of_socket(fd));
    }
    if (remote_ == nullptr) {
        remote_ = learn(socket_address::of_peer(fd));
    }
}

flow_address kernel_unix_flow::local() const {
    learn_addresses();
    return *local_;
}

flow_address kernel_unix_flow::remote() const {
    learn_addresses();
    return *remote_;
}

void kernel_unix_flow::do_close(control_operation& op) {
    learn_addresses();
    stream_flow::do_close(op);
}

void kernel_unix_flow::do_abort() noexcept {
    if (!dying_) {
        learn_addresses();
    }
    stream_flow::do_abort();
}

result<peer_credentials> kernel_unix_flow::peer() const {
    if (carrier().fd() < 0) {
        return fail(errc::closed);
    }
    ucred raw{};
    socklen_t size = sizeof raw;
    if (::getsockopt(carrier().fd(), SOL_SOCKET, SO_PEERCRED, &raw, &size) != 0) {
        return fail(error::from_errno(errno, "peer credentials"));
    }
    return peer_credentials{.process = raw.pid, .user = raw.uid, .group = raw.gid};
}

task<result<void>> kernel_unix_flow::send_descriptors(buffer data, std::vector<int> descriptors) {
    if (data.empty() || descriptors.size() > most_descriptors) {
        co_return fail(errc::invalid_argument,
                       "descriptors go with at least one byte, and at most " +
                           std::to_string(most_descriptors) + " of them");
    }
    if (writer() != nullptr) {
        co_return fail(errc::busy);
    }
    // Shared, because the flow may be gone when the write is done.
    const std::shared_ptr<ancillary> passing = carrier().passing();
    if (!descriptors.empty()) {
        passing->start_sending(descriptors);
    }
    const write_result written = co_await write(std::move(data));
    passing->stop_sending();
    if (!written) {
        co_return fail(written.error());
    }
    co_return result<void>();
}

task<result<received_descriptors>> kernel_unix_flow::receive_descriptors(std::size_t most) {
    if (reader() != nullptr) {
        co_return fail(errc::busy);
    }
    const std::shared_ptr<ancillary> passing = carrier().passing();
    passing->start_receiving(most);
    buffer room = buffer::allocate(receive_size);
    const result<std::size_t> got = co_await read_into(room.writable());
    passing->stop_receiving();
    if (!got) {
        co_return fail(got.error());
    }
    room.truncate(*got);
    co_return received_descriptors(std::move(room), passing->take_arrived(),
                                   passing->take_truncated());
}

result<unix_flow_ptr> make_unix_flow(unique_fd socket, kernel_unix_flow::shared_address local,
                                     kernel_unix_flow::shared_address remote) {
    result<stream_ptr> carried = stream::open(std::move(socket), stream_kind::local);
    if (!carried) {
        return fail(std::move(carried.error()));
    }
    return std::make_unique<kernel_unix_flow>(std::move(*carried), std::move(local),
                                              std::move(remote));
}

} // namespace runnel::inline v0::host
