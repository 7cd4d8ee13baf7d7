// SPDX-License-Identifier: Apache-2.0
#include "command.hpp"
#include "interrupt.hpp"
#include "new_file.hpp"
#include "transfer.hpp"

#include "runnel/async/deadline.hpp"
#include "runnel/host/stdio.hpp"

#include <fmt/format.h>

#include <optional>

namespace runnel::inline v0::program {
namespace {

constexpr duration close_timeout = std::chrono::seconds(10);

class recv_command final : public command {
public:
    recv_command() : command("recv", "receive a file from an endpoint") {}

    void declare(option_set& options) override {
        options.describe("Receives everything up to the end of the stream. The data goes into a "
                         "temporary file beside FILE, which takes the name when all of it is there "
                         "and on the disk; whatever goes wrong, a file of that name is whole. "
                         "Writes the file's SHA-256 to standard output, as sha256sum does; to "
                         "standard error where the data goes to the former.");
        options.endpoint("ENDPOINT", "ENDPOINT", options_.place, "Where from.");
        options.text("FILE", "FILE", options_.file, "Where to put it; - is standard output.",
                     value_kind::file);
        declare_transfer_options(options, options_);
        options.flag("-f,--force", force_, "Replace FILE if it exists.");
        options.text("--sha256", "DIGITS", expected_, "Take the file only if this is its SHA-256.");
        options.example("Receive a file from another machine:",
                        "runnel recv --listen tcp://:9000 copy.iso");
        options.example("Receive a folder:", "runnel recv --listen tcp://:9000 - | tar x");
        options.exit(exit_ok, "everything was received, and FILE is in place");
        options.exit(exit_failed, "it was not, and FILE is as it was");
        options.exit(exit_interrupted, "ended by a signal, and FILE is as it was");
    }

    int run(const session& session) override {
        const std::unique_ptr<loop> own = session.make_loop();
        return own == nullptr ? exit_failed : own->run(receive(session));
    }

private:
    [[nodiscard]] bool to_output() const { return options_.file == "-"; }

    task<int> receive(const session& session) {
        result<transfer_figures> received = fail(errc::cancelled);
        const auto work = [&] {
            return to_output() ? receive_to_output(session) : receive_file(session);
        };
        const bool interrupted = co_await until_interrupted(work(), received);
        if (received) {
            co_return report_transfer(session, options_, *received, to_output());
        }
        if (interrupted) {
            co_return exit_interrupted;
        }
        session.complain(received.error());
        co_return exit_failed;
    }

    task<result<transfer_figures>> receive_to_output(const session& session) {
        const result<flow_ptr> output = host::open_stdio();
        if (!output) {
            co_return fail(output.error());
        }
        result<flow_ptr> source = co_await open_peer(session, options_);
        if (!source) {
            co_return fail(source.error());
        }
        result<transfer_figures> received = co_await receive_from(session, *source, **output);
        if (!received) {
            co_return fail(received.error());
        }
        const result<void> ended = co_await (*output)->shutdown(direction::write);
        if (!ended) {
            co_return fail(ended.error());
        }
        co_await close(**source);
        co_return received;
    }

    task<result<transfer_figures>> receive_file(const session& session) {
        new_file file(options_.file, force_);
        const result<void> made = co_await file.open();
        if (!made) {
            co_return fail(made.error());
        }
        result<flow_ptr> source = co_await open_peer(session, options_);
        if (!source) {
            co_return fail(source.error());
        }
        result<transfer_figures> received = co_await receive_from(session, *source, file.content());
        if (!received) {
            co_return fail(received.error());
        }
        const result<void> placed = co_await file.keep();
        if (!placed) {
            co_return fail(placed.error()); // and the sender gets a reset, not a clean end
        }
        co_await close(**source);
        co_return received;
    }

    task<result<transfer_figures>> receive_from(const session& session, flow_ptr& source,
                                                flow& target) {
        result<transfer_figures> received =
            co_await transfer(session, source, target, std::nullopt);
        if (received && !expected_.empty() && received->sha256 != expected_) {
            co_return fail(
                errc::protocol_error,
                fmt::format("the SHA-256 is {}, not the one expected", received->sha256));
        }
        co_return received;
    }

    /// The data is safe: how the sender takes the end changes nothing any more.
    static task<void> close(flow& source) {
        static_cast<void>(co_await with_timeout(close_timeout, source.close()));
    }

    transfer_options options_;
    bool force_ = false;
    std::string expected_;
};

} // namespace

std::unique_ptr<command> make_recv_command() {
    return std::make_unique<recv_command>();
}

} // namespace runnel::inline v0::program
