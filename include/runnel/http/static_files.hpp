// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runnel/async/task.hpp"
#include "runnel/async/time.hpp"
#include "runnel/flow/file_tree.hpp"
#include "runnel/http/precondition.hpp"
#include "runnel/http/range.hpp"
#include "runnel/http/request.hpp"
#include "runnel/http/response.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace runnel::inline v0::http {

/// How files are served. The texts outlive the server.
struct static_options {
    /// The file that stands for its folder; empty: none.
    std::string_view index = "index.html";
    /// Shows what is in a folder that has no such file.
    bool listing = false;
    /// Whether names that begin with a dot are served and listed; `.well-known` always is served.
    bool hidden = false;
    /// Whether `name.br`, `name.zst` or `name.gz` is sent in the place of `name` to those who
    /// accept that coding.
    bool precompressed = false;
    /// How long an answer may be used without asking again; 0: not at all, though it may be kept.
    duration max_age{0};
};
static_assert(std::is_trivially_destructible_v<static_options>);

/// Serves a tree of files: GET and HEAD with validators, conditions, and parts of files, also many
/// at once (RFC 9110, sections 8.8, 13 and 14).
///
/// The path of a request is decoded once, and what leads out of the tree is refused before a file
/// is opened; the tree itself does not let it out either. A path to a folder without a slash behind
/// it is answered with a redirect to the one with.
class static_files {
public:
    explicit static_files(file_tree& from, static_options options = {}) noexcept
        : tree_(&from), options_(options) {}

    /// Answers with the file that the path of the request leads to.
    [[nodiscard]] task<response> answer(request& asked);
    /// The same for another path, percent-encoded and with a slash in front: where the files stand
    /// below a path of their own, which was taken off. `asked` and `path` live until it is done.
    [[nodiscard]] task<response> answer(request& asked, std::string_view path);

private:
    /// A file, and the coding it is in; empty: as it is.
    struct variant {
        variant(std::unique_ptr<tree_file> what, std::string_view how) noexcept
            : file(std::move(what)), coding(how) {}
        std::unique_ptr<tree_file> file;
        std::string_view coding;
    };

    [[nodiscard]] task<std::optional<response>> answer_index(request& asked, std::string folder);
    [[nodiscard]] task<response> list(tree_file& folder, std::string path);
    [[nodiscard]] task<response> serve(request& asked, std::string name,
                                       std::unique_ptr<tree_file> plain);
    [[nodiscard]] task<variant> choose(request& asked, std::string name,
                                       std::unique_ptr<tree_file> plain);
    [[nodiscard]] static task<response> content(request& asked, std::string_view type,
                                                const validators& current,
                                                std::unique_ptr<tree_file> file);
    [[nodiscard]] static response parts_of(std::string_view type, std::uint64_t size,
                                           std::unique_ptr<tree_file> file,
                                           std::span<const byte_range> parts);
    void describe(response& made, const tree_facts& facts, std::string_view coding) const;

    file_tree* tree_;
    static_options options_;
};

} // namespace runnel::inline v0::http
