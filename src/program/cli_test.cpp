// SPDX-License-Identifier: Apache-2.0
#include "cli.hpp"
#include "completion.hpp"
#include "help.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <optional>

namespace runnel::program {
namespace {

using namespace std::chrono_literals;

/// What the command under test was given.
struct given {
    bool verbose = false;
    std::optional<duration> timeout;
    std::uint64_t size = 1;
    std::uint64_t count = 1;
    int version = 0;
    std::optional<endpoint> target;
    std::string file;
};

class copy_command final : public command {
public:
    explicit copy_command(given& options) : command("copy", "copy things"), options_(options) {}

    void declare(option_set& options) override {
        options.describe("Copies.");
        options.endpoint("TARGET", "TARGET", options_.target, "Where to.");
        options.flag("-v,--verbose", options_.verbose, "Say more. And more.");
        options.duration("--timeout", options_.timeout, "Give up after so long.", "never");
        options.bytes("--size", options_.size, "How much at once.", "1");
        options.number("-n,--count", "N", options_.count, "How often.", "1", 1, 9);
        options.choice<int, int>("--proto", "V", options_.version, {{"v1", 1}, {"v2", 2}},
                                 "Which: it's [a] choice.", "none");
        options.text("--file", "FILE", options_.file, "A file.", value_kind::file);
        options.example("Copy:", "runnel copy tcp://a:1");
        options.exit(0, "copied");
    }
    int run(const session& /*session*/) override { return 0; }

private:
    given& options_;
};

class leaf_command final : public command {
public:
    leaf_command() : command("leaf", "a leaf") {}
    void declare(option_set& /*options*/) override {}
    int run(const session& /*session*/) override { return 0; }
};

class tree_command final : public command {
public:
    tree_command() : command("tree", "holds a leaf") {}
    void declare(option_set& /*options*/) override {}
    std::vector<command*> parts() override { return {&leaf_}; }
    int run(const session& /*session*/) override { return 0; }

private:
    leaf_command leaf_;
};

/// A program of these commands, and what came of one command line.
class Cli : public testing::Test {
protected:
    request parse(const std::vector<std::string>& arguments) {
        options_ = given();
        std::vector<std::unique_ptr<command>> commands;
        commands.push_back(std::make_unique<copy_command>(options_));
        commands.push_back(std::make_unique<tree_command>());
        line_ = std::make_unique<command_line>(std::move(commands));
        return line_->parse(arguments);
    }
    std::string mistake(const std::vector<std::string>& arguments) {
        const request asked = parse(arguments);
        EXPECT_EQ(asked.what, request::kind::mistake);
        EXPECT_EQ(asked.command, nullptr);
        return asked.mistake;
    }

