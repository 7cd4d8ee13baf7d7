// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace runnel::inline v0::host {

class stream;

/// Somebody who uses a direction of a stream past the operations of its flow, while nobody reads or
/// writes there, and is told what concerns it. See `stream::join_input`.
class bystander {
public:
    /// A call would find data, the end or an error. `held`: bytes that the backend has taken
    /// already, so that only a receive gives them.
    virtual void on_input(int held) noexcept = 0;
    /// A call would find room or an error.
    virtual void on_output() noexcept = 0;
    /// The stream has no use of it any more: it ended, or its flow uses the direction itself.
    virtual void on_leave(stream& from) noexcept = 0;

protected:
    ~bystander() = default;
};

} // namespace runnel::inline v0::host
