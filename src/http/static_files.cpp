// SPDX-License-Identifier: Apache-2.0
#include "runnel/http/static_files.hpp"

#include "file_body.hpp"
#include "folder_page.hpp"
#include "runnel/async/loop.hpp"
#include "runnel/core/random.hpp"
#include "runnel/http/date.hpp"
#include "runnel/http/media_type.hpp"
#include "runnel/http/precondition.hpp"
#include "runnel/http/quality.hpp"
#include "runnel/http/range.hpp"
#include "static_path.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace runnel::inline v0::http {
namespace {

/// A folder with more names is not listed.
constexpr std::size_t most_listed = 10'000;

struct coding {
    std::string_view name;
    std::string_view ending;
};
/// The best first.
constexpr auto codings = std::to_array<coding>({{"br", ".br"}, {"zstd", ".zst"}, {"gzip", ".gz"}});

response plain_answer(status code) {
    return response::text(code, fmt::format("{} {}\n", number(code), reason(code)));
}

response refusal(const error& why) {
    switch (why.kind()) {
    case errc::not_found:
        return plain_answer(status::not_found);
    case errc::permission_denied:
        return plain_answer(status::forbidden);
    case errc::limit_exceeded:
        return plain_answer(status::service_unavailable);
    default:
        return plain_answer(status::internal_server_error);
    }
}

response refuse_method(method asked) {
    response made = asked == method::options ? response(status::no_content)
                                             : plain_answer(status::method_not_allowed);
    made.add("Allow", "GET, HEAD, OPTIONS");
    return made;
}

/// Codings that the client wants at least as much as none, those it wants most first.
std::vector<coding> wanted_codings(const fields_view& fields) {
    const unsigned none = quality_of(fields, "Accept-Encoding", "identity");
    std::vector<std::pair<unsigned, std::size_t>> weighed; // 1000 less the weight, and which
    for (std::size_t index = 0; index < codings.size(); ++index) {
        const unsigned wanted = quality_of(fields, "Accept-Encoding", codings[index].name);
        if (wanted != 0 && wanted >= none) {
            weighed.emplace_back(1000 - wanted, index);
        }
    }
    std::ranges::sort(weighed);
    std::vector<coding> wanted;
    for (const auto& each : weighed) {
        wanted.push_back(codings[each.second]);
    }
    return wanted;
}

std::chrono::sys_seconds whole_seconds(wall_time moment) noexcept {
    return std::chrono::floor<std::chrono::seconds>(moment);
}

std::string tag_of(const tree_facts& facts) {
    return fmt::format("\"{:x}-{:x}\"", facts.version, facts.size);
}

std::string random_boundary() {
    std::array<std::byte, 16> bytes{};
    secure_random(bytes);
    std::string text = "runnel-";
    for (const std::byte each : bytes) {
        text += fmt::format("{:02x}", std::to_integer<unsigned>(each));
    }
    return text;
}

} // namespace

task<response> static_files::answer(request& asked) {
    return answer(asked, asked.path());
}

task<response> static_files::answer(request& asked, std::string_view path) {
    if (asked.verb() != method::get && asked.verb() != method::head) {
        co_return refuse_method(asked.verb());
    }
    auto place = parse_static_path(path, options_.hidden);
    if (!place) {
        co_return plain_answer(place.error());
    }
    result<std::unique_ptr<tree_file>> found = co_await tree_->open(place->name);
    if (!found) {
        co_return refusal(found.error());
    }
    const tree_kind kind = (*found)->facts().kind;
    if (kind == tree_kind::other || (kind == tree_kind::file && place->folder)) {
        co_return plain_answer(status::not_found);
    }
    if (kind == tree_kind::file) {
        co_return co_await serve(asked, std::move(place->name), *std::move(found));
    }
    if (!place->folder) {
        place->folder = true;
        std::string target = spell_path(*place);
        if (!asked.query().empty()) {
            target.append("?").append(asked.query());
        }
        response made = plain_answer(status::permanent_redirect);
        made.add("Location", target);
        co_return made;
    }
    std::optional<response> made = co_await answer_index(asked, place->name);
    if (made) {
        co_return *std::move(made);
    }
    if (!options_.listing) {
        co_return plain_answer(status::not_found);
    }
    co_return co_await list(**found, place->name);
}

/// Nothing if the folder has no index.
task<std::optional<response>> static_files::answer_index(request& asked, std::string folder) {
    if (options_.index.empty()) {
        co_return std::nullopt;
    }
    std::string name = folder.empty() ? folder : folder + "/";
    name += options_.index;
    result<std::unique_ptr<tree_file>> found = co_await tree_->open(name);
    if (!found && found.error() != errc::not_found) {
        co_return refusal(found.error());
    }
    if (!found || (*found)->facts().kind != tree_kind::file) {
        co_return std::nullopt;
    }
    co_return co_await serve(asked, std::move(name), *std::move(found));
}

