// SPDX-License-Identifier: Apache-2.0
#pragma once

// All kinds of addresses at once.

#include "runnel/core/ip_address.hpp"
#include "runnel/core/ip_endpoint.hpp"
#include "runnel/core/ip_prefix.hpp"
#include "runnel/core/mac_address.hpp"
