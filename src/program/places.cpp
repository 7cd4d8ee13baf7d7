// SPDX-License-Identifier: Apache-2.0
#include "places.hpp"

#include "runnel/flow/mux.hpp"
#include "runnel/flow/pipe_transport.hpp"
#include "runnel/flow/scheme.hpp"
#include "runnel/flow/virtsock.hpp"
#include "runnel/host/system_resolver.hpp"
#include "runnel/host/transports.hpp"
#include "runnel/stack/stack_transport.hpp"
#include "runnel/tls/transports.hpp"

#include <fmt/format.h>

#include <map>

namespace runnel::inline v0::program {
namespace {

/// Any resolver, as long as nothing waits for the one before.
class chosen_resolver final : public resolver {
public:
    void choose(std::shared_ptr<resolver> names) noexcept { names_ = std::move(names); }

    task<result<std::vector<ip_address>>> resolve(std::string name, ip_family family) override {
        return names_->resolve(std::move(name), family);
    }

private:
    std::shared_ptr<resolver> names_ = std::make_shared<host::system_resolver>();
};

class all_transports {
public:
    all_transports() {
        host::register_transports(registry_, names_);
        stack::register_stacks(registry_, stacks_, names_);
        register_pipe_transport(registry_);
        tls::register_layer(registry_);
        register_mux_layer(registry_);
        register_virtsock_layer(registry_);
    }
    [[nodiscard]] const transport_registry& registry() const noexcept { return registry_; }
    [[nodiscard]] chosen_resolver& names() noexcept { return names_; }
    [[nodiscard]] stack::stack_set& stacks() noexcept { return stacks_; }

private:
    chosen_resolver names_;
    stack::stack_set stacks_;
    transport_registry registry_;
};

all_transports& everything() {
    static all_transports all;
    return all;
}

/// What the schemes are, in a few words; one without is shown by its example alone.
const std::map<std::string_view, std::string_view>& scheme_texts() {
    static const std::map<std::string_view, std::string_view> texts{
        {"tcp",
         "TCP. To listen, the host may be missing (every address), and port 0 takes any free "
         "one. Short: host:port."},
        {"unix", "A Unix socket in the file system. Short: /path or ./path."},
        {"unix-abstract", "A Unix socket with an abstract name."},
        {"vsock",
         "A port of a virtual machine, by the machine's number, of the host of this one (host), or "
         "of this one (local). To listen, the machine may be missing."},
        {"hvsock",
         "The same by the GUIDs or names of Hyper-V: of a machine (parent is the host, loopback is "
         "this one) and of a service, or a port as in hvsock://parent:1024."},
        {"firecracker",
         "A port of a Firecracker guest, by the path of its vsock device's socket. To listen, what "
         "the guest connects to on its host."},
        {"cloud-hypervisor", "The same of Cloud Hypervisor."},
        {"hyperkit", "The same of HyperKit, by the folder of its sockets."},
        {"stdio", "Standard input and output. Short: -."},
        {"exec", "The standard input and output of a shell command, run for each connection."},
        {"file", "A file, for reading unless a parameter says otherwise."},
        {"fd", "A descriptor that this program was started with; to listen, a listening socket, as "
               "systemd passes it."},
        {"pipe", "A pipe in memory, for use within one process."},
        {"tls", "TLS 1.2 or 1.3 over any of these. To listen, with cert=FILE and key=FILE."},
        {"mux",
         "Any number of flows over one of any of these, with a multiplexer at its other end, too."},
        {"virtsock",
         "The framing of Docker and linuxkit, over any of these that loses a half-close."}};
    return texts;
}

} // namespace

const transport_registry& transports() {
    return everything().registry();
}

void look_names_up_by(std::shared_ptr<resolver> names) {
    everything().names().choose(std::move(names));
}

result<void> define_stack(stack::stack_definition one) {
    return everything().stacks().add(std::move(one));
}

task<result<stack::ip_stack*>> open_defined_stack(std::string name) {
    return everything().stacks().open(std::move(name));
}

task<result<flow_ptr>> open_flow(const endpoint& to) {
    return transports().connect(to);
}

task<result<listener_ptr>> open_listener(const endpoint& at, bool share) {
    if (!share || at.params().find("reuse-port") != nullptr) {
        return transports().listen(at);
    }
    const std::string text = at.to_string() + (at.params().empty() ? "?" : "&") + "reuse-port";
    return transports().listen(*endpoint::parse(text));
}

std::string place_of(const listener& open, const endpoint& at) {
    std::string place;
    for (const std::string& layer : at.layers()) {
        place += layer + '+';
    }
    return place + open.local().to_string();
}

std::vector<parameter_info> parameters_of(std::string_view scheme) {
    const auto& known = transports().transports();
    const auto transport = known.find(scheme);
    if (transport != known.end()) {
        return transport->second.parameters;
    }
    const auto& layers = transports().layers();
    const auto layer = layers.find(scheme);
    return layer != layers.end() ? layer->second.parameters : std::vector<parameter_info>();
}

topic_page endpoint_topic() {
    static_cast<void>(transports()); // which brings schemes of its own
    topic_page topic;
    topic.title = "Endpoints";
    topic.paragraphs = {
        "An endpoint is a scheme and a place, and parameters behind a question mark: "
        "tcp://host:80?nodelay=no&keepalive=60s,10s,6. In paths, commands and values, %XX stands "
        "for the byte with that hexadecimal number, as %3F for a question mark."};
    for (const scheme_info* scheme : all_schemes()) {
        const auto text = scheme_texts().find(scheme->name);
        topic.entries.push_back(
            {scheme->example, std::string(text == scheme_texts().end() ? "" : text->second)});
    }
    return topic;
}

topic_page parameter_topic() {
    static_cast<void>(transports());
    topic_page topic;
    topic.title = "Endpoint parameters";
    topic.is_long = true;
    topic.paragraphs = {"Every endpoint that is connected to takes connect-timeout=5s."};
    for (const scheme_info* scheme : all_schemes()) {
        for (const parameter_info& each : parameters_of(scheme->name)) {
            topic.entries.push_back({fmt::format("{}: {}", scheme->name, each.example),
                                     fmt::format("{}.", each.meaning)});
        }
    }
    return topic;
}

} // namespace runnel::inline v0::program
