// SPDX-License-Identifier: Apache-2.0
// The echo server one writes with libuv.
#include "listen.hpp"

#include <uv.h>

#include <cstdlib>

namespace {

struct write_request {
    uv_write_t request;
    uv_buf_t data;
};

void closed(uv_handle_t* handle) {
    delete reinterpret_cast<uv_tcp_t*>(handle);
}

void written(uv_write_t* request, int /*status*/) {
    auto* done = reinterpret_cast<write_request*>(request);
    std::free(done->data.base);
    delete done;
}

void received(uv_stream_t* stream, ssize_t got, const uv_buf_t* data) {
    if (got < 0) {
        std::free(data->base);
        ::uv_close(reinterpret_cast<uv_handle_t*>(stream), closed);
        return;
    }
    auto* answer = new write_request;
    answer->data = ::uv_buf_init(data->base, static_cast<unsigned>(got));
    ::uv_write(&answer->request, stream, &answer->data, 1, written);
}

void allocate(uv_handle_t* /*handle*/, std::size_t /*suggested*/, uv_buf_t* data) {
    *data = ::uv_buf_init(static_cast<char*>(std::malloc(16384)), 16384);
}

void connected(uv_stream_t* listener, int status) {
    auto* client = new uv_tcp_t;
    ::uv_tcp_init(listener->loop, client);
    if (status == 0 && ::uv_accept(listener, reinterpret_cast<uv_stream_t*>(client)) == 0) {
        ::uv_tcp_nodelay(client, 1);
        ::uv_read_start(reinterpret_cast<uv_stream_t*>(client), allocate, received);
    }
}

} // namespace

int main() {
    uv_loop_t* loop = ::uv_default_loop();
    uv_tcp_t listener;
    ::uv_tcp_init(loop, &listener);
    ::uv_tcp_open(&listener, bench::listen_on_loopback(SOCK_NONBLOCK));
    ::uv_listen(reinterpret_cast<uv_stream_t*>(&listener), 1024, connected);
    ::uv_run(loop, UV_RUN_DEFAULT);
}
