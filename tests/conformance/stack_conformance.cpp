// SPDX-License-Identifier: Apache-2.0
//
// TCP of our own stack: two layers joined in memory, without a network between them.

#include "transport.hpp"

#include "direct_way.hpp"
#include "runnel/async/when.hpp"
#include "runnel/stack/tcp_flow.hpp"

#include <string_view>
#include <tuple>

namespace runnel::conformance {
namespace {

using namespace stack;

class stack_transport final : public transport {
public:
    stack_transport(std::string name, std::string_view client, std::string_view server,
                    std::uint32_t burst)
        : name_(std::move(name)), client_(client), server_(server), burst_(burst) {}

    [[nodiscard]] std::string name() const override { return name_; }
    [[nodiscard]] std::vector<backend_kind> backends() const override { return every_backend(); }
    [[nodiscard]] traits properties() const override {
        return {.buffering = std::size_t{2} << 20U, .keeps = std::size_t{32} << 10U};
    }

    task<result<std::pair<flow_ptr, flow_ptr>>> connect(scope& /*helpers*/) override {
        if (a_ == nullptr) {
            a_ = std::make_unique<direct_way>(*ip_address::parse(client_), burst_, options());
            b_ = std::make_unique<direct_way>(*ip_address::parse(server_), burst_, options());
            a_->join(*b_);
            b_->join(*a_);
        }
        auto listener = listen(b_->driver(), {*ip_address::parse(server_), 0});
        if (!listener) {
            co_return fail(listener.error());
        }
        const ip_endpoint at = *(*listener)->local().ip();
        auto both = co_await when_all(stack::connect(a_->driver(), at), (*listener)->accept());
        if (!std::get<0>(both)) {
            co_return fail(std::get<0>(both).error());
        }
        if (!std::get<1>(both)) {
            co_return fail(std::get<1>(both).error());
        }
        co_return std::pair<flow_ptr, flow_ptr>(std::move(*std::get<0>(both)),
                                                std::move(*std::get<1>(both)));
    }

    void disconnect() override {
        a_.reset();
        b_.reset();
    }

private:
    static tcp_layer::options options() {
        tcp_layer::options how;
        // Bounded buffers, so that tests of full ones stay small.
        how.config.max_receive_buffer = how.config.max_send_buffer = 256U << 10U;
        return how;
    }

    std::string name_;
    std::string_view client_;
    std::string_view server_;
    std::uint32_t burst_;
    std::unique_ptr<direct_way> a_;
    std::unique_ptr<direct_way> b_;
};

const registration v4(std::make_unique<stack_transport>("stack_v4", "10.0.0.1", "10.0.0.2",
                                                        65'000));
const registration v6(std::make_unique<stack_transport>("stack_v6", "fd00::1", "fd00::2", 1400));

} // namespace
} // namespace runnel::conformance
