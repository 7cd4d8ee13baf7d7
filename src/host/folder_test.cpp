// SPDX-License-Identifier: Apache-2.0
#include "runnel/host/folder.hpp"

#include "host_test.hpp"
#include "open_beneath.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>

namespace runnel::host_test {
namespace {

namespace fs = std::filesystem;
using host::open_folder;
using host::unique_fd;

class FolderTreeTest : public FolderTest {
protected:
    void put(const std::string& name, std::string_view text) {
        fs::create_directories((folder() / name).parent_path());
        std::ofstream(folder() / name) << text;
    }
    [[nodiscard]] fs::path folder() const { return fs::path(path("")); }

    /// The content of a file, or why there is none.
    static task<std::string> content(file_tree& tree, std::string name) {
        auto file = co_await tree.open(std::move(name));
        if (!file) {
            co_return "<" + std::string(describe(file.error().kind())) + ">";
        }
        std::string text;
        for (;;) {
            const result<buffer> piece = co_await (*file)->read(text.size(), 3);
            if (!piece) {
                EXPECT_EQ(piece.error(), errc::end);
                co_return text;
            }
            EXPECT_LE(piece->size(), 3U);
            text += piece->view();
        }
    }
};

TEST_P(FolderTreeTest, ReadsFilesByTheirPaths) {
    put("root/a.txt", "0123456789");
    put("root/sub/b.txt", "b");
    run([&]() -> task<void> {
        const auto tree = open_folder(path("root"));
        EXPECT_TRUE(tree);
        EXPECT_EQ(co_await content(**tree, "a.txt"), "0123456789");
        EXPECT_EQ(co_await content(**tree, "sub/b.txt"), "b");
        const auto file = co_await (*tree)->open("a.txt");
        EXPECT_EQ((*file)->facts().kind, tree_kind::file);
        EXPECT_EQ((*file)->facts().size, 10U);
        const auto sub = co_await (*tree)->open("sub");
        EXPECT_EQ((*sub)->facts().kind, tree_kind::folder);
        const auto root = co_await (*tree)->open("");
        EXPECT_EQ((*root)->facts().kind, tree_kind::folder);
    });
}

TEST_P(FolderTreeTest, TellsVersionsApart) {
    put("root/a", "1");
    run([&]() -> task<void> {
        const auto tree = open_folder(path("root"));
        const auto before = co_await (*tree)->open("a");
        const auto again = co_await (*tree)->open("a");
        EXPECT_EQ((*before)->facts().version, (*again)->facts().version);
        put("root/a", "22");
        const auto after = co_await (*tree)->open("a");
        EXPECT_NE((*before)->facts().version, (*after)->facts().version);
    });
}

TEST_P(FolderTreeTest, NeverLeadsOutside) {
    put("secret", "s");
    put("root/a", "1");
    fs::create_symlink("../secret", folder() / "root/up");
    fs::create_symlink(folder() / "secret", folder() / "root/absolute");
    fs::create_symlink(folder(), folder() / "root/folder");
    fs::create_symlink("a", folder() / "root/inside");
    fs::create_symlink("loop", folder() / "root/loop");
    run([&]() -> task<void> {
        const auto tree = open_folder(path("root"));
        for (const char* const name : {"../secret", "..", "up", "absolute", "folder/secret",
                                       "/secret", "loop", "none", "a/b", "../root/../secret"}) {
            EXPECT_EQ(co_await content(**tree, name),
                      "<" + std::string(describe(errc::not_found)) + ">")
                << name;
        }
        const std::string with_nul("a\0b", 3);
        EXPECT_NE(co_await content(**tree, with_nul), "1");
        const std::string inside = co_await content(**tree, "inside");
        EXPECT_TRUE(inside == "1" || inside.starts_with('<')) << inside;
    });
}

TEST_P(FolderTreeTest, NeverLeadsOutsideWithoutTheSystemsHelp) {
    put("secret", "s");
    put("root/a", "1");
    put("root/sub/b", "2");
    fs::create_symlink("../secret", folder() / "root/up");
    fs::create_symlink(folder(), folder() / "root/folder");
    const unique_fd root(::open(path("root").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    for (const char* const name : {"a", "sub/b", "sub", ""}) {
        EXPECT_TRUE(host::open_by_steps(root.get(), name)) << name;
    }
    for (const char* const name : {"../secret", "..", "up", "folder/secret", "sub/../../secret",
                                   "/secret", "//secret", "none", "a/b", "sub/.."}) {
        const auto opened = host::open_by_steps(root.get(), name);
        ASSERT_FALSE(opened) << name;
        EXPECT_EQ(opened.error(), errc::not_found) << name;
    }
}

TEST_P(FolderTreeTest, ListsAFolder) {
    put("root/a", "1");
    put("root/sub/b", "2");
    fs::create_symlink("nothing", folder() / "root/dangling");
    run([&]() -> task<void> {
        const auto tree = open_folder(path("root"));
        const auto root = co_await (*tree)->open("");
        auto entries = co_await (*root)->list(10);
        EXPECT_TRUE(entries);
        std::ranges::sort(*entries, {}, &tree_entry::name);
        EXPECT_EQ(entries->size(), 2U);
        EXPECT_EQ(entries->front().name, "a");
        EXPECT_EQ(entries->front().facts.size, 1U);
        EXPECT_EQ(entries->back().name, "sub");
        EXPECT_EQ(entries->back().facts.kind, tree_kind::folder);
        const auto many = co_await (*root)->list(1);
        EXPECT_EQ(many.error(), errc::limit_exceeded);
        const auto again = co_await (*root)->list(10);
        EXPECT_EQ(again->size(), 2U);
    });
}

TEST_P(FolderTreeTest, OpensANamedPipeWithoutWaitingAndCallsItOther) {
    put("root/a", "1");
    ASSERT_EQ(::mkfifo(path("root/fifo").c_str(), 0600), 0);
    run([&]() -> task<void> {
        const auto tree = open_folder(path("root"));
        const auto fifo = co_await (*tree)->open("fifo");
        EXPECT_TRUE(fifo);
        EXPECT_EQ((*fifo)->facts().kind, tree_kind::other);
    });
}

TEST_P(FolderTreeTest, SaysWhyThereIsNone) {
    put("file", "1");
    EXPECT_EQ(open_folder(path("none")).error(), errc::not_found);
    EXPECT_EQ(open_folder(path("file")).error(), errc::invalid_argument);
}

INSTANTIATE_TEST_SUITE_P(Backends, FolderTreeTest, kernel_backends(), backend_name);

} // namespace
} // namespace runnel::host_test
