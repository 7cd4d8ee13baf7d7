// SPDX-License-Identifier: Apache-2.0
#include "command.hpp"
#include "human.hpp"
#include "interrupt.hpp"
#include "json.hpp"
#include "places.hpp"

#include "runnel/async/deadline.hpp"
#include "runnel/async/event.hpp"
#include "runnel/core/random.hpp"
#include "runnel/stack/ip_stack.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <optional>
#include <vector>

namespace runnel::inline v0::program {
namespace {

constexpr std::uint8_t reply_v4 = 0;
constexpr std::uint8_t reply_v6 = 129;

/// What came of all requests.
struct echo_summary {
    std::uint64_t sent = 0;
    std::uint64_t answered = 0;
    std::uint64_t duplicates = 0;
    std::uint64_t errors = 0;
    duration shortest = duration::max();
    duration longest{};
    duration total{};
};

/// Sends echo requests through a stack and tells of each answer.
class echo_run {
public:
    echo_run(const session& session, stack::ip_stack& stack, ip_address to, bool quiet)
        : session_(session), stack_(stack), to_(to), quiet_(quiet),
          identifier_(static_cast<std::uint16_t>(secure_random_number())) {
        stack_.net().on_echo(
            [](void* self, stack::echo_reply& reply) {
                auto& run = *static_cast<echo_run*>(self);
                run.come_.push_back(std::move(reply));
                run.arrived_.set();
            },
            this);
    }
    echo_run(const echo_run&) = delete;
    echo_run& operator=(const echo_run&) = delete;
    ~echo_run() { stack_.net().on_echo(nullptr, nullptr); }

    void send(std::size_t size, std::uint8_t hop_limit) {
        buffer payload = buffer::allocate(size);
        for (std::size_t i = 0; i < size; ++i) {
            payload.writable()[i] = static_cast<std::byte>(i);
        }
        sent_.push_back({stack_.now(), false});
        ++summary_.sent;
        const auto number = static_cast<std::uint16_t>(sent_.size());
        const auto done = stack_.net().send_echo(to_, identifier_, number, std::move(payload),
                                                 hop_limit, stack_.now());
        if (!done) {
            ++summary_.errors;
            say(fmt::format("number={}: {}\n", number, human_error(done.error())));
        }
        stack_.net().flush(stack_.now());
        stack_.arm();
    }

    /// Tells of what comes until a moment, or until nothing more is to come.
    task<result<void>> listen_until(time_point end, bool only_until_all) {
        while (loop::current().now() < end) {
            while (!come_.empty()) {
                tell(come_.front());
                come_.pop_front();
            }
            if (only_until_all && summary_.answered + summary_.errors >= summary_.sent) {
                break;
            }
            const result<void> more = co_await with_deadline(end, arrived_.wait());
            if (!more && more.error() != errc::timed_out) {
                co_return fail(more.error());
            }
        }
        co_return result<void>();
    }

    [[nodiscard]] const echo_summary& summary() const noexcept { return summary_; }

private:
    struct request {
        time_point when;
        bool answered;
    };

    void say(const std::string& line) const {
        if (!quiet_) {
            static_cast<void>(session_.print(line));
        }
    }

    void tell(const stack::echo_reply& reply) {
        if (reply.identifier != identifier_ || reply.number == 0 || reply.number > sent_.size()) {
            return;
        }
        request& asked = sent_[reply.number - 1U];
        if (reply.type != reply_v4 && reply.type != reply_v6) {
            ++summary_.errors;
            say(fmt::format("number={}: {} answers with an error of ICMP, type {}, code {}\n",
                            reply.number, reply.from.to_string(), reply.type, reply.code));
            return;
        }
        const duration took = reply.arrived - asked.when;
        if (asked.answered) {
            ++summary_.duplicates;
        } else {
            asked.answered = true;
            ++summary_.answered;
            summary_.shortest = std::min(summary_.shortest, took);
            summary_.longest = std::max(summary_.longest, took);
            summary_.total += took;
        }
        say(fmt::format("{} bytes from {}: number={} hop-limit={} time={}\n", reply.payload.size(),
                        reply.from.to_string(), reply.number, reply.hop_limit,
                        human_duration(took)));
    }

