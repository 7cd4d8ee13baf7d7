// SPDX-License-Identifier: Apache-2.0
#include "body_flow.hpp"
#include "command.hpp"
#include "http_places.hpp"
#include "human.hpp"
#include "interrupt.hpp"
#include "json.hpp"
#include "new_file.hpp"
#include "partial_file.hpp"
#include "places.hpp"
#include "sha256.hpp"
#include "transfer.hpp"

#include "runnel/host/stdio.hpp"
#include "runnel/http/client.hpp"
#include "runnel/http/entity_tag.hpp"
#include "runnel/http/field.hpp"
#include "runnel/http/status.hpp"

#include <fmt/format.h>

#include <charconv>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace runnel::inline v0::program {
namespace {

/// What came of a download.
struct outcome {
    transfer_figures figures = {};
    std::string url = {};
    unsigned status = 0;
    unsigned redirects = 0;
    std::uint64_t resumed_at = 0;
    duration connecting{};
    duration waiting{};
};

/// The head of an answer as it came.
std::string spell_head(const http::response_head& head) {
    std::string text =
        fmt::format("HTTP/1.{} {} {}\n", head.minor, number(head.code), printable(head.reason));
    for (const http::field& each : head.fields) {
        text += fmt::format("{}: {}\n", printable(each.name), printable(each.value));
    }
    return text + "\n";
}

/// What tells whether a later answer is the same content; empty: nothing does.
std::string validator_of(const http::response_head& head) {
    if (const auto text = head.fields.find("ETag")) {
        const auto tag = http::parse_entity_tag(*text);
        return tag && !tag->weak ? std::string(*text) : std::string();
    }
    return std::string(head.fields.find("Last-Modified").value_or(""));
}

/// Whether this is the part from `first` to the end.
bool continues_at(const http::response_head& head, std::uint64_t first) {
    const std::string_view range = head.fields.find("Content-Range").value_or("");
    const std::size_t slash = range.find('/');
    if (first == 0 || head.code != http::status::partial_content ||
        slash == std::string_view::npos) {
        return false;
    }
    std::uint64_t total = 0;
    const std::string_view text = range.substr(slash + 1);
    const auto read = std::from_chars(text.data(), text.data() + text.size(), total);
    return read.ec == std::errc() && total > first &&
           range.substr(0, slash) == fmt::format("bytes {}-{}", first, total - 1);
}

task<result<std::string>> hash_of(flow& file) {
    sha256 hash;
    for (;;) {
        const result<buffer> piece = co_await file.read();
        if (!piece) {
            if (piece.error() == errc::end) {
                co_return hash.finish();
            }
            co_return fail(piece.error());
        }
        hash.update(piece->span());
    }
}

class get_command final : public command {
public:
    get_command() : command("get", "fetch a URL") {}

    void declare(option_set& options) override;
    int run(const session& session) override;

private:
    void declare_request(option_set& options);
    [[nodiscard]] http::fetch_request request() const;
    [[nodiscard]] http::pool_options pool() const;
    task<int> get(const session& session);
    task<result<outcome>> fetch(const session& session);
    task<result<outcome>> fetch_part(const session& session, http::client& client);
    task<result<void>> move(const session& session, http::client_answer& answer, flow& target,
                            outcome& done, std::uint64_t before);
    task<result<void>> save(const session& session, http::client_answer& answer, outcome& done);
    task<result<void>> print(const session& session, http::client_answer& answer, outcome& done);
    [[nodiscard]] result<void> check_hash(const outcome& done) const;
    [[nodiscard]] static outcome outcome_of(const http::client_answer& answer);
    [[nodiscard]] int report(const session& session, const outcome& done) const;

