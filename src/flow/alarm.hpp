// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/timer.hpp"

namespace runnel::inline v0 {

/// A timer inside an object of which it calls a function: `alarm<&thing::expire> late_{*this};`.
template <auto Call>
class alarm;

template <class Owner, void (Owner::*Call)() noexcept>
class alarm<Call> final : public timer {
public:
    explicit alarm(Owner& owner) noexcept : timer(&fire), owner_(owner) {}

private:
    static void fire(timer& self) noexcept { (static_cast<alarm&>(self).owner_.*Call)(); }
    Owner& owner_;
};

} // namespace runnel::inline v0
