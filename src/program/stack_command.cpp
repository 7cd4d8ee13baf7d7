// SPDX-License-Identifier: Apache-2.0
#include "command.hpp"
#include "human.hpp"
#include "interrupt.hpp"
#include "json.hpp"
#include "places.hpp"
#include "table.hpp"

#include "runnel/async/deadline.hpp"
#include "runnel/async/sleep.hpp"
#include "runnel/stack/stack_status.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

namespace runnel::inline v0::program {
namespace {

/// A number, as far as a cell is one.
std::optional<std::uint64_t> number_in(std::string_view cell) {
    std::uint64_t number = 0;
    const auto [end, problem] = std::from_chars(cell.data(), cell.data() + cell.size(), number);
    return problem == std::errc() && end == cell.data() + cell.size() ? std::optional(number)
                                                                      : std::nullopt;
}

/// What the end of a column's name says of its numbers; see `stack::status_table`.
constexpr std::string_view bytes_suffix = "_bytes";
constexpr std::string_view time_suffix = "_ns";
constexpr std::string_view rate_suffix = "_bytes_per_s";

std::string human_cell(std::string_view column, const std::string& cell) {
    const auto number = number_in(cell);
    if (!number) {
        return printable(cell);
    }
    if (column.ends_with(rate_suffix)) {
        return human_rate(*number, std::chrono::seconds(1));
    }
    if (column.ends_with(bytes_suffix)) {
        return human_bytes(static_cast<double>(*number));
    }
    if (column.ends_with(time_suffix)) {
        return human_duration(duration(std::min<std::uint64_t>(*number, duration::max().count())));
    }
    return cell;
}

std::string human_column(std::string_view column) {
    for (const std::string_view suffix : {rate_suffix, bytes_suffix, time_suffix}) {
        if (column.ends_with(suffix)) {
            column.remove_suffix(suffix.size());
            break;
        }
    }
    std::string text = printable(column);
    std::ranges::replace(text, '_', ' ');
    return text;
}

std::string as_text(const stack::stack_status& status, const terminal& out) {
    std::string text = out.paint(style::bold, "Stack " + printable(status.name)) + "\n";
    for (const stack::status_table& each : status.tables) {
        if (each.rows.empty()) {
            continue;
        }
        std::vector<table::column> columns;
        for (std::size_t i = 0; i < each.columns.size(); ++i) {
            const bool counts = number_in(each.rows.front()[i]).has_value();
            columns.push_back(
                {human_column(each.columns[i]), counts ? table::align::right : table::align::left});
        }
        table shown(std::move(columns));
        for (const auto& row : each.rows) {
            std::vector<std::string> cells;
            for (std::size_t i = 0; i < row.size(); ++i) {
                cells.push_back(human_cell(each.columns[i], row[i]));
            }
            shown.row(std::move(cells));
        }
        text += "\n" + out.paint(style::bold, printable(each.name)) + "\n" + shown.render(out, 2);
    }
    return text;
}

std::string as_json(const stack::stack_status& status) {
    json_writer json;
    json.begin_object().member("name", status.name);
    for (const stack::status_table& each : status.tables) {
        json.key(each.name).begin_array();
        for (const auto& row : each.rows) {
            json.begin_object();
            for (std::size_t i = 0; i < row.size(); ++i) {
                json.key(each.columns[i]);
                if (const auto number = number_in(row[i])) {
                    json.value(*number);
                } else {
                    json.value(row[i]);
                }
            }
            json.end();
        }
        json.end();
    }
    return json.end().take();
}

/// Asks a process how its stack stands.
task<result<stack::stack_status>> ask_status(endpoint at) {
    const result<flow_ptr> opened = co_await open_flow(at);
    if (!opened) {
        co_return fail(opened.error());
    }
    std::string text;
    for (;;) {
        const result<buffer> part = co_await (*opened)->read();
        if (!part && part.error() == errc::end) {
            break;
        }
        if (!part) {
            co_return fail(part.error());
        }
        text += part->view();
        if (text.size() > stack::stack_status::max_text) {
            break; // which is refused
        }
    }
    co_return stack::stack_status::parse(text);
}

class stack_command final : public command {
public:
    stack_command() : command("stack", "show how the stack of a running process stands") {}

    void declare(option_set& options) override {
        options.describe(
            "Shows the addresses, neighbours, routes and flows of a stack that another runnel "
            "uses: of each flow its state, congestion window, round-trip time, rate and what was "
            "sent again. That process offers it at a Unix socket, by the setting status=PATH of "
            "its --stack. On a terminal the tables are shown again and again.");
        options.text("PATH", "PATH", path_, "The Unix socket.", value_kind::file);
        options.duration("--every", every_, "Time between looks, on a terminal.", "1s");
        options.flag("--once", once_, "Look once.");
        options.flag("--json", json_,
                     "Write JSON, once; numbers in bytes, nanoseconds and bytes "
                     "a second.");
        options.example("Watch the flows of an echo server:",
                        "runnel echo tcp://10.77.0.2:7?stack=lan --stack "
                        "lan=tap:rn0,address=10.77.0.2/24,status=/run/lan.sock &\n"
                        "    runnel stack /run/lan.sock");
        options.exit(exit_ok, "shown");
        options.exit(exit_failed, "nobody offers a stack there");
    }

    int run(const session& session) override {
        const std::unique_ptr<loop> own = session.make_loop();
        return own == nullptr ? exit_failed : own->run(show(session));
    }

private:
    task<int> show(const session& session) {
        result<int> status = exit_ok;
        const bool interrupted = co_await until_interrupted(look(session), status);
        if (!interrupted && !status) {
            session.complain(status.error());
            co_return exit_failed;
        }
        co_return interrupted ? exit_interrupted : *status;
    }

    task<result<int>> look(const session& session) {
        const auto place = endpoint::parse("unix:" + path_);
        if (!place) {
            co_return fail(place.error());
        }
        const bool again = !once_ && !json_ && session.out.interactive();
        for (;;) {
            const auto status = co_await with_timeout(std::chrono::seconds(10), ask_status(*place));
            if (!status) {
                co_return fail(status.error());
            }
            // On a terminal from its upper left corner, and nothing is left of the last time.
            const std::string text = (again ? "\033[H\033[2J" : "") +
                                     (json_ ? as_json(*status) : as_text(*status, session.out));
            const int printed = session.print(text);
            if (!again || printed != exit_ok) {
                co_return printed;
            }
            const result<void> rested = co_await sleep_for(every_);
            if (!rested) {
                co_return fail(rested.error());
            }
        }
    }

    std::string path_;
    duration every_ = std::chrono::seconds(1);
    bool once_ = false;
    bool json_ = false;
};

} // namespace

std::unique_ptr<command> make_stack_command() {
    return std::make_unique<stack_command>();
}

} // namespace runnel::inline v0::program
