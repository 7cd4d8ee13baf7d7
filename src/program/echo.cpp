// SPDX-License-Identifier: Apache-2.0
#include "command.hpp"
#include "echo_handler.hpp"
#include "server.hpp"

#include <optional>

namespace runnel::inline v0::program {
namespace {

class echo_command final : public command {
public:
    echo_command() : command("echo", "serve an endpoint that sends everything back") {}

    void declare(option_set& options) override {
        options.describe(
            "Listens at an endpoint, and sends to each client what came from it, until "
            "the client ends its stream. To try clients and relays against.");
        options.endpoint("ENDPOINT", "ENDPOINT", at_,
                         "Where to listen, as tcp://127.0.0.1:7 or unix:/run/echo.sock. Port 0 "
                         "takes any free one.");
        options.duration("--idle-timeout", idle_timeout_,
                         "End a connection on which nothing moved for so long.", "never");
        declare_server_options(options, serving_);
        options.example("Serve on any free port, which is then shown:",
                        "runnel echo tcp://127.0.0.1:0");
        options.exit(exit_ok, "ended by a signal, and every connection came to its end");
        options.exit(exit_failed, "could not listen, or with --once: the connection failed");
        options.exit(exit_partial, "some connections were ended after the drain timeout");
        options.exit(exit_interrupted, "ended by a second signal");
    }

    int run(const session& session) override {
        return run_server(session, *at_, serving_,
                          [this] { return make_echo_handler(idle_timeout_); });
    }

private:
    std::optional<endpoint> at_;
    duration idle_timeout_{0};
    server_options serving_;
};

} // namespace

std::unique_ptr<command> make_echo_command() {
    return std::make_unique<echo_command>();
}

} // namespace runnel::inline v0::program
