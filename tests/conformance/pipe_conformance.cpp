// SPDX-License-Identifier: Apache-2.0
#include "transport.hpp"

#include "runnel/flow/pipe.hpp"

namespace runnel::conformance {
namespace {

class pipe_transport final : public transport {
public:
    pipe_transport(std::string name, std::size_t capacity)
        : name_(std::move(name)), capacity_(capacity) {}

    [[nodiscard]] std::string name() const override { return name_; }
    [[nodiscard]] std::vector<backend_kind> backends() const override { return every_backend(); }
    [[nodiscard]] traits properties() const override {
        return {.buffering = capacity_, .keeps = capacity_, .delivers_before_reset = true};
    }

    task<result<std::pair<flow_ptr, flow_ptr>>> connect(scope& /*helpers*/) override {
        co_return make_pipe({.capacity = capacity_});
    }

private:
    std::string name_;
    std::size_t capacity_;
};

const registration rendezvous(std::make_unique<pipe_transport>("pipe_0", 0));
const registration page(std::make_unique<pipe_transport>("pipe_4KiB", 4096));
const registration roomy(std::make_unique<pipe_transport>("pipe_256KiB", 256 * 1024));

} // namespace
} // namespace runnel::conformance
