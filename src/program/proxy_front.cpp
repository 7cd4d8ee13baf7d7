// SPDX-License-Identifier: Apache-2.0
#include "proxy_front.hpp"

#include "runnel/async/deadline.hpp"
#include "runnel/flow/layer.hpp"

#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace runnel::inline v0::program {
namespace {

/// A flow that first gives what was read of it already.
class unread_layer final : public passing_layer {
public:
    unread_layer(flow_ptr below, buffer first)
        : passing_layer(std::move(below)), first_(std::move(first)) {}

    task<result<buffer>> read(std::size_t hint) override {
        if (first_.empty()) {
            co_return co_await below().read(hint);
        }
        const bool all = hint == 0 || hint >= first_.size();
        co_return first_.take_front(all ? first_.size() : hint);
    }
    void shutdown_read() noexcept override {
        first_.reset();
        passing_layer::shutdown_read();
    }

private:
    buffer first_;
};

/// Text of a stranger for a message about it.
error about_header(const error& why) {
    return why == errc::end ? error(errc::truncated, "PROXY header") : why.wrap("PROXY header");
}

task<result<fronted_client>> read_front(flow_ptr client) {
    std::vector<std::byte> received;
    for (;;) {
        const result<buffer> data = co_await client->read();
        if (!data) {
            co_return fail(about_header(data.error()));
        }
        received.insert(received.end(), data->span().begin(), data->span().end());
        auto parsed = parse_proxy_header(received);
        if (!parsed) {
            co_return fail(about_header(parsed.error()));
        }
        if (!parsed->has_value()) {
            continue;
        }
        proxy_header header = std::move((*parsed)->header);
        const std::span rest = std::span(received).subspan((*parsed)->size);
        if (!rest.empty()) {
            client = make_layered(
                std::make_unique<unread_layer>(std::move(client), buffer::copy_of(rest)));
        }
        co_return fronted_client(std::move(client), std::move(header));
    }
}

} // namespace

task<result<fronted_client>> read_proxy_front(flow_ptr client, duration limit) {
    result<fronted_client> read = co_await with_timeout(limit, read_front(std::move(client)));
    co_return read;
}

proxy_header front_of(const flow& client) {
    const flow_address remote = client.remote();
    const flow_address local = client.local();
    proxy_header front;
    if (remote.ip() && local.ip()) {
        front.addresses = proxy_ip_pair{*remote.ip(), *local.ip()};
    } else if (local.scheme() == "unix") {
        front.addresses = proxy_unix_pair{std::string(remote.text()), std::string(local.text())};
    }
    return front;
}

result<buffer> encode_front(const proxy_header& front, proxy_version version) {
    if (version != proxy_version::v2) {
        return buffer::copy_of(encode_proxy_v1(front));
    }
    const result<std::vector<std::byte>> bytes = encode_proxy_v2(front);
    if (!bytes) {
        return fail(bytes.error().wrap("PROXY header"));
    }
    return buffer::copy_of(*bytes);
}

std::string client_of(const proxy_header& front) {
    if (const auto* pair = std::get_if<proxy_ip_pair>(&front.addresses)) {
        return flow_address("tcp", pair->source).to_string();
    }
    if (const auto* pair = std::get_if<proxy_unix_pair>(&front.addresses)) {
        return flow_address("unix", pair->source).to_string();
    }
    return {};
}

} // namespace runnel::inline v0::program
