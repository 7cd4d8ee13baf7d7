// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/task.hpp"
#include "runnel/async/time.hpp"
#include "runnel/core/buffer.hpp"
#include "runnel/core/error.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace runnel::inline v0 {

/// What a name in a tree of files stands for.
enum class tree_kind : std::uint8_t { file, folder, other };

/// What there is to know about a file or folder without reading it.
struct tree_facts {
    tree_kind kind = tree_kind::other;
    std::uint64_t size = 0; ///< bytes; of a file
    wall_time modified{};
    /// A number that is another one when the content may be another one.
    std::uint64_t version = 0;
};

/// One name in a folder.
struct tree_entry {
    std::string name;
    tree_facts facts = {};
};

/// An open file or folder. What it gives is the content it had when it was opened, or what was
/// written over it since; a name that was given to another file meanwhile changes nothing.
class tree_file {
public:
    tree_file() = default;
    tree_file(const tree_file&) = delete;
    tree_file& operator=(const tree_file&) = delete;
    virtual ~tree_file() = default;

    /// As of when it was opened.
    [[nodiscard]] virtual const tree_facts& facts() const noexcept = 0;

    /// At least 1 byte and at most `most` bytes from `offset` on. `end` where the file ends.
    [[nodiscard]] virtual task<result<buffer>> read(std::uint64_t offset, std::size_t most) = 0;

    /// The names in a folder, in no order, without `.` and `..`. `limit_exceeded` for more than
    /// `most`.
    [[nodiscard]] virtual task<result<std::vector<tree_entry>>> list(std::size_t most) = 0;
};

/// Files to be read, by paths that cannot lead out of the tree. The interface by which layers that
/// know no system reach one's files, or a program's own content.
class file_tree {
public:
    file_tree() = default;
    file_tree(const file_tree&) = delete;
    file_tree& operator=(const file_tree&) = delete;
    virtual ~file_tree() = default;

    /// Opens what a path leads to: names with `/` between them, such as `a/b.txt`; an empty one is
    /// the root. `not_found` also for a path that leads out of the tree.
    [[nodiscard]] virtual task<result<std::unique_ptr<tree_file>>> open(std::string path) = 0;
};

} // namespace runnel::inline v0
