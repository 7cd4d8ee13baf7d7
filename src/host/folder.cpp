// SPDX-License-Identifier: Apache-2.0
#include "runnel/host/folder.hpp"

#include "open_beneath.hpp"
#include "runnel/async/blocking.hpp"
#include "runnel/core/siphash.hpp"
#include "runnel/host/unique_fd.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <string_view>
#include <utility>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

namespace runnel::inline v0::host {
namespace {

/// Seconds that a `wall_time` can hold: some 285 years.
constexpr std::int64_t farthest = 9'000'000'000;

std::uint64_t nanoseconds(const timespec& time) noexcept {
    return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000U +
           static_cast<std::uint64_t>(time.tv_nsec);
}

tree_facts facts_of(const struct stat& status) noexcept {
    tree_facts facts;
    facts.kind = S_ISREG(status.st_mode)   ? tree_kind::file
                 : S_ISDIR(status.st_mode) ? tree_kind::folder
                                           : tree_kind::other;
    facts.size = facts.kind == tree_kind::file ? static_cast<std::uint64_t>(status.st_size) : 0;
    const std::int64_t modified =
        std::clamp<std::int64_t>(status.st_mtim.tv_sec, -farthest, farthest);
    facts.modified = wall_time(std::chrono::seconds(modified) + duration(status.st_mtim.tv_nsec));
    // The time of the last change cannot be set, unlike that of the last modification.
    const std::array<std::uint64_t, 5> numbers{status.st_dev, status.st_ino, facts.size,
                                               nanoseconds(status.st_mtim),
                                               nanoseconds(status.st_ctim)};
    facts.version = siphash(siphash_key(), std::as_bytes(std::span(numbers)));
    return facts;
}

class folder_file final : public tree_file {
public:
    folder_file(unique_fd file, const tree_facts& facts, std::string path)
        : file_(std::move(file)), facts_(facts), path_(std::move(path)) {}

    [[nodiscard]] const tree_facts& facts() const noexcept override { return facts_; }

    task<result<buffer>> read(std::uint64_t offset, std::size_t most) override {
        buffer data = buffer::allocate(std::max<std::size_t>(most, 1));
        const iovec place{data.writable().data(), data.size()};
        const auto at = static_cast<off_t>(offset);
        ssize_t got = ::preadv2(file_.get(), &place, 1, at, RWF_NOWAIT);
        if (got < 0) { // not in memory, or a file system that cannot tell
            const result<void> called = co_await run_blocking([&]() -> result<void> {
                got = ::preadv(file_.get(), &place, 1, at);
                return got < 0 ? failed("read") : result<void>();
            });
            if (!called) {
                co_return fail(called.error());
            }
        }
        if (got == 0) {
            co_return fail(errc::end);
        }
        data.truncate(static_cast<std::size_t>(got));
        co_return data;
    }

    task<result<std::vector<tree_entry>>> list(std::size_t most) override {
        std::vector<tree_entry> entries;
        const result<void> called =
            co_await run_blocking([&]() -> result<void> { return list_blocking(most, entries); });
        if (!called) {
            co_return fail(called.error());
        }
        co_return entries;
    }

private:
    result<void> failed(const char* what) const {
        return fail(error::from_errno(errno, std::string(what) + " " + path_));
    }

    result<void> list_blocking(std::size_t most, std::vector<tree_entry>& entries) const {
        // A descriptor of its own, since reading a folder moves its position.
        const int copy = ::openat(file_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        const std::unique_ptr<DIR, int (*)(DIR*)> folder(copy < 0 ? nullptr : ::fdopendir(copy),
                                                         &::closedir);
        if (folder == nullptr) {
            return failed("list");
        }
        // The folder is this thread's alone.
        while (const dirent* const each =
                   ::readdir(folder.get())) { // NOLINT(concurrency-mt-unsafe)
            const std::string_view name(static_cast<const char*>(each->d_name));
            struct stat status{};
            if (name == "." || name == ".." ||
                ::fstatat(file_.get(), static_cast<const char*>(each->d_name), &status, 0) != 0) {
                continue; // a link to nothing, or removed meanwhile
            }
            if (entries.size() == most) {
                return fail(errc::limit_exceeded, "list " + path_);
            }
            entries.push_back({std::string(name), facts_of(status)});
        }
        return {};
    }

    unique_fd file_;
    tree_facts facts_;
    std::string path_;
};

class folder final : public file_tree {
public:
    explicit folder(unique_fd root) noexcept : root_(std::move(root)) {}

    task<result<std::unique_ptr<tree_file>>> open(std::string path) override {
        if (path.find('\0') != std::string::npos) {
            co_return fail(errc::not_found, "open a path with NUL");
        }
        std::optional<result<unique_fd>> opened = open_beneath_cached(root_.get(), path);
        if (!opened) {
            const result<void> called = co_await run_blocking([&]() -> result<void> {
                opened.emplace(open_beneath(root_.get(), path));
                return {};
            });
            if (!called) {
                co_return fail(called.error());
            }
        }
        if (!*opened) {
            co_return fail(opened->error());
        }
        struct stat status{};
        if (::fstat((*opened)->get(), &status) != 0) {
            co_return fail(error::from_errno(errno, "open " + path));
        }
        co_return std::make_unique<folder_file>(**std::move(opened), facts_of(status),
                                                std::move(path));
    }

private:
    unique_fd root_;
};

} // namespace

result<std::unique_ptr<file_tree>> open_folder(const std::string& path) {
    unique_fd root(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!root) {
        if (errno == ENOTDIR) {
            return fail(errc::invalid_argument, path + " is not a folder");
        }
        return fail(error::from_errno(errno, "open " + path));
    }
    return std::make_unique<folder>(std::move(root));
}

} // namespace runnel::inline v0::host
