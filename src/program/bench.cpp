// SPDX-License-Identifier: Apache-2.0
#include "bench.hpp"

#include "background_server.hpp"

namespace runnel::inline v0::program {
namespace {

class bench_command final : public command {
public:
    bench_command() : command("bench", "measure latency, throughput, servers and relays") {
        parts_.push_back(make_bench_echo_command());
        parts_.push_back(make_bench_flow_command());
        parts_.push_back(make_bench_http_command());
        parts_.push_back(make_bench_relay_command());
    }

    void declare(option_set& options) override {
        options.describe(
            "Measures what endpoints, machines and relays can do. Each measurement has "
            "a server and a client side, which may be on different machines; without "
            "either both run here, over the loopback, on two threads.");
        options.example("How long does a request of 64 bytes take on this machine?",
                        "runnel bench echo --connections 1");
        options.example("How fast is the network to another machine, in both directions?",
                        "runnel bench flow --server tcp://:9000                 # there\n"
                        "    runnel bench flow --connect tcp://there:9000 --direction both");
    }

    std::vector<command*> parts() override {
        std::vector<command*> all;
        for (const auto& each : parts_) {
            all.push_back(each.get());
        }
        return all;
    }

    int run(const session& /*session*/) override { return exit_usage; } // one of the parts runs

private:
    std::vector<std::unique_ptr<command>> parts_;
};

task<int> measure_here(const session& session, const handler_factory& make_handler,
                       const bench_client& measure) {
    background_server server(session, loopback_endpoint(), make_handler);
    int status = exit_failed;
    const auto all = [&](scope& beside) -> task<void> {
        const result<endpoint> place = co_await server.start(beside);
        if (place) {
            status = co_await measure(*place);
        } else {
            session.complain(place.error());
        }
        server.stop();
    };
    static_cast<void>(co_await with_scope(all));
    co_return status;
}

} // namespace

std::unique_ptr<command> make_bench_command() {
    return std::make_unique<bench_command>();
}

void declare_bench_sides(option_set& options, bench_options& target) {
    options.endpoint("-s,--server", "ENDPOINT", target.server,
                     "Be the server: listen here until a signal.");
    options.endpoint("-c,--connect", "ENDPOINT", target.connect,
                     "Be the client of a server there.");
}

endpoint loopback_endpoint() {
    return *endpoint::parse("tcp://127.0.0.1:0");
}

int run_bench(const session& session, const bench_options& options,
              const handler_factory& make_handler, const bench_client& measure) {
    if (options.server && options.connect) {
        return session.usage_error("--server and --connect exclude each other");
    }
    if (options.server) {
        return run_server(session, *options.server, server_options(), make_handler);
    }
    const std::unique_ptr<loop> own = session.make_loop();
    if (own == nullptr) {
        return exit_failed;
    }
    return own->run(options.connect ? measure(*options.connect)
                                    : measure_here(session, make_handler, measure));
}

} // namespace runnel::inline v0::program
