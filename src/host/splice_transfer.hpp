// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bystander.hpp"
#include "kernel_pipe.hpp"
#include "runnel/async/operation.hpp"
#include "runnel/flow/kernel_stream.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>

namespace runnel::inline v0::host {

class stream;

/// Moves bytes from stream to stream through a pipe of the kernel, by reference to its pages
/// (splice(2)): for bulk data over TCP about a quarter of the work of copying twice.
class splice_transfer final : public bulk_transfer, private bystander {
public:
    /// Null when one of the two cannot be used in this way now, or there is no pipe.
    [[nodiscard]] static std::unique_ptr<bulk_transfer> make(stream& source, stream& sink);

    splice_transfer(stream& source, stream& sink, kernel_pipe pipe) noexcept;
    splice_transfer(const splice_transfer&) = delete;
    splice_transfer& operator=(const splice_transfer&) = delete;
    ~splice_transfer() override;

    task<buffer_list> run(std::uint64_t limit, bulk_observer& observer) override;

private:
    enum class state : std::uint8_t {
        waits_for_input,
        waits_for_output,
        busy, ///< moved a good deal at one go: others have their turn
        over,
    };
    /// Waits until the kernel can move something.
    class wait_operation final : public operation {
    public:
        wait_operation(splice_transfer& user, bool for_input) noexcept
            : user_(&user), for_input_(for_input) {}
        wait_operation(wait_operation&& unstarted) noexcept
            : wait_operation(*unstarted.user_, unstarted.for_input_) {}
        [[nodiscard]] std::string_view what() const noexcept override {
            return "bulk transfer between sockets";
        }
        /// Whether to go on.
        [[nodiscard]] bool await_resume() const noexcept { return goes_on_; }
        void end(bool goes_on) noexcept {
            goes_on_ = goes_on;
            complete();
        }

    private:
        void start() override;
        bool stop(stop_reason reason) noexcept override;
        void refuse(stop_reason /*reason*/) noexcept override { goes_on_ = false; }

        splice_transfer* user_;
        bool for_input_;
        bool goes_on_ = false;
    };

    state move(bulk_observer& observer) noexcept;
    [[nodiscard]] bool fill() noexcept;
    [[nodiscard]] bool drain() noexcept;
    [[nodiscard]] buffer_list take_rest();
    void end_wait(bool goes_on) noexcept;
    void detach() noexcept;
    void on_input(int held) noexcept override { end_wait(held == 0); }
    void on_output() noexcept override { end_wait(true); }
    void on_leave(stream& from) noexcept override;

    stream* source_; // null once it has sent us away
    stream* sink_;
    kernel_pipe pipe_;
    wait_operation* waiting_ = nullptr;
    std::uint64_t left_ = 0;   // that may still be taken from the source
    std::size_t held_ = 0;     // bytes in the pipe
    std::size_t read_ = 0;     // not yet reported
    std::size_t written_ = 0;  // not yet reported
    int small_fills_ = 0;      // in a row
    bool source_over_ = false; // ended, failed, or lent to somebody else
};

} // namespace runnel::inline v0::host
