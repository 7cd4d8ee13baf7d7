// SPDX-License-Identifier: Apache-2.0
#include "ticket_keys.hpp"

#include "runnel/core/random.hpp"

#include <openssl/crypto.h>

#include <cstring>
#include <span>

namespace runnel::inline v0::tls {
namespace {

ticket_keys::key make_key() noexcept {
    ticket_keys::key made;
    secure_random(std::as_writable_bytes(std::span(made.name)));
    secure_random(std::as_writable_bytes(std::span(made.cipher)));
    secure_random(std::as_writable_bytes(std::span(made.mac)));
    return made;
}

} // namespace

ticket_keys::~ticket_keys() {
    for (std::optional<key>* each : {&newest_, &before_}) {
        if (each->has_value()) {
            OPENSSL_cleanse(&**each, sizeof(key));
        }
    }
}

void ticket_keys::rotate(time_point now) {
    if (newest_.has_value() && now - made_ < lifetime) {
        return;
    }
    before_.reset();
    if (newest_.has_value() && now - made_ < 2 * lifetime) {
        before_ = newest_;
    }
    newest_ = make_key();
    made_ = now;
}

ticket_keys::key ticket_keys::current(time_point now) {
    const std::scoped_lock lock(mutex_);
    rotate(now);
    return *newest_;
}

std::optional<ticket_keys::found_key> ticket_keys::find(const unsigned char* name, time_point now) {
    const std::scoped_lock lock(mutex_);
    rotate(now);
    if (std::memcmp(newest_->name.data(), name, newest_->name.size()) == 0) {
        return found_key{*newest_, false};
    }
    if (before_.has_value() && std::memcmp(before_->name.data(), name, before_->name.size()) == 0) {
        return found_key{*before_, true};
    }
    return std::nullopt;
}

} // namespace runnel::inline v0::tls
