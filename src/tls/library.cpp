// SPDX-License-Identifier: Apache-2.0
#include "library.hpp"

#include "engine.hpp"
#include "fast_aead.hpp"
#include "runnel/core/check.hpp"

#include <algorithm>
#include <utility>

namespace runnel::inline v0::tls {

ssl_session_ptr client_sessions::take(const std::string& host) {
    const auto found = sessions_.find(host);
    if (found == sessions_.end()) {
        return nullptr;
    }
    ssl_session_ptr session;
    if (SSL_SESSION_get_protocol_version(found->second.get()) == TLS1_3_VERSION) {
        session = std::move(found->second);
        sessions_.erase(found);
    } else {
        SSL_SESSION_up_ref(found->second.get());
        session.reset(found->second.get());
    }
    return SSL_SESSION_is_resumable(session.get()) == 1 ? std::move(session) : nullptr;
}

void client_sessions::put(const std::string& host, ssl_session_ptr session) {
    if (sessions_.count(host) >= sessions_per_host) {
        sessions_.erase(sessions_.find(host)); // the oldest
    } else if (sessions_.size() >= hosts_most) {
        sessions_.erase(sessions_.begin());
    }
    sessions_.emplace(host, std::move(session));
}

void buffer_keepers::admit(engine& one) noexcept {
    engine*& place = all_[next_++ % most];
    if (place != nullptr) {
        place->release_buffers();
    }
    place = &one;
}

void buffer_keepers::remove(const engine& one) noexcept {
    std::ranges::replace(all_, &one, nullptr);
}

library::library() : library_(OSSL_LIB_CTX_new()) {
    check(library_ != nullptr, "OpenSSL gives a library context");
    standard_.reset(OSSL_PROVIDER_load(library_.get(), "default"));
    check(standard_ != nullptr, "OpenSSL has its own algorithms");
    fast_aead_ = add_fast_aead(library_.get());
}

library::~library() {
    contexts_.clear(); // before what they were made in
}

library& library::local() {
    static thread_local library own;
    return own;
}

std::shared_ptr<context> library::find(const void* configuration) {
    const auto found = contexts_.find(configuration);
    if (found == contexts_.end() || found->second->owner.expired()) {
        return nullptr;
    }
    return found->second;
}

void library::keep(const std::shared_ptr<const void>& configuration,
                   std::shared_ptr<context> made) {
    std::erase_if(contexts_, [](const auto& each) { return each.second->owner.expired(); });
    made->owner = configuration;
    contexts_.insert_or_assign(configuration.get(), std::move(made));
}

} // namespace runnel::inline v0::tls
