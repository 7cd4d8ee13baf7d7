// SPDX-License-Identifier: Apache-2.0
#include "serve_handler.hpp"

#include "places.hpp"

#include "runnel/async/scope.hpp"
#include "runnel/flow/layer.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <utility>

namespace runnel::inline v0::program {
namespace {

/// Notes what moves in the record of the connection, which outlives it.
class counting_layer final : public passing_layer {
public:
    counting_layer(flow_ptr below, connection& record)
        : passing_layer(std::move(below)), record_(record) {}

    task<result<buffer>> read(std::size_t hint) override {
        result<buffer> data = co_await passing_layer::read(hint);
        if (data) {
            record_.in.bytes_read += data->size();
        }
        co_return data;
    }

    task<result<void>> write(write_operation& op) override {
        const std::size_t before = op.remaining();
        result<void> written = co_await passing_layer::write(op);
        record_.out.bytes_written += before - op.remaining();
        co_return written;
    }

private:
    connection& record_;
};

http::connector connector_of(const proxy_target& target) {
    return [how = target.how, open = make_connector(*target.how)](const http::url& to) {
        return open(to);
    };
}

task<http::response> nothing_here() {
    co_return http::response::text(http::status::not_found, "404 Not Found\n");
}

class serve_handler final : public connection_handler {
public:
    serve_handler(const serve_options& options, const terminal& log_target)
        : server_([this](http::request& asked) { return answer(asked); }, options.limits),
          log_(log_target, options.log), counts_(options.counts) {
        if (options.files != nullptr) {
            files_.emplace(*options.files, options.how);
        }
        make_proxies(options);
        if (options.log != log_format::none) {
            server_.on_answer([this](const http::answer_record& answered) { log_.add(answered); });
        }
    }

    task<void> serve(flow_ptr client, connection& record) override {
        if (counts_) {
            client = make_layered(std::make_unique<counting_layer>(std::move(client), record));
        }
        co_await server_.serve_flow(std::move(client));
    }

    task<void> beside() override {
        const auto all = [this](scope& watches) -> task<void> {
            for (const mount& each : mounts_) {
                watches.spawn(each.to->watch(), "health");
            }
            co_return;
        };
        static_cast<void>(co_await with_scope(all));
    }

    void drain() noexcept override { server_.drain(); }

private:
    struct mount {
        std::string path;
        std::unique_ptr<http::reverse_proxy> to;
    };

    void make_proxies(const serve_options& options) {
        // The longest path first, so that it wins.
        std::map<std::string, std::vector<http::upstream>, std::greater<>> paths;
        for (const proxy_target& each : options.proxies) {
            paths[each.path].emplace_back(connector_of(each), each.base);
        }
        for (auto& [path, upstreams] : paths) {
            mounts_.push_back({path, std::make_unique<http::reverse_proxy>(std::move(upstreams),
                                                                           options.passing)});
        }
    }

    task<http::response> answer(http::request& asked) {
        const std::string_view path = asked.path();
        for (const mount& each : mounts_) {
            if (path.starts_with(each.path) &&
                (path.size() == each.path.size() || path[each.path.size()] == '/')) {
                return each.to->answer(asked, path.substr(each.path.size()));
            }
        }
        return files_ ? files_->answer(asked) : nothing_here();
    }

    std::optional<http::static_files> files_;
    std::vector<mount> mounts_;
    http::server server_;
    access_log log_;
    bool counts_;
};

} // namespace

result<proxy_target> parse_proxy_target(std::string_view text) {
    const std::size_t equals = text.find('=');
    if (!text.starts_with('/') || equals == std::string_view::npos) {
        return fail(errc::invalid_argument, "expected PATH=URL, as /api=http://127.0.0.1:3000");
    }
    std::string path(text.substr(0, equals));
    while (path.ends_with('/')) {
        path.pop_back();
    }
    const std::string_view where = text.substr(equals + 1);
    const std::size_t plus = std::min(where.find('+'), where.size());
    const bool over = where.substr(0, plus) == "http" || where.substr(0, plus) == "https";
    url_options how;
    if (over && plus < where.size()) {
        result<endpoint> place = endpoint::parse(where.substr(plus + 1));
        if (place) {
            if (const auto fine = transports().check(*place); !fine) {
                return fail(fine.error());
            }
        }
        result<http::url> base =
            http::url::parse(std::string(where.substr(0, plus)) + "://localhost/");
        if (!place || !base) {
            return fail(place ? base.error() : place.error());
        }
        how.instead = *std::move(place);
        how.origin = *base;
    }
    result<http::url> base = how.origin ? *how.origin : http::url::parse(where);
    if (base) {
        if (const auto place = endpoint_of(*base, how); !place) {
            return fail(place.error());
        }
    }
    if (!base) {
        return fail(base.error());
    }
    return proxy_target{.path = std::move(path),
                        .base = *std::move(base),
                        .how = std::make_shared<const url_options>(std::move(how))};
}

std::unique_ptr<connection_handler> make_serve_handler(const serve_options& options,
                                                       const terminal& log_target) {
    return std::make_unique<serve_handler>(options, log_target);
}

} // namespace runnel::inline v0::program
