// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/loop.hpp"
#include "runnel/async/scope.hpp"
#include "runnel/async/task.hpp"
#include "runnel/core/error.hpp"
#include "runnel/flow/flow.hpp"

#include <cstddef>
#include <iosfwd>
#include <memory>
#include <string>
#include <utility>
#include <vector>

/// One suite of tests that every transport has to pass: the contract of a flow, as a program.
///
/// A transport joins with one source file that holds its factory and one `registration`, and one
/// `runnel_test` in CMakeLists.txt.
namespace runnel::conformance {

/// What transports may differ in without breaking the contract. The defaults are the strictest.
struct traits {
    /// Bytes that the transport may accept, both ends together, while the peer reads nothing.
    std::size_t buffering = std::size_t{1} << 20;
    /// Bytes, at least, that stay readable after a close with nobody reading.
    std::size_t keeps = 4096;
    /// Whether a peer can tell an abort from a clean end.
    bool tells_reset = true;
    /// Whether an abort lets the peer read what was accepted before.
    bool delivers_before_reset = false;
    /// Whether a read that waits takes what arrives at once, and not at a pace of its own: only
    /// then a close discards nothing as long as somebody reads.
    bool reads_at_once = true;
    /// Whether pipes of the kernel are kept open for later, as `proxy` does with bulk data.
    bool keeps_pipes = false;
    /// Bytes sent each way at once by the largest test.
    std::size_t bulk = std::size_t{64} << 20;
    /// Whether reads and writes allocate nothing in the steady state.
    bool allocates_nothing = true;
};

/// How the suite makes flows of one kind. One object serves many tests, one after the other.
class transport {
public:
    transport() = default;
    transport(const transport&) = delete;
    transport& operator=(const transport&) = delete;
    virtual ~transport() = default;

    /// Letters, digits and underscores: a part of the tests' names.
    [[nodiscard]] virtual std::string name() const = 0;
    /// The loops that can carry it.
    [[nodiscard]] virtual std::vector<backend_kind> backends() const = 0;
    [[nodiscard]] virtual traits properties() const { return {}; }

    /// Makes two flows connected with each other. Tasks that the pair needs to work are spawned
    /// into `helpers`, and end by themselves once both flows are gone.
    virtual task<result<std::pair<flow_ptr, flow_ptr>>> connect(scope& helpers) = 0;

    /// Called when a test is over and both flows are gone.
    virtual void disconnect() {}
};

/// A transport on a loop: what each test runs on.
struct setting {
    transport* how = nullptr;
    backend_kind backend = backend_kind::virtual_time;
};

/// Names the setting in a test's name.
std::string to_string(const setting& where);
void PrintTo(const setting& where, std::ostream* out);

/// The settings of all registered transports.
const std::vector<setting>& settings();

/// Adds a transport to the suite: `const registration pipe(std::make_unique<pipe_transport>());`.
class registration {
public:
    explicit registration(std::unique_ptr<transport> how);
};

/// All loops, for transports that need no kernel.
std::vector<backend_kind> every_backend();
/// The loops with a kernel below.
std::vector<backend_kind> kernel_backends();

} // namespace runnel::conformance