    std::optional<http::url> url_;
    std::string file_ = "-";
    bool force_ = false;
    bool resume_ = false;
    bool head_ = false;
    bool verbose_ = false;
    bool json_ = false;
    std::string method_ = "GET";
    std::string data_;
    std::string expected_;
    std::vector<std::pair<std::string, std::string>> fields_;
    url_options urls_;
    std::uint64_t redirects_ = 10;
    duration connect_timeout_ = std::chrono::seconds(10);
    duration idle_timeout_ = std::chrono::seconds(60);
};

void get_command::declare(option_set& options) {
    options.describe(
        "Fetches a URL by HTTP/1.1, over TLS if it begins with https, and writes what it gives to "
        "standard output or a file. A file has its name only when all of it is there: an answer "
        "that was cut is a failure, never a short file. Follows redirects; an answer that says "
        "there is nothing (400 and above) is a failure.");
    option_page url;
    url.names = {"URL"};
    url.kind = value_kind::text;
    url.value = "URL";
    url.text = "What to fetch, as http://localhost:8080/file or https://example.org/.";
    url.required = true;
    options.add(std::move(url), [this](std::string_view given) -> result<void> {
        result<http::url> parsed = http::url::parse(given);
        if (!parsed) {
            return fail(parsed.error());
        }
        url_ = *std::move(parsed);
        const result<endpoint> place = endpoint_of(*url_, {});
        return place ? result<void>() : result<void>(fail(place.error()));
    });
    options.text("-o,--output", "FILE", file_, "Where to put it.", value_kind::file);
    options.flag("-f,--force", force_, "Replace FILE if it exists.");
    options.flag("-c,--continue", resume_,
                 "Keep FILE.part if the download is cut, and go on from there the next time, if "
                 "the server says that it is still the same. Replaces FILE.");
    options.text("--sha256", "DIGITS", expected_, "Take the file only if this is its SHA-256.");
    options.flag("-v,--verbose", verbose_, "Show the head of the answer, and how long what took.");
    options.flag("--json", json_, "Write what was fetched as JSON.");
    declare_request(options);
    options.example("Fetch a page:", "runnel get https://example.org/");
    options.example("Download a file, and go on with it if it was cut:",
                    "runnel get --continue -o image.iso https://example.org/image.iso");
    options.example("Ask a service behind a Unix socket:",
                    "runnel get --connect unix:/run/docker.sock http://docker/version");
    options.exit(exit_ok, "all of it is there");
    options.exit(exit_failed, "it is not, and FILE is as it was");
    options.exit(exit_interrupted, "ended by a signal, and FILE is as it was");
}

void get_command::declare_request(option_set& options) {
    options.group("Request");
    options.flag("-I,--head", head_, "Fetch the head only, and write it to standard output.");
    options.text("-X,--method", "METHOD", method_, "Another method than GET.");
    options.text("-d,--data", "TEXT", data_, "Send this; with POST, unless a method is given.");
    option_page field;
    field.names = {"-H", "--header"};
    field.kind = value_kind::text;
    field.value = "FIELD";
    field.text = "Send this field, as 'Accept: text/html'.";
    field.repeats = true;
    options.add(std::move(field), [this](std::string_view given) -> result<void> {
        const std::size_t colon = given.find(':');
        http::field_block check;
        if (colon == std::string_view::npos ||
            check.add(given.substr(0, colon), given.substr(colon + 1)).failure()) {
            return fail(errc::invalid_argument,
                        "expected a field that may be sent, as 'Name: value'");
        }
        fields_.emplace_back(given.substr(0, colon), given.substr(colon + 1));
        return {};
    });
    options.number("--max-redirects", "N", redirects_, "Redirects that are followed.", "10", 0,
                   100);
    options.group("Connection");
    options.endpoint("--connect", "ENDPOINT", urls_.instead,
                     "Reach the server of the URL here, over any transport.");
    option_page proxy;
    proxy.names = {"--proxy"};
    proxy.kind = value_kind::text;
    proxy.value = "URL";
    proxy.text =
        "Go through this proxy: http://host:port or socks5://host:port. Without it, through "
        "those of http_proxy, https_proxy, all_proxy and no_proxy.";
    options.add(std::move(proxy), [this](std::string_view given) -> result<void> {
        result<http::url> parsed = parse_proxy(given);
        if (!parsed) {
            return fail(parsed.error());
        }
        urls_.http_proxy = *parsed;
        urls_.https_proxy = *std::move(parsed);
        return {};
    });
    options.text("--ca", "FILE", urls_.authorities,
                 "Authorities that a server's certificate may come from, instead of the system's.",
                 value_kind::file);
    options.flag("--insecure", urls_.insecure,
                 "Take any certificate: anybody may be at the other end.");
    options.duration("--connect-timeout", connect_timeout_, "Give up connecting after so long.",
                     "10s");
    options.duration("--idle-timeout", idle_timeout_, "Give up when nothing came for so long.",
                     "60s");
}

int get_command::run(const session& session) {
    if (resume_ && file_ == "-") {
        return session.usage_error("--continue needs a file: --output");
    }
    if (resume_ && (head_ || method_ != "GET" || !data_.empty())) {
        return session.usage_error("--continue is for downloads: not with -I, -X and -d");
    }
    urls_.origin = url_;
    if (!urls_.http_proxy) {
        const result<void> taken = take_proxies_from_environment(urls_);
        if (!taken) {
            session.complain(taken.error());
            return exit_failed;
        }
    }
    const std::unique_ptr<loop> own = session.make_loop();
    return own == nullptr ? exit_failed : own->run(get(session));
}

http::fetch_request get_command::request() const {
    const bool posts = !data_.empty() && method_ == "GET";
    http::fetch_request asked(head_ ? "HEAD" : posts ? "POST" : method_, *url_);
    asked.fields = fields_;
    if (!data_.empty()) {
        asked.content = buffer::copy_of(data_);
    }
    return asked;
}

http::pool_options get_command::pool() const {
    http::pool_options options;
    options.connect_timeout = connect_timeout_;
    options.connection.head_timeout = idle_timeout_;
    options.connection.body_timeout = idle_timeout_;
    options.connection.write_timeout = idle_timeout_;
    options.redirects = static_cast<unsigned>(redirects_);
    return options;
}

task<int> get_command::get(const session& session) {
    result<outcome> done = fail(errc::cancelled);
    const bool interrupted = co_await until_interrupted(fetch(session), done);
    if (done) {
        co_return report(session, *done);
    }
    if (interrupted) {
        co_return exit_interrupted;
    }
    session.complain(done.error());
    co_return exit_failed;
}

outcome get_command::outcome_of(const http::client_answer& answer) {
    outcome done;
    done.url = answer.from().to_string();
    done.status = number(answer.head().code);
    done.redirects = answer.redirects();
    done.connecting = answer.connecting();
    done.waiting = answer.waiting();
    return done;
}

task<result<outcome>> get_command::fetch(const session& session) {
    http::client client(make_connector(urls_), pool());
    client.send_whole_urls([this](const http::url& to) { return goes_whole_to_proxy(to, urls_); });
    if (resume_) {
        co_return co_await fetch_part(session, client);
    }
    result<http::client_answer> answer = co_await client.fetch(request());
    if (!answer) {
        co_return fail(answer.error());
    }
    outcome done = outcome_of(*answer);
    if (verbose_) {
        session.err.write(spell_head(answer->head()));
    }
    if (head_) {
        static_cast<void>(session.print(spell_head(answer->head())));
        co_return done;
    }
    if (done.status >= 400) {
        co_return fail(errc::not_found, fmt::format("{}: {} {}", done.url, done.status,
                                                    printable(answer->head().reason)));
    }
    result<void> moved;
    if (file_ == "-") {
        moved = co_await print(session, *answer, done);
    } else {
        moved = co_await save(session, *answer, done);
    }
    if (!moved) {
        co_return fail(moved.error());
    }
    co_return done;
}

task<result<void>> get_command::move(const session& session, http::client_answer& answer,
                                     flow& target, outcome& done, std::uint64_t before) {
    flow_ptr body = make_body_flow(answer.body());
    const std::optional<std::uint64_t> length = answer.body().length();
    result<transfer_figures> moved = co_await transfer(session, body, target, length);
    if (!moved) {
        co_return fail(moved.error().wrap(done.url));
    }
    done.figures = *std::move(moved);
    done.resumed_at = before;
    co_return result<void>();
}

task<result<void>> get_command::print(const session& session, http::client_answer& answer,
                                      outcome& done) {
    const result<flow_ptr> output = host::open_stdio();
    if (!output) {
        co_return fail(output.error());
    }
    const result<void> moved = co_await move(session, answer, **output, done, 0);
    if (!moved) {
        co_return moved;
    }
    const result<void> ended = co_await (*output)->shutdown(direction::write);
    co_return ended ? check_hash(done) : ended;
}

task<result<void>> get_command::save(const session& session, http::client_answer& answer,
                                     outcome& done) {
    new_file file(file_, force_);
    const result<void> made = co_await file.open();
    if (!made) {
        co_return made;
    }
    const result<void> moved = co_await move(session, answer, file.content(), done, 0);
    if (!moved) {
        co_return moved;
    }
    const result<void> right = check_hash(done);
    if (!right) {
        co_return right;
    }
    co_return co_await file.keep();
}

/// Goes on with what an earlier call has left, if it still fits.
task<result<outcome>> get_command::fetch_part(const session& session, http::client& client) {
    partial_file file(file_);
    file.examine(url_->to_string());
    http::fetch_request asked = request();
    if (file.size() != 0) {
        asked.fields.emplace_back("Range", fmt::format("bytes={}-", file.size()));
        asked.fields.emplace_back("If-Range", file.validator());
    }
    result<http::client_answer> answer = co_await client.fetch(std::move(asked));
    if (answer && answer->head().code == http::status::range_not_satisfiable) {
        answer = co_await client.fetch(request()); // nothing more there: have all of it anew
    }
    if (!answer) {
        co_return fail(answer.error());
    }
    outcome done = outcome_of(*answer);
    if (verbose_) {
        session.err.write(spell_head(answer->head()));
    }
    const std::uint64_t before = continues_at(answer->head(), file.size()) ? file.size() : 0;
    if (before == 0 && done.status != 200) {
        co_return fail(errc::not_found, fmt::format("{}: {} {}", done.url, done.status,
                                                    printable(answer->head().reason)));
    }
    const result<void> opened =
        co_await file.open(before == 0, url_->to_string(), validator_of(answer->head()));
    if (!opened) {
        co_return fail(opened.error());
    }
    const result<void> moved = co_await move(session, *answer, file.content(), done, before);
    if (!moved) {
        co_return fail(moved.error());
    }
    if (before != 0) {
        const result<flow_ptr> whole = co_await file.read();
        if (!whole) {
            co_return fail(whole.error());
        }
        result<std::string> hash = co_await hash_of(**whole);
        if (!hash) {
            co_return fail(hash.error());
        }
        done.figures.sha256 = *std::move(hash);
    }
    const result<void> right = check_hash(done);
    if (!right) {
        co_return fail(right.error());
    }
    const result<void> kept = co_await file.keep();
    if (!kept) {
        co_return fail(kept.error());
    }
    co_return done;
}

result<void> get_command::check_hash(const outcome& done) const {
    if (!expected_.empty() && done.figures.sha256 != expected_) {
        return fail(errc::protocol_error,
                    fmt::format("the SHA-256 is {}, not the one expected", done.figures.sha256));
    }
    return {};
}

int get_command::report(const session& session, const outcome& done) const {
    const bool to_output = file_ == "-";
    const transfer_figures& figures = done.figures;
    if ((!to_output && !json_) || verbose_) {
        session.err.write(
            fmt::format("{} in {}, {} (connected in {}, answered in {})\n",
                        human_bytes(static_cast<double>(figures.bytes)),
                        human_duration(figures.took), human_rate(figures.bytes, figures.took),
                        human_duration(done.connecting), human_duration(done.waiting)));
    }
    std::string text;
    if (json_) {
        json_writer json;
        json.begin_object().member("url", done.url).member("status", done.status);
        json.member("redirects", done.redirects).member("bytes", figures.bytes);
        json.member("resumed_at", done.resumed_at).member("sha256", figures.sha256);
        json.member("connect_seconds", seconds(done.connecting));
        json.member("answer_seconds", seconds(done.waiting));
        json.member("transfer_seconds", seconds(figures.took)).end();
        text = json.take();
    } else if (!to_output) {
        text = fmt::format("{}  {}\n", figures.sha256, printable(file_));
    }
    if (to_output) {
        return session.err.write(text) ? exit_ok : exit_failed;
    }
    return session.print(text);
}

} // namespace

std::unique_ptr<command> make_get_command() {
    return std::make_unique<get_command>();
}

} // namespace runnel::inline v0::program