    const session& session_;
    stack::ip_stack& stack_;
    ip_address to_;
    bool quiet_;
    std::uint16_t identifier_;
    std::vector<request> sent_; // by their numbers
    std::deque<stack::echo_reply> come_;
    event arrived_{event_reset::automatic};
    echo_summary summary_;
};

std::string as_json(const ip_address& to, const echo_summary& done) {
    json_writer json;
    json.begin_object().member("address", to.to_string()).member("sent", done.sent);
    json.member("answered", done.answered).member("duplicates", done.duplicates);
    json.member("errors", done.errors);
    if (done.answered != 0) {
        json.member("seconds_min", seconds(done.shortest));
        json.member("seconds_mean", seconds(done.total) / static_cast<double>(done.answered));
        json.member("seconds_max", seconds(done.longest));
    }
    return json.end().take();
}

std::string as_text(const echo_summary& done) {
    std::string text = fmt::format("{} sent, {} answered", done.sent, done.answered);
    if (done.answered != 0) {
        text += fmt::format("; shortest {}, mean {}, longest {}", human_duration(done.shortest),
                            human_duration(done.total / static_cast<std::int64_t>(done.answered)),
                            human_duration(done.longest));
    }
    return text + '\n';
}

class ping_command final : public command {
public:
    ping_command() : command("ping", "ask whether an address answers, through a stack of ours") {}

    void declare(option_set& options) override {
        options.describe("Sends echo requests of ICMP through a stack that --stack describes, and "
                         "shows how long each answer took.");
        option_page address{.names = {"ADDRESS"}, .kind = value_kind::text, .value = "ADDRESS"};
        address.text = "Whom to ask: an address of IPv4 or IPv6.";
        address.required = true;
        options.add(std::move(address), [this](std::string_view given) -> result<void> {
            const auto parsed = ip_address::parse(given);
            if (!parsed) {
                return fail(parsed.error());
            }
            to_ = *parsed;
            return {};
        });
        options.text("--over", "NAME", over_, "The stack, where several are described.");
        options.number("-c,--count", "N", count_, "Ask so often.", "4", 1, 65'535);
        options.duration("-i,--interval", interval_, "Time between requests.", "1s");
        options.number("--size", "BYTES", size_, "Payload of each request.", "56", 0, 65'000);
        options.number("--hop-limit", "N", hop_limit_, "How many routers it may pass.", "64", 1,
                       255);
        options.duration("--timeout", timeout_, "How long to wait for the last answers.", "2s");
        options.flag("--json", json_, "Write the summary as JSON, and nothing else.");
        options.example("Is the kernel behind a TAP device there?",
                        "runnel ping 10.77.0.1 --stack lan=tap:rn0,address=10.77.0.2/24");
        options.exit(exit_ok, "every request was answered");
        options.exit(exit_failed, "none was");
        options.exit(exit_partial, "some were not");
    }

    int run(const session& session) override {
        const auto& stacks = session.globals.stacks;
        if (over_.empty() && stacks.size() != 1) {
            return session.usage_error(stacks.empty() ? "it takes a stack, as --stack describes it"
                                                      : "--over NAME says which stack is meant");
        }
        const std::unique_ptr<loop> own = session.make_loop();
        return own == nullptr ? exit_failed : own->run(show(session));
    }

private:
    task<int> show(const session& session) {
        const std::string name = over_.empty() ? session.globals.stacks.front().name : over_;
        const auto opened = co_await open_defined_stack(name);
        if (!opened) {
            session.complain(opened.error());
            co_return exit_failed;
        }
        echo_run run(session, **opened, to_, json_);
        result<void> done = fail(errc::cancelled);
        const bool interrupted = co_await until_interrupted(ask(run), done);
        const echo_summary& summary = run.summary();
        const int printed = session.print(json_ ? as_json(to_, summary) : as_text(summary));
        if (interrupted) {
            co_return exit_interrupted;
        }
        if (summary.answered == 0) {
            co_return exit_failed;
        }
        co_return summary.answered == summary.sent ? printed : exit_partial;
    }

    task<result<void>> ask(echo_run& run) {
        time_point next = loop::current().now();
        for (std::uint64_t i = 1; i <= count_; ++i) {
            run.send(size_, static_cast<std::uint8_t>(hop_limit_));
            const bool last = i == count_;
            next += last ? timeout_ : interval_;
            const result<void> heard = co_await run.listen_until(next, last);
            if (!heard) {
                co_return fail(heard.error());
            }
        }
        co_return result<void>();
    }

    ip_address to_;
    std::string over_;
    std::uint64_t count_ = 4;
    duration interval_ = std::chrono::seconds(1);
    std::uint64_t size_ = 56;
    std::uint64_t hop_limit_ = 64;
    duration timeout_ = std::chrono::seconds(2);
    bool json_ = false;
};

} // namespace

std::unique_ptr<command> make_ping_command() {
    return std::make_unique<ping_command>();
}

} // namespace runnel::inline v0::program