task<response> static_files::list(tree_file& folder, std::string path) {
    result<std::vector<tree_entry>> entries = co_await folder.list(most_listed);
    if (!entries) {
        co_return refusal(entries.error());
    }
    std::erase_if(*entries, [this](const tree_entry& each) {
        return each.facts.kind == tree_kind::other ||
               (!options_.hidden && each.name.starts_with('.'));
    });
    const std::string shown = path.empty() ? "/" : "/" + path + "/";
    const std::string page = folder_page(shown, *std::move(entries));
    response made(status::ok, "text/html; charset=utf-8", buffer::copy_of(page));
    made.add("Cache-Control", "no-cache");
    made.add("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'");
    made.add("X-Content-Type-Options", "nosniff");
    co_return made;
}

/// The variant that the client likes best.
task<static_files::variant> static_files::choose(request& asked, std::string name,
                                                 std::unique_ptr<tree_file> plain) {
    if (options_.precompressed) {
        for (const coding& each : wanted_codings(asked.fields())) {
            result<std::unique_ptr<tree_file>> found =
                co_await tree_->open(name + std::string(each.ending));
            if (found && (*found)->facts().kind == tree_kind::file) {
                co_return variant(*std::move(found), each.name);
            }
        }
    }
    co_return variant(std::move(plain), {});
}

/// Adds what is said of the file with every answer that is about it.
void static_files::describe(response& made, const tree_facts& facts,
                            std::string_view coding) const {
    const date_text modified(whole_seconds(facts.modified));
    made.add("ETag", tag_of(facts)).add("Last-Modified", modified.text());
    if (options_.max_age > duration(0)) {
        const auto age = std::chrono::duration_cast<std::chrono::seconds>(options_.max_age);
        made.add("Cache-Control", fmt::format("max-age={}", age.count()));
    } else {
        made.add("Cache-Control", "no-cache");
    }
    if (!coding.empty()) {
        made.add("Content-Encoding", coding);
    }
    if (options_.precompressed) {
        made.add("Vary", "Accept-Encoding");
    }
}

task<response> static_files::serve(request& asked, std::string name,
                                   std::unique_ptr<tree_file> plain) {
    const std::string_view type = media_type_of(name);
    variant chosen = co_await choose(asked, std::move(name), std::move(plain));
    const tree_facts facts = chosen.file->facts();
    const std::string tag = tag_of(facts);
    const validators current{.tag = *parse_entity_tag(tag),
                             .modified = whole_seconds(facts.modified)};
    const precondition state = evaluate(asked.fields(), asked.verb(), current);
    if (state != precondition::holds) {
        response made = state == precondition::failed ? plain_answer(status::precondition_failed)
                                                      : response(status::not_modified);
        describe(made, facts, {});
        co_return made;
    }
    response made = co_await content(asked, type, current, std::move(chosen.file));
    describe(made, facts, chosen.coding);
    co_return made;
}

/// The file, or the parts of it that are asked for.
task<response> static_files::content(request& asked, std::string_view type,
                                     const validators& current, std::unique_ptr<tree_file> file) {
    const std::uint64_t size = file->facts().size;
    const std::optional<std::string_view> wanted = asked.find("Range");
    if (wanted && asked.verb() == method::get && range_counts(asked.fields(), current)) {
        const byte_ranges ranges(*wanted, size);
        if (ranges.what() == byte_ranges::outcome::unsatisfiable) {
            response made = plain_answer(status::range_not_satisfiable);
            made.add("Content-Range", fmt::format("bytes */{}", size));
            co_return made;
        }
        if (ranges.what() == byte_ranges::outcome::parts) {
            co_return parts_of(type, size, std::move(file), ranges.parts());
        }
    }
    if (asked.verb() == method::head || size == 0) {
        response made = empty_response(status::ok, type, size);
        made.add("Accept-Ranges", "bytes").add("X-Content-Type-Options", "nosniff");
        co_return made;
    }
    std::optional<response> made;
    if (size <= small_file) {
        result<buffer> data = co_await file->read(0, static_cast<std::size_t>(size));
        if (data && data->size() == size) {
            made.emplace(status::ok, type, *std::move(data));
        }
    }
    if (!made) {
        made.emplace(
            file_response(status::ok, type, std::move(file), {.first = 0, .last = size - 1}));
    }
    made->add("Accept-Ranges", "bytes").add("X-Content-Type-Options", "nosniff");
    co_return *std::move(made);
}

response static_files::parts_of(std::string_view type, std::uint64_t size,
                                std::unique_ptr<tree_file> file,
                                std::span<const byte_range> parts) {
    if (parts.size() > 1) {
        return parts_response(type, size, std::move(file), parts, random_boundary());
    }
    response made = file_response(status::partial_content, type, std::move(file), parts.front());
    made.add("Content-Range", content_range(parts.front(), size));
    return made;
}

} // namespace runnel::inline v0::http
