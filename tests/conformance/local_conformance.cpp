// SPDX-License-Identifier: Apache-2.0
//
// Unix sockets: on a path, with an abstract name, and without a name; and pairs of kernel pipes.

#include "transport.hpp"

#include "runnel/async/when.hpp"
#include "runnel/flow/duplex.hpp"
#include "runnel/host/stdio.hpp"
#include "runnel/host/unix.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <tuple>

#include <fcntl.h>
#include <unistd.h>

namespace runnel::conformance {
namespace {

constexpr std::uint32_t socket_buffer = 128 * 1024;

// An abort looks like an end, unless something was unread.
class local_transport : public transport {
public:
    [[nodiscard]] std::vector<backend_kind> backends() const final { return kernel_backends(); }
    [[nodiscard]] traits properties() const final {
        return {.buffering = std::size_t{1} << 20,
                .keeps = std::size_t{64} * 1024,
                .tells_reset = false,
                .delivers_before_reset = true};
    }
};

class unix_transport final : public local_transport {
public:
    explicit unix_transport(bool abstract) : abstract_(abstract) {}

    [[nodiscard]] std::string name() const override {
        return abstract_ ? "unix_abstract" : "unix_path";
    }

    task<result<std::pair<flow_ptr, flow_ptr>>> connect(scope& /*helpers*/) override {
        const std::string text = (abstract_ ? std::string("runnel-conformance-")
                                            : testing::TempDir() + "runnel-conformance-") +
                                 std::to_string(::getpid());
        const auto at =
            abstract_ ? host::unix_address::abstract(text) : host::unix_address::path(text);
        if (!at) {
            co_return fail(at.error());
        }
        constexpr host::unix_options options{.send_buffer = socket_buffer};
        auto listener = host::listen(*at, options);
        if (!listener) {
            co_return fail(listener.error());
        }
        auto both = co_await when_all(host::connect(*at, options), (*listener)->accept());
        if (!std::get<0>(both)) {
            co_return fail(std::get<0>(both).error());
        }
        if (!std::get<1>(both)) {
            co_return fail(std::get<1>(both).error());
        }
        co_return std::pair<flow_ptr, flow_ptr>(std::move(*std::get<0>(both)),
                                                std::move(*std::get<1>(both)));
    }

private:
    bool abstract_;
};

class socket_pair_transport final : public local_transport {
public:
    [[nodiscard]] std::string name() const override { return "socket_pair"; }

    task<result<std::pair<flow_ptr, flow_ptr>>> connect(scope& /*helpers*/) override {
        auto pair = host::make_socket_pair({.send_buffer = socket_buffer});
        if (!pair) {
            co_return fail(pair.error());
        }
        co_return std::pair<flow_ptr, flow_ptr>(std::move(pair->first), std::move(pair->second));
    }
};

/// Each way a pipe of the kernel, each end a file.
class kernel_pipes_transport final : public local_transport {
public:
    [[nodiscard]] std::string name() const override { return "kernel_pipes"; }

    task<result<std::pair<flow_ptr, flow_ptr>>> connect(scope& /*helpers*/) override {
        auto there = open_pipe();
        auto back = open_pipe();
        if (!there || !back) {
            co_return fail(there ? back.error() : there.error());
        }
        co_return std::pair(make_duplex(std::move(back->first), std::move(there->second)),
                            make_duplex(std::move(there->first), std::move(back->second)));
    }

private:
    /// The end to read from, and the one to write to.
    static result<std::pair<flow_ptr, flow_ptr>> open_pipe() {
        std::array<int, 2> ends{};
        if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) {
            return fail(error::from_errno(errno));
        }
        auto reading = host::adopt_file(host::unique_fd(ends[0]), "pipe");
        auto writing = host::adopt_file(host::unique_fd(ends[1]), "pipe");
        if (!reading || !writing) {
            return fail(reading ? writing.error() : reading.error());
        }
        return std::pair(std::move(*reading), std::move(*writing));
    }
};

const registration path(std::make_unique<unix_transport>(false));
const registration abstract(std::make_unique<unix_transport>(true));
const registration unnamed(std::make_unique<socket_pair_transport>());
const registration kernel_pipes(std::make_unique<kernel_pipes_transport>());

} // namespace
} // namespace runnel::conformance
