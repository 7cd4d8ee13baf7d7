// SPDX-License-Identifier: Apache-2.0
//
// A little of every component, as a user of the library would write it.

#include <runnel/async/loop.hpp>
#include <runnel/async/when.hpp>
#include <runnel/core/checksum.hpp>
#include <runnel/flow/pipe.hpp>
#include <runnel/flow/transport.hpp>
#include <runnel/host/system_resolver.hpp>
#include <runnel/host/transports.hpp>
#include <runnel/stack/tcp_key.hpp>

#include <cstdio>
#include <string>
#include <tuple>

namespace {

runnel::task<std::string> exchange() {
    auto ends = runnel::make_pipe();
    auto both = co_await runnel::when_all(ends.first->write(runnel::buffer::of_static("hello")),
                                          ends.second->read());
    const auto& received = std::get<1>(both);
    co_return received ? std::string(received->view()) : received.error().message();
}

} // namespace

int main() {
    const auto loop = runnel::loop::create({.backend = runnel::backend_kind::virtual_time});
    const std::string received = (*loop)->run(exchange());

    runnel::host::system_resolver names;
    runnel::transport_registry transports;
    runnel::host::register_transports(transports, names);
    const auto place = runnel::endpoint::parse("tcp://host:80?nodelay");

    std::printf("%s, %s\n", received.c_str(), place->to_string().c_str());
    return received == "hello" && transports.check(*place) ? 0 : 1;
}
