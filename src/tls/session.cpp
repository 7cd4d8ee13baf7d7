// SPDX-License-Identifier: Apache-2.0
#include "runnel/tls/session.hpp"

#include "context.hpp"
#include "core.hpp"
#include "runnel/async/deadline.hpp"
#include "runnel/core/check.hpp"
#include "runnel/tls/error.hpp"

#include <openssl/err.h>

#include <algorithm>
#include <utility>

namespace runnel::inline v0::tls {
namespace {

constexpr std::size_t exported_most = 4096;
constexpr std::size_t binding_size = 32;

std::string to_string(const unsigned char* bytes, std::size_t size) {
    return {reinterpret_cast<const char*>(bytes), size};
}

std::string der_of(X509* certificate) {
    unsigned char* bytes = nullptr;
    const int size = i2d_X509(certificate, &bytes);
    if (size <= 0) {
        return {};
    }
    std::string der = to_string(bytes, static_cast<std::size_t>(size));
    OPENSSL_free(bytes);
    return der;
}

std::vector<std::string> peer_chain_of(const SSL* ssl) {
    std::vector<std::string> chain;
    X509* own = SSL_get0_peer_certificate(ssl);
    if (own == nullptr) {
        return chain;
    }
    chain.push_back(der_of(own));
    STACK_OF(X509)* shown = SSL_get_peer_cert_chain(ssl);
    for (int i = 0; i < sk_X509_num(shown); ++i) { // a client's begins with the server's own
        if (X509_cmp(sk_X509_value(shown, i), own) != 0) {
            chain.push_back(der_of(sk_X509_value(shown, i)));
        }
    }
    return chain;
}

session_info info_of(SSL* ssl) {
    session_info info;
    info.version = SSL_version(ssl) == TLS1_2_VERSION ? version::tls_1_2 : version::tls_1_3;
    if (const SSL_CIPHER* suite = SSL_get_current_cipher(ssl); suite != nullptr) {
        info.suite = SSL_CIPHER_standard_name(suite);
    }
    info.resumed = SSL_session_reused(ssl) == 1;
    if (!info.resumed || info.version == version::tls_1_3) {
        const long group = SSL_get_negotiated_group(ssl);
        const char* name = SSL_group_to_name(ssl, static_cast<int>(group));
        info.group = group != 0 && name != nullptr ? name : "";
    }
    const unsigned char* protocol = nullptr;
    unsigned int size = 0;
    SSL_get0_alpn_selected(ssl, &protocol, &size);
    info.alpn = size != 0 ? to_string(protocol, size) : "";
    const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    info.server_name = name != nullptr ? name : "";
    info.peer_chain = peer_chain_of(ssl);
    info.verified = !info.peer_chain.empty() && SSL_get_verify_result(ssl) == X509_V_OK &&
                    SSL_get_verify_mode(ssl) != SSL_VERIFY_NONE;
    return info;
}

class tls_session final : public session {
public:
    explicit tls_session(std::shared_ptr<core> state) noexcept : core_(std::move(state)) {}
    tls_session(const tls_session&) = delete;
    tls_session& operator=(const tls_session&) = delete;
    ~tls_session() override { abort(); }

    [[nodiscard]] flow_address local() const override { return core_->below->local(); }
    [[nodiscard]] flow_address remote() const override { return core_->below->remote(); }

    [[nodiscard]] session_info info() const override {
        session_info info = info_of(core_->tls.ssl());
        info.early_data = core_->tls.early_bytes();
        return info;
    }

    [[nodiscard]] result<std::vector<std::byte>> export_key(std::string_view label,
                                                            std::span<const std::byte> context,
                                                            std::size_t size) override {
        if (size == 0 || size > exported_most) {
            return fail(errc::invalid_argument, "TLS exports 1 to 4096 bytes at a time");
        }
        std::vector<std::byte> key(size);
        ERR_clear_error();
        if (SSL_export_keying_material(
                core_->tls.ssl(), reinterpret_cast<unsigned char*>(key.data()), size, label.data(),
                label.size(), reinterpret_cast<const unsigned char*>(context.data()),
                context.size(), 1) != 1) {
            ERR_clear_error();
            return fail(errc::not_supported, "TLS exports no key for this label");
        }
        return key;
    }

    [[nodiscard]] result<void> update_keys(bool ask_peer) override {
        if (write_end().has_value()) {
            return fail(*write_end());
        }
        return core_->tls.update_keys(ask_peer);
    }

private:
    void do_read(read_operation& op) override { core_->read(op); }
    void do_write(write_operation& op) override { core_->write(op); }
    void do_flush(control_operation& op) override { core_->flush(op); }
    void do_shutdown_write(control_operation& op) override { core_->shutdown_write(op); }
    void do_shutdown_read() noexcept override { core_->shutdown_read(); }
    void do_begin_close() noexcept override { core_->begin_close(); }
    void do_close(control_operation& op) override { core_->close(op); }
    void do_abort() noexcept override { core_->abort(); }
    bool do_cancel(read_operation& /*op*/) noexcept override {
        core_->forget_reader();
        return true;
    }
    bool do_cancel(write_operation& /*op*/) noexcept override {
        core_->forget_writer();
        return true;
    }
    void do_cancel(control_operation& /*op*/) noexcept override { core_->forget_control(); }

    std::shared_ptr<core> core_;
};

/// Does the handshake, and makes a session of what came of it.
task<result<session_ptr>> begin(std::shared_ptr<core> state, const common_options& options) {
    const time_point deadline = saturating_add(loop::current().now(), options.handshake_timeout);
    const result<void> done =
        co_await with_deadline(deadline, state->handshake(options.handshake_bytes));
    if (!done) {
        const error why = done.error().wrap("TLS handshake");
        if (state->tls.failure().has_value()) {
            // An abort at once could overtake the alert.
            static_cast<void>(co_await with_timeout(linger, state->below->close()));
        }
        state->below->abort();
        co_return fail(why);
    }
    session_ptr made = std::make_unique<tls_session>(state);
    state->start_sending();
    if (state->tls.shakes_hands()) {
        state->finish_handshake(deadline);
    }
    co_return made;
}

} // namespace

result<std::vector<std::byte>> session::channel_binding() {
    return export_key("EXPORTER-Channel-Binding", {}, binding_size);
}

task<result<session_ptr>> client(flow_ptr below, client_config config, std::string host) {
    return client(std::move(below), std::move(config), std::move(host), replayable(buffer()));
}

task<result<session_ptr>> client(flow_ptr below, client_config config, std::string host,
                                 replayable early) {
    auto ready = prepare_client(config, host);
    if (!ready) {
        below->abort();
        co_return fail(ready.error());
    }
    const auto state =
        std::make_shared<core>(std::move(below), std::move(*ready), config.options());
    state->tls.send_early(std::move(early).take());
    co_return co_await begin(state, config.options());
}

task<result<session_ptr>> server(flow_ptr below, server_config config) {
    auto ready = prepare_server(config);
    if (!ready) {
        below->abort();
        co_return fail(ready.error());
    }
    const auto state =
        std::make_shared<core>(std::move(below), std::move(*ready), config.options());
    if (config.options().early_data_most != 0) {
        state->tls.accept_early();
    }
    co_return co_await begin(state, config.options());
}

} // namespace runnel::inline v0::tls
