// SPDX-License-Identifier: Apache-2.0
// The echo server one writes with Asio's coroutines.
#include "listen.hpp"

#include <asio.hpp>

#include <array>

namespace {

asio::awaitable<void> serve(asio::ip::tcp::socket socket) {
    socket.set_option(asio::ip::tcp::no_delay(true));
    std::array<char, 16384> data;
    asio::error_code failed;
    auto token = asio::redirect_error(asio::use_awaitable, failed);
    for (;;) {
        const std::size_t size = co_await socket.async_read_some(asio::buffer(data), token);
        if (failed) {
            co_return;
        }
        co_await asio::async_write(socket, asio::buffer(data.data(), size), token);
        if (failed) {
            co_return;
        }
    }
}

asio::awaitable<void> accept(asio::ip::tcp::acceptor& acceptor) {
    for (;;) {
        auto socket = co_await acceptor.async_accept(asio::use_awaitable);
        asio::co_spawn(acceptor.get_executor(), serve(std::move(socket)), asio::detached);
    }
}

} // namespace

int main() {
    asio::io_context context(1);
    asio::ip::tcp::acceptor acceptor(context, asio::ip::tcp::v4(),
                                     bench::listen_on_loopback(SOCK_NONBLOCK));
    asio::co_spawn(context, accept(acceptor), asio::detached);
    context.run();
}
