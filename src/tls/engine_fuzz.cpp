// SPDX-License-Identifier: Apache-2.0
//
// What a peer may send: during the handshake to a client or a server, and to either after it. The
// first byte says which, the second how the rest is cut into pieces.

#include "context.hpp"
#include "engine.hpp"
#include "test_pair.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

namespace {

using namespace runnel;

/// Made once: keys take longer than everything else.
struct setup {
    tls::test_authority all;
    tls::client_config client = tls::client_config::make(all.client()).value();
    tls::server_config server = tls::server_config::make(all.server()).value();
};

const setup& configs() {
    static const setup only;
    return only;
}

void carry(tls::engine& from, tls::engine& to) {
    while (!from.output().empty()) {
        to.receive(from.output().pop_front());
    }
}

/// Hands the pieces over one by one, and takes all that comes of it.
void feed(tls::engine& target, std::span<const std::uint8_t> bytes, std::size_t piece) {
    bool established = false;
    do {
        const std::size_t size = std::min(piece, bytes.size());
        target.receive(buffer::copy_of(std::as_bytes(bytes.first(size))));
        bytes = bytes.subspan(size);
        if (bytes.empty()) {
            target.receive_end(errc::end);
        }
        established = established || target.handshake() == tls::engine::status::done;
        buffer data;
        while (established && target.read(data, 0) == tls::engine::status::done) {
        }
        target.output().clear();
    } while (!bytes.empty());
    target.close_notify();
    // A handshake or a stream that strangers' bytes end has an error of its own.
    if (established && !target.read_end().has_value()) {
        std::abort();
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    constexpr std::size_t head = 2;
    if (size < head) {
        return 0;
    }
    auto a_ready = tls::prepare_client(configs().client, "server.test").value();
    auto b_ready = tls::prepare_server(configs().server).value();
    tls::engine a(std::move(a_ready.ssl));
    tls::engine b(std::move(b_ready.ssl));
    const bool after_handshake = (bytes[0] & 2U) != 0;
    for (int flight = 0; after_handshake && flight < 4; ++flight) {
        static_cast<void>(a.handshake());
        carry(a, b);
        static_cast<void>(b.handshake());
        carry(b, a);
    }
    const std::size_t piece = bytes[1] == 0 ? size : bytes[1];
    feed((bytes[0] & 1U) != 0 ? a : b, {bytes + head, size - head}, piece);
    return 0;
}
