// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/core/error.hpp"
#include "runnel/flow/resolver.hpp"
#include "runnel/flow/transport.hpp"
#include "runnel/stack/stack_definition.hpp"

#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace runnel::inline v0::stack {

/// The stacks that a program knows by name. Filled before the first is used, then used by any
/// number of loops: each opens a stack when it first needs it, and keeps it.
class stack_set {
public:
    stack_set() = default;
    stack_set(const stack_set&) = delete;
    stack_set& operator=(const stack_set&) = delete;

    /// Errors: `invalid_argument` if there is one of this name.
    result<void> add(stack_definition one);
    [[nodiscard]] bool empty() const noexcept { return definitions_.empty(); }
    /// The description of a stack. Errors: `not_found`, with the names there are.
    [[nodiscard]] result<const stack_definition*> find(std::string_view name) const;
    /// The stack of the current loop, opened if it is not. Errors: those of `find` and
    /// `open_stack`. It lives as long as the loop.
    [[nodiscard]] task<result<ip_stack*>> open(std::string name) const;

private:
    std::map<std::string, stack_definition, std::less<>> definitions_;
};

/// Lets endpoints of the scheme `tcp`, which must be registered, take the parameter `stack=NAME`:
/// they are then opened by that stack, and all others as before. All three must outlive what the
/// registry opens.
void register_stacks(transport_registry& registry, const stack_set& stacks, resolver& names);

} // namespace runnel::inline v0::stack
