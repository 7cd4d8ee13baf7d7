// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/task.hpp"
#include "runnel/core/buffer_list.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>

namespace runnel::inline v0 {

/// Is told what a bulk transfer moves.
class bulk_observer {
public:
    /// So many bytes were taken from the source, and so many were accepted by the sink.
    virtual void moved(std::size_t read, std::size_t written) noexcept = 0;

protected:
    ~bulk_observer() = default;
};

/// Moves bytes from one flow to another without bringing them to the program.
class bulk_transfer {
public:
    /// Pieces in which `run` gives back what is left.
    static constexpr std::size_t most_left = 4;

    bulk_transfer() = default;
    bulk_transfer(const bulk_transfer&) = delete;
    bulk_transfer& operator=(const bulk_transfer&) = delete;
    virtual ~bulk_transfer() = default;

    /// Moves at most `limit` bytes. Returns when something happens that the flows' own operations
    /// tell better: the source ends or fails, the sink fails, the task is stopped, or there is
    /// little to move. Gives what was taken from the source and not accepted by the sink, in order:
    /// it goes in front of everything that is read later. It is in at most `most_left` pieces.
    ///
    /// Both flows outlive this call or are aborted; nobody else reads the one or writes the other
    /// meanwhile.
    virtual task<buffer_list> run(std::uint64_t limit, bulk_observer& observer) = 0;
};

/// The part of a flow that lies in the kernel, for those who move bytes below flows:
/// `flow::kernel`.
class kernel_stream {
public:
    /// A transfer from this stream to `sink`; null where it is not possible, or not now.
    [[nodiscard]] virtual std::unique_ptr<bulk_transfer> transfer_to(kernel_stream& sink) = 0;

protected:
    ~kernel_stream() = default;
};

} // namespace runnel::inline v0