    given options_;
    std::unique_ptr<command_line> line_;
};

TEST_F(Cli, FillsTheOptionsOfACommand) {
    const request asked =
        parse({"copy", "-v", "--timeout=1m30s", "--size", "64KiB", "-n3", "tcp://h:1", "--proto",
               "v2", "--file", "-", "--backend", "epoll"});
    EXPECT_EQ(asked.what, request::kind::run);
    ASSERT_NE(asked.command, nullptr) << asked.mistake;
    EXPECT_EQ(asked.command->name(), "copy");
    EXPECT_TRUE(options_.verbose);
    EXPECT_EQ(options_.timeout, 90s);
    EXPECT_EQ(options_.size, 65536U);
    EXPECT_EQ(options_.count, 3U);
    EXPECT_EQ(options_.version, 2);
    EXPECT_EQ(options_.file, "-");
    EXPECT_EQ(options_.target->to_string(), "tcp://h:1");
    EXPECT_EQ(line_->globals().backend, backend_kind::epoll);
}

TEST_F(Cli, TakesTheLastOfARepeatedOption) {
    EXPECT_EQ(parse({"copy", "a:1", "--size", "1", "--size", "2"}).what, request::kind::run);
    EXPECT_EQ(options_.size, 2U);
}

TEST_F(Cli, TakesOperandsThatLookLikeCommandsOrComeAfterTwoDashes) {
    EXPECT_EQ(parse({"copy", "-"}).what, request::kind::run);
    EXPECT_EQ(options_.target->to_string(), "stdio:");
    EXPECT_EQ(parse({"copy", "--", "./tree"}).what, request::kind::run);
    EXPECT_EQ(options_.target->path(), "./tree");
    EXPECT_TRUE(mistake({"copy", "tree"}).starts_with("TARGET: "));
}

TEST_F(Cli, TakesGlobalOptionsBeforeAndAfterTheCommand) {
    EXPECT_EQ(parse({"--color=never", "tree", "leaf", "--backend=epoll"}).what, request::kind::run);
    EXPECT_EQ(line_->globals().color, color_mode::never);
    EXPECT_EQ(line_->globals().backend, backend_kind::epoll);
}

TEST_F(Cli, FindsTheCommandBelowACommand) {
    const request asked = parse({"tree", "leaf"});
    EXPECT_EQ(asked.what, request::kind::run);
    EXPECT_EQ(asked.command->name(), "leaf");
    EXPECT_EQ(full_name(*asked.page), "runnel tree leaf");
}

TEST_F(Cli, ShowsHelpOfTheCommandNamedAlsoWithoutItsOperands) {
    EXPECT_EQ(parse({"copy", "-h"}).page->summary, "copy things");
    EXPECT_EQ(parse({"copy", "--help"}).what, request::kind::help);
    EXPECT_EQ(parse({"tree", "--help"}).what, request::kind::help);
    EXPECT_EQ(parse({"--help"}).page->path.size(), 1U);
    EXPECT_EQ(parse({"--version"}).what, request::kind::version);
}

TEST_F(Cli, ExplainsEachMistake) {
    EXPECT_EQ(mistake({}), "a command is missing");
    EXPECT_EQ(mistake({"tree"}), "a command is missing");
    EXPECT_EQ(mistake({"cpy", "x"}), "unknown command 'cpy'; did you mean 'copy'?");
    EXPECT_EQ(mistake({"tree", "laef"}), "unknown command 'laef'; did you mean 'leaf'?");
    EXPECT_EQ(mistake({"zzzzzz"}), "unknown command 'zzzzzz'");
    EXPECT_EQ(mistake({"copy"}), "TARGET is missing");
    EXPECT_EQ(mistake({"copy", "a:1", "b:2"}), "unexpected argument 'b:2'");
    EXPECT_EQ(mistake({"copy", "a:1", "--timeot=3s"}),
              "unknown option '--timeot'; did you mean '--timeout'?");
    EXPECT_EQ(mistake({"copy", "--bogus"}), "unknown option '--bogus'") << "before what is missing";
    EXPECT_EQ(mistake({"copy", "a:1", "-n", "10"}), "--count: expected 1 to 9, got 10");
    EXPECT_EQ(mistake({"copy", "a:1", "--proto", "v3"}),
              "--proto: expected one of v1, v2, got 'v3'; did you mean 'v1'?");
    EXPECT_TRUE(mistake({"copy", "a:1", "--timeout", "5"}).starts_with("--timeout: "));
    EXPECT_TRUE(mistake({"copy", "a:1", "--size", "5 k"}).starts_with("--size: "));
    EXPECT_TRUE(mistake({"copy", "tpc://a:1"}).starts_with("TARGET: "));
    EXPECT_NE(mistake({"copy", "a:1", "--size"}), "");
}

TEST_F(Cli, HelpShowsEverythingWithinTheWidth) {
    const request asked = parse({"copy", "--help"});
    const terminal out(1, false, false, 72);
    const std::string help = render_help(*asked.page, out);
    for (const char* part :
         {"runnel copy - copy things", "Usage: runnel copy [OPTIONS] TARGET", "Copies.",
          "  -v, --verbose               Say more. And more.",
          "      --timeout DURATION      Give up after so long. Default: never.", "One of: v1, v2.",
          "runnel copy tcp://a:1", "  0                           copied",
          "Global options:", "--backend"}) {
        EXPECT_TRUE(help.contains(part)) << part << "\n" << help;
    }
    for (std::size_t start = 0; start < help.size();) {
        const std::size_t end = help.find('\n', start);
        EXPECT_LE(end - start, 72U) << help.substr(start, end - start);
        start = end + 1;
    }
}

TEST_F(Cli, TheManualPageEscapesWhatGroffWouldInterpret) {
    static_cast<void>(parse({}));
    command_page page = line_->page();
    page.paragraphs = {".not a request", "'nor this \\fB-x"};
    const std::string man = render_man(page, "1.2");
    EXPECT_TRUE(man.starts_with(".TH \"RUNNEL\" 1 \"\" \"runnel 1.2\"")) << man;
    EXPECT_TRUE(man.contains("\n\\&.not a request\n"));
    EXPECT_TRUE(man.contains("\n\\&\\(aqnor this \\(rsfB\\-x\n"));
    EXPECT_TRUE(man.contains(".SS \"runnel copy\""));
    EXPECT_TRUE(man.contains(".B \"\\-\\-timeout DURATION\""));
}

TEST_F(Cli, CompletionsKnowCommandsOptionsAndChoices) {
    static_cast<void>(parse({}));
    const std::string bash = bash_completion(line_->page());
    EXPECT_TRUE(bash.contains("'runnel copy') commands='' options='-v --verbose --timeout"));
    EXPECT_TRUE(bash.contains("'runnel copy --proto') kind=choice choices='v1 v2' ;;"));
    EXPECT_TRUE(bash.contains("'runnel tree') commands='leaf'"));
    const std::string zsh = zsh_completion(line_->page());
    EXPECT_TRUE(zsh.contains("'(-v --verbose)--verbose[Say more]'"));
    EXPECT_TRUE(zsh.contains("'(--proto)--proto=[Which\\: it'\\''s \\[a\\] choice]:V:(v1 v2)'"));
    EXPECT_TRUE(zsh.contains("_runnel_tree_leaf() {"));
    const std::string fish = fish_completion(line_->page());
    EXPECT_TRUE(fish.contains("-n '__runnel_at runnel copy' -s v -l verbose -d 'Say more'"));
    EXPECT_TRUE(fish.contains("-l file -r -F -d 'A file'"));
}

TEST_F(Cli, EveryOptionOnAPageIsOneThatTheParserKnows) {
    command_line all(all_commands());
    for_each_page(all.page(), [](const command_page& page) {
        for_each_option(page, [&page](const option_page& option) {
            for (const std::string& name : option.names) {
                std::vector<std::string> arguments(page.path.begin() + 1, page.path.end());
                arguments.push_back(name);
                command_line fresh(all_commands());
                const request asked = fresh.parse(arguments);
                EXPECT_FALSE(asked.mistake.contains("unknown")) << full_name(page) << ' ' << name;
            }
        });
    });
}

TEST_F(Cli, EveryCommandTeaches) {
    const command_line all(all_commands());
    for_each_page(all.page(), [](const command_page& page) {
        EXPECT_FALSE(page.summary.empty()) << full_name(page);
        EXPECT_FALSE(page.summary.ends_with('.')) << full_name(page);
        EXPECT_FALSE(page.paragraphs.empty()) << full_name(page);
        if (page.commands.empty()) {
            EXPECT_FALSE(page.exits.empty()) << full_name(page);
        }
        for_each_option(page, [&page](const option_page& option) {
            EXPECT_TRUE(option.text.ends_with('.')) << full_name(page) << option.names.back();
        });
    });
}

} // namespace
} // namespace runnel::program
