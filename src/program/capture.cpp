// SPDX-License-Identifier: Apache-2.0
#include "command.hpp"
#include "human.hpp"
#include "interrupt.hpp"

#include "runnel/async/deadline.hpp"
#include "runnel/async/event.hpp"
#include "runnel/stack/link/pcapng.hpp"
#include "runnel/stack/stack_definition.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <optional>

#include <fcntl.h>
#include <unistd.h>

namespace runnel::inline v0::program {
namespace {

constexpr std::size_t burst = 64;

/// A file that is written as it comes.
class output_file {
public:
    output_file() = default;
    output_file(const output_file&) = delete;
    output_file& operator=(const output_file&) = delete;
    ~output_file() {
        if (fd_ > STDERR_FILENO) {
            ::close(fd_);
        }
    }

    /// "-" is standard output.
    result<void> open(const std::string& path) {
        fd_ = path == "-" ? STDOUT_FILENO
                          : ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        return fd_ < 0 ? result<void>(fail(error::from_errno(errno, path))) : result<void>();
    }

    void write(std::span<const std::byte> bytes) noexcept {
        while (!bytes.empty() && problem_ == 0) {
            const ssize_t wrote = ::write(fd_, bytes.data(), bytes.size());
            if (wrote >= 0) {
                bytes = bytes.subspan(static_cast<std::size_t>(wrote));
            } else if (errno != EINTR) {
                problem_ = errno;
            }
        }
    }
    /// Why it takes no more; 0 if it does.
    [[nodiscard]] int problem() const noexcept { return problem_; }

private:
    int fd_ = -1;
    int problem_ = 0;
};

class capture_command final : public command {
public:
    capture_command() : command("capture", "write what comes over a link to a pcapng file") {}

    void declare(option_set& options) override {
        options.describe("Takes in all frames of a link and writes them to a file that Wireshark "
                         "and tcpdump read. Of packet:INTERFACE that is what the kernel sends and "
                         "receives there. Links are those of --stack. To capture what a stack "
                         "does, with why frames were dropped, give it the setting capture=FILE.");
        option_page link{.names = {"LINK"}, .kind = value_kind::text, .value = "LINK"};
        link.text = "packet:INTERFACE, tap:DEVICE, tun:DEVICE, qemu:PATH or qemu-connect:PATH.";
        link.required = true;
        options.add(std::move(link), [this](std::string_view given) -> result<void> {
            auto parsed = stack::stack_definition::parse_link(given);
            if (!parsed) {
                return fail(parsed.error());
            }
            parsed->name = given;
            link_ = std::move(*parsed);
            return {};
        });
        options.text("FILE", "FILE", file_,
                     "The file, replaced if there is one; - for standard "
                     "output.",
                     value_kind::file);
        options.number("-c,--count", "N", count_, "End after so many frames.", "any number", 1);
        options.duration("--for", span_, "End after so long.", "when interrupted");
        options.bytes("--snap", snap_, "Keep so much of each frame.", "all of it", 64, 262'144);
        options.example("Look at an interface:",
                        "runnel capture packet:eth0 eth0.pcapng --for 10s");
        options.example("Watch it as it comes:",
                        "runnel capture packet:eth0 - | wireshark -k -i -");
        options.exit(exit_ok, "captured; also when it was interrupted");
        options.exit(exit_failed, "the link or the file cannot be opened, or the disk is full");
    }

    int run(const session& session) override {
        const std::unique_ptr<loop> own = session.make_loop();
        return own == nullptr ? exit_failed : own->run(show(session));
    }

private:
    task<int> show(const session& session) {
        result<void> done;
        static_cast<void>(co_await until_interrupted(work(session), done));
        if (!done && done.error() != errc::cancelled) {
            session.complain(done.error());
            co_return exit_failed;
        }
        session.err.write_line(plural(taken_, "frame") + "\n");
        co_return exit_ok;
    }

    task<result<void>> work(const session& session) {
        stack::stack_definition what = link_;
        what.overhear = true;
        const auto device = stack::open_link(what);
        if (!device) {
            co_return fail(device.error());
        }
        output_file file;
        const result<void> opened = file.open(file_);
        if (!opened) {
            co_return fail(opened.error());
        }
        session.complain("capturing " + what.name);
        const loop& clock = loop::current();
        const duration epoch = clock.wall_now().time_since_epoch() - clock.now().time_since_epoch();
        stack::pcapng_writer writer(
            [&file](std::span<const std::byte> block) { file.write(block); }, epoch,
            static_cast<std::uint32_t>(snap_));
        const std::uint32_t number =
            writer.add_interface(what.name, (*device)->properties().medium);
        const auto keep = [&](const stack::frame& one) {
            writer.write(number, one, one.arrived, stack::capture_direction::unknown);
            return file.problem();
        };
        co_return co_await take(**device, keep);
    }

    /// Hands all frames to `keep`, until that gives an error of the system or it is time to end.
    template <class Keep>
    task<result<void>> take(stack::link& device, Keep keep) {
        event ready(event_reset::automatic);
        device.on_ready([](void* told) noexcept { static_cast<event*>(told)->set(); }, &ready);
        const time_point end =
            span_ ? saturating_add(loop::current().now(), *span_) : time_point(never);
        int problem = 0;
        while (problem == 0 && taken_ < count_ && loop::current().now() < end) {
            stack::frame_list come = device.receive(burst, loop::current().now());
            const bool more = come.size() == burst;
            while (!come.empty() && problem == 0 && taken_ < count_) {
                problem = keep(*come.pop_front());
                ++taken_;
            }
            if (more || problem != 0 || taken_ == count_) {
                ready.set(); // no need to wait
            }
            const time_point until = std::min(end, device.deadline());
            const result<void> waited = co_await with_deadline(until, ready.wait());
            if (!waited && waited.error() != errc::timed_out) {
                device.on_ready(nullptr, nullptr);
                co_return fail(waited.error());
            }
        }
        device.on_ready(nullptr, nullptr);
        co_return problem == 0 ? result<void>() : fail(error::from_errno(problem, file_));
    }

    stack::stack_definition link_;
    std::string file_;
    std::uint64_t count_ = std::numeric_limits<std::uint64_t>::max();
    std::optional<duration> span_;
    std::uint64_t snap_ = 262'144;
    std::uint64_t taken_ = 0;
};

} // namespace

std::unique_ptr<command> make_capture_command() {
    return std::make_unique<capture_command>();
}

} // namespace runnel::inline v0::program
