// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/stack/link/link.hpp"

#include <concepts>
#include <utility>

namespace runnel::inline v0::stack {

/// A link that leaves everything to another one; what is derived from it changes some of that.
template <std::derived_from<link> Base = link>
class link_wrapper : public Base {
public:
    [[nodiscard]] const link_properties& properties() const noexcept override {
        return inner().properties();
    }
    bool send(frame_list burst, time_point now) override {
        return inner().send(std::move(burst), now);
    }
    [[nodiscard]] bool writable() const noexcept override { return inner().writable(); }
    [[nodiscard]] frame_list receive(std::size_t limit, time_point now) override {
        return inner().receive(limit, now);
    }
    [[nodiscard]] time_point deadline() const noexcept override { return inner().deadline(); }
    void on_ready(link::ready_function function, void* context) noexcept override {
        inner().on_ready(function, context);
    }
    [[nodiscard]] const link_statistics& statistics() const noexcept override {
        return inner().statistics();
    }

private:
    [[nodiscard]] virtual link& inner() noexcept = 0;
    [[nodiscard]] virtual const link& inner() const noexcept = 0;
};

} // namespace runnel::inline v0::stack
