// SPDX-License-Identifier: Apache-2.0
#include "command.hpp"
#include "interrupt.hpp"
#include "transfer.hpp"

#include "runnel/async/blocking.hpp"
#include "runnel/async/deadline.hpp"
#include "runnel/host/file.hpp"
#include "runnel/host/stdio.hpp"

#include <optional>

#include <sys/stat.h>

namespace runnel::inline v0::program {
namespace {

/// The size of a regular file; none of anything else.
std::optional<std::uint64_t> size_of(const std::string& path) {
    struct stat status{};
    if (stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) {
        return std::nullopt;
    }
    return static_cast<std::uint64_t>(status.st_size);
}

class send_command final : public command {
public:
    send_command() : command("send", "send a file to an endpoint") {}

    void declare(option_set& options) override {
        options.describe(
            "Sends the file, ends the stream, and waits until the other side has ended "
            "its own: with 'runnel recv' there, until the file is safely in place. "
            "Writes the file's SHA-256 to standard output, as sha256sum does.");
        options.text("FILE", "FILE", options_.file, "What to send; - is standard input.",
                     value_kind::file);
        options.endpoint("ENDPOINT", "ENDPOINT", options_.place, "Where to.");
        declare_transfer_options(options, options_);
        options.duration("--close-timeout", close_timeout_,
                         "How long the other side may take to end its stream.", "30s");
        options.example("Send a file to another machine:",
                        "runnel recv --listen tcp://:9000 copy.iso   # there\n"
                        "    runnel send image.iso tcp://there:9000");
        options.example("Send a folder:", "tar c folder | runnel send - tcp://there:9000");
        options.exit(exit_ok, "everything was sent, and the other side ended cleanly");
        options.exit(exit_failed, "it was not");
        options.exit(exit_interrupted, "ended by a signal");
    }

    int run(const session& session) override {
        const std::unique_ptr<loop> own = session.make_loop();
        return own == nullptr ? exit_failed : own->run(send(session));
    }

private:
    task<int> send(const session& session) {
        result<transfer_figures> sent = fail(errc::cancelled);
        const bool interrupted = co_await until_interrupted(send_file(session), sent);
        if (sent) {
            co_return report_transfer(session, options_, *sent, false);
        }
        if (interrupted) {
            co_return exit_interrupted;
        }
        session.complain(sent.error());
        co_return exit_failed;
    }

    task<result<transfer_figures>> send_file(const session& session) {
        std::optional<std::uint64_t> total;
        result<flow_ptr> source = fail(errc::not_found);
        if (options_.file == "-") {
            source = host::open_stdio();
        } else {
            source = co_await host::open_file(options_.file);
            total = size_of(options_.file);
        }
        if (!source) {
            co_return fail(source.error());
        }
        const result<flow_ptr> target = co_await open_peer(session, options_);
        if (!target) {
            co_return fail(target.error());
        }
        result<transfer_figures> sent = co_await transfer(session, *source, **target, total);
        if (!sent) {
            co_return fail(sent.error());
        }
        const result<void> closed = co_await with_timeout(close_timeout_, (*target)->close());
        if (!closed) {
            co_return fail(closed.error().wrap("the other side did not end its stream"));
        }
        co_return sent;
    }

    transfer_options options_;
    duration close_timeout_ = std::chrono::seconds(30);
};

} // namespace

std::unique_ptr<command> make_send_command() {
    return std::make_unique<send_command>();
}

} // namespace runnel::inline v0::program
