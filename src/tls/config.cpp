// SPDX-License-Identifier: Apache-2.0
#include "runnel/tls/config.hpp"

#include "context.hpp"
#include "key_log.hpp"
#include "replay_guard.hpp"
#include "ticket_keys.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <utility>

namespace runnel::inline v0::tls {
namespace {

constexpr std::size_t file_most = std::size_t{16} << 20;

result<std::shared_ptr<key_log>> open_log(const common_options& options) {
    if (options.key_log.empty()) {
        return std::shared_ptr<key_log>();
    }
    return key_log::open(options.key_log);
}

result<void> check_pins(const std::vector<std::string>& pins) {
    constexpr std::ptrdiff_t digits = 64;
    for (const std::string& pin : pins) {
        const auto hex = std::ranges::count_if(pin, [](char c) {
            return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
        });
        const auto colons = std::ranges::count(pin, ':');
        if (hex != digits || hex + colons != std::ssize(pin)) {
            return fail(errc::invalid_argument,
                        "\"" + pin + "\" is no SHA-256 fingerprint: 64 hexadecimal digits");
        }
    }
    return {};
}

} // namespace

result<std::string> read_text_file(const std::string& path) {
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "re"),
                                                               &std::fclose);
    if (file == nullptr) {
        return fail(error::from_errno(errno, path));
    }
    std::string text;
    char part[4096];
    std::size_t count = 0;
    while ((count = std::fread(part, 1, sizeof(part), file.get())) != 0) {
        text.append(part, count);
        if (text.size() > file_most) {
            return fail(errc::limit_exceeded, path + " is larger than 16 MiB");
        }
    }
    if (std::ferror(file.get()) != 0) {
        return fail(error::from_errno(errno, path));
    }
    return text;
}

result<identity> identity::from_files(const std::string& chain_file, const std::string& key_file) {
    auto chain = read_text_file(chain_file);
    if (!chain) {
        return fail(chain.error().wrap("certificate"));
    }
    identity own;
    own.name = key_file.empty() ? chain_file : chain_file + ", " + key_file;
    own.chain = std::move(*chain);
    if (key_file.empty()) {
        own.key = own.chain;
        return own;
    }
    auto key = read_text_file(key_file);
    if (!key) {
        return fail(key.error().wrap("private key"));
    }
    own.key = std::move(*key);
    return own;
}

result<client_config> client_config::make(client_options options) {
    const auto pins = check_pins(options.pins);
    if (!pins) {
        return fail(pins.error());
    }
    auto log = open_log(options);
    if (!log) {
        return fail(log.error());
    }
    const auto made = std::make_shared<state>();
    made->options = std::move(options);
    made->log = std::move(*log);
    const auto checked = context_for(made, &make_client_context);
    if (!checked) {
        return fail(checked.error());
    }
    return client_config(made);
}

const client_options& client_config::options() const noexcept {
    return state_->options;
}

namespace {

result<server_config> make_server(server_options options, std::shared_ptr<ticket_keys> tickets,
                                  std::shared_ptr<replay_guard> replays) {
    auto log = open_log(options);
    if (!log) {
        return fail(log.error());
    }
    const auto made = std::make_shared<server_config::state>();
    made->options = std::move(options);
    made->tickets = std::move(tickets);
    made->replays = std::move(replays);
    made->log = std::move(*log);
    const auto checked = context_for(made, &make_server_context);
    if (!checked) {
        return fail(checked.error());
    }
    return server_config(made);
}

} // namespace

result<server_config> server_config::make(server_options options) {
    return make_server(std::move(options), std::make_shared<ticket_keys>(),
                       std::make_shared<replay_guard>());
}

result<server_config> server_config::renewed(server_options options) const {
    return make_server(std::move(options), state_->tickets, state_->replays);
}

const server_options& server_config::options() const noexcept {
    return state_->options;
}

} // namespace runnel::inline v0::tls
