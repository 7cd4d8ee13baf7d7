// SPDX-License-Identifier: Apache-2.0
#include "runnel/http/static_files.hpp"

#include "runnel/http/media_type.hpp"
#include "static_path.hpp"
#include "virtual_run.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace runnel::http {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

/// Sunday, 6 November 1994, 08:49:37.
constexpr wall_time written = std::chrono::sys_seconds(784111777s);

class memory_file final : public tree_file {
public:
    memory_file(tree_facts facts, std::string content, std::vector<tree_entry> entries)
        : facts_(facts), content_(std::move(content)), entries_(std::move(entries)) {}

    [[nodiscard]] const tree_facts& facts() const noexcept override { return facts_; }
    task<result<buffer>> read(std::uint64_t offset, std::size_t most) override {
        if (offset >= content_.size()) {
            co_return fail(errc::end);
        }
        co_return buffer::copy_of(std::string_view(content_).substr(offset, most));
    }
    task<result<std::vector<tree_entry>>> list(std::size_t /*most*/) override {
        co_return std::move(entries_);
    }

private:
    tree_facts facts_;
    std::string content_;
    std::vector<tree_entry> entries_;
};

/// Files by their paths; a path that ends with a slash is a folder.
class memory_tree final : public file_tree {
public:
    std::map<std::string, std::string> files;
    std::size_t cut = 0; // so many bytes of each file are gone once it is open

    task<result<std::unique_ptr<tree_file>>> open(std::string path) override {
        const auto found = files.find(path);
        if (found != files.end()) {
            const std::string& text = found->second;
            co_return std::make_unique<memory_file>(
                tree_facts{.kind = tree_kind::file,
                           .size = text.size(),
                           .modified = written,
                           .version = std::hash<std::string>()(text)},
                text.substr(0, text.size() - std::min(cut, text.size())),
                std::vector<tree_entry>());
        }
        if (!path.empty() && !files.contains(path + "/")) {
            co_return fail(errc::not_found, path);
        }
        const std::string front = path.empty() ? "" : path + "/";
        std::vector<tree_entry> entries;
        for (const auto& [name, text] : files) {
            if (!name.starts_with(front) || name == front) {
                continue;
            }
            std::string rest = name.substr(front.size());
            tree_facts facts{.kind = tree_kind::file, .size = text.size(), .modified = written};
            if (rest.ends_with('/')) {
                rest.pop_back();
                facts.kind = tree_kind::folder;
            }
            if (rest.find('/') == std::string::npos) {
                entries.push_back({rest, facts});
            }
        }
        co_return std::make_unique<memory_file>(tree_facts{.kind = tree_kind::folder}, "",
                                                std::move(entries));
    }
};

class StaticFiles : public testing::Test {
protected:
    StaticFiles() {
        tree_.files = {{"a.txt", "0123456789"}, {"docs/", ""}, {"docs/index.html", "<p>"},
                       {"empty.css", ""},       {".env", "x"}, {"plain/", ""}};
    }

    std::string get(std::string_view path, std::string_view fields = "",
                    std::string_view verb = "GET") {
        static_files files(tree_, options_);
        server serving([&files](request& asked) { return files.answer(asked); });
        std::string text(verb);
        text.append(" ").append(path).append(" HTTP/1.1\r\nHost: h\r\nConnection: close\r\n");
        text.append(fields).append("\r\n");
        return answers_to(serving, text);
    }
    static std::string body_of(const std::string& answer) {
        return answer.substr(answer.find("\r\n\r\n") + 4);
    }
    static std::string field_of(const std::string& answer, const std::string& name) {
        const std::size_t at = answer.find("\r\n" + name + ": ");
        if (at == std::string::npos) {
            return "";
        }
        const std::size_t from = at + name.size() + 4;
        return answer.substr(from, answer.find("\r\n", from) - from);
    }

    memory_tree tree_;
    static_options options_;
};

TEST_F(StaticFiles, SendsAFileWithWhatThereIsToSayAboutIt) {
    const std::string answer = get("/a.txt?query");
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
    EXPECT_EQ(body_of(answer), "0123456789");
    EXPECT_EQ(field_of(answer, "Content-Type"), "text/plain; charset=utf-8");
    EXPECT_EQ(field_of(answer, "Content-Length"), "10");
    EXPECT_EQ(field_of(answer, "Last-Modified"), "Sun, 06 Nov 1994 08:49:37 GMT");
    EXPECT_EQ(field_of(answer, "Accept-Ranges"), "bytes");
    EXPECT_EQ(field_of(answer, "Cache-Control"), "no-cache");
    EXPECT_THAT(field_of(answer, "ETag"), StartsWith("\""));
    const std::string head = get("/a.txt", "", "HEAD");
    EXPECT_EQ(body_of(head), "");
    EXPECT_EQ(field_of(head, "Content-Length"), "10");
    EXPECT_EQ(field_of(head, "ETag"), field_of(answer, "ETag"));
    EXPECT_THAT(get("/empty.css"), StartsWith("HTTP/1.1 200 OK\r\n"));
    options_.max_age = 1h;
    EXPECT_EQ(field_of(get("/a.txt"), "Cache-Control"), "max-age=3600");
}

TEST_F(StaticFiles, SendsALargeFileInPiecesAndNeverOneThatWasCutAsWhole) {
    std::string large;
    for (int line = 0; large.size() < 1'000'000; ++line) {
        large += std::to_string(line) + "\n";
    }
    tree_.files["large"] = large;
    EXPECT_EQ(body_of(get("/large")), large);
    tree_.cut = 1;
    EXPECT_THAT(get("/large"), HasSubstr("<connection reset by the peer>"));
    EXPECT_THAT(get("/a.txt"), HasSubstr("<connection reset by the peer>"));
}

TEST_F(StaticFiles, SendsTheIndexOfAFolderAndRedirectsToIt) {
    EXPECT_EQ(body_of(get("/docs/")), "<p>");
    const std::string answer = get("/docs?a=b");
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 308 "));
    EXPECT_EQ(field_of(answer, "Location"), "/docs/?a=b");
    EXPECT_EQ(field_of(get("//docs"), "Location"), "/docs/");
    EXPECT_THAT(get("/plain/"), StartsWith("HTTP/1.1 404 "));
    EXPECT_THAT(get("/a.txt/"), StartsWith("HTTP/1.1 404 "));
    options_.index = "";
    EXPECT_THAT(get("/docs/"), StartsWith("HTTP/1.1 404 "));
}

TEST_F(StaticFiles, ListsAFolderWithEveryNameEscaped) {
    options_.listing = true;
    tree_.files["plain/<script>&\"'"] = "12345";
    tree_.files["plain/javascript:alert(1)"] = "";
    tree_.files["plain/z/"] = "";
    tree_.files["plain/.hidden"] = "";
    const std::string page = get("/plain/");
    EXPECT_THAT(page, StartsWith("HTTP/1.1 200 OK\r\n"));
    EXPECT_THAT(page, HasSubstr("<a href=\"./%3Cscript%3E%26%22%27\">&lt;script&gt;&amp;&quot;"
                                "&#39;</a><td>5<td>1994-11-06 08:49"));
    EXPECT_THAT(page, HasSubstr("<a href=\"./javascript%3Aalert%281%29\">"));
    EXPECT_THAT(page, Not(HasSubstr("hidden")));
    EXPECT_LT(page.find("./z/"), page.find("./javascript"));
    EXPECT_THAT(page, HasSubstr("<h1>/plain/</h1>"));
    EXPECT_EQ(body_of(get("/docs/")), "<p>");
}

TEST_F(StaticFiles, NeverLeavesTheTree) {
    for (const std::string_view path :
         {"/..", "/../a.txt", "/docs/../../a.txt", "/%2e%2e/a.txt", "/.%2E/a.txt", "/%zz", "/%"}) {
        EXPECT_THAT(get(path), StartsWith("HTTP/1.1 400 ")) << path;
    }
    for (const std::string_view path :
         {"/docs%2Findex.html", "/%00", "/a.txt%00.html", "/.env", "/%2eenv", "/docs/.git/config",
          "/%252e%252e/a.txt", "/..%2fa.txt", "/nothing", "/a.txt/b"}) {
        EXPECT_THAT(get(path), StartsWith("HTTP/1.1 404 ")) << path;
    }
    EXPECT_EQ(body_of(get("/docs/../a.txt")), "0123456789");
    EXPECT_EQ(body_of(get("/./docs/%2e%2e/%61.txt")), "0123456789");
    EXPECT_THAT(get("*", "", "OPTIONS"), StartsWith("HTTP/1.1 204 "));
    options_.hidden = true;
    EXPECT_EQ(body_of(get("/.env")), "x");
}

TEST_F(StaticFiles, ShowsWhatIsWellKnownThoughItBeginsWithADot) {
    tree_.files[".well-known/x"] = "y";
    EXPECT_EQ(body_of(get("/.well-known/x")), "y");
}

TEST_F(StaticFiles, AllowsReadingOnly) {
    for (const std::string_view verb : {"POST", "PUT", "DELETE", "PATCH"}) {
        const std::string answer = get("/a.txt", "", verb);
        EXPECT_THAT(answer, StartsWith("HTTP/1.1 405 ")) << verb;
        EXPECT_EQ(field_of(answer, "Allow"), "GET, HEAD, OPTIONS");
    }
}

TEST_F(StaticFiles, HeedsConditions) {
    const std::string tag = field_of(get("/a.txt"), "ETag");
    const std::string same = get("/a.txt", "If-None-Match: \"x\", W/" + tag + "\r\n");
    EXPECT_THAT(same, StartsWith("HTTP/1.1 304 "));
    EXPECT_EQ(field_of(same, "ETag"), tag);
    EXPECT_EQ(body_of(same), "");
    const std::string date = "Sun, 06 Nov 1994 08:49:37 GMT";
    const std::string earlier = "Sun, 06 Nov 1994 08:49:36 GMT";
    const auto status_of = [&](const std::string& fields) {
        return get("/a.txt", fields).substr(9, 3);
    };
    EXPECT_EQ(status_of("If-None-Match: \"x\"\r\nIf-None-Match: " + tag + "\r\n"), "304");
    EXPECT_EQ(status_of("If-None-Match: *\r\n"), "304");
    EXPECT_EQ(status_of("If-None-Match: \"x\"\r\n"), "200");
    EXPECT_EQ(status_of("If-Modified-Since: " + date + "\r\n"), "304");
    EXPECT_EQ(status_of("If-Modified-Since: " + earlier + "\r\n"), "200");
    EXPECT_EQ(status_of("If-Modified-Since: yesterday\r\n"), "200");
    EXPECT_EQ(status_of("If-None-Match: \"x\"\r\nIf-Modified-Since: " + date + "\r\n"), "200");
    EXPECT_EQ(status_of("If-Match: " + tag + "\r\n"), "200");
    EXPECT_EQ(status_of("If-Match: \"x\"\r\n"), "412");
    EXPECT_EQ(status_of("If-Match: W/" + tag + "\r\n"), "412");
    EXPECT_EQ(status_of("If-Unmodified-Since: " + date + "\r\n"), "200");
    EXPECT_EQ(status_of("If-Unmodified-Since: " + earlier + "\r\n"), "412");
}

TEST_F(StaticFiles, SendsTheParts) {
    const std::string one = get("/a.txt", "Range: bytes=2-4\r\n");
    EXPECT_THAT(one, StartsWith("HTTP/1.1 206 "));
    EXPECT_EQ(field_of(one, "Content-Range"), "bytes 2-4/10");
    EXPECT_EQ(body_of(one), "234");
    EXPECT_EQ(body_of(get("/a.txt", "Range: bytes=-3\r\n")), "789");
    EXPECT_EQ(body_of(get("/a.txt", "Range: bytes=7-\r\n")), "789");
    const std::string beyond = get("/a.txt", "Range: bytes=10-\r\n");
    EXPECT_THAT(beyond, StartsWith("HTTP/1.1 416 "));
    EXPECT_EQ(field_of(beyond, "Content-Range"), "bytes */10");
    EXPECT_THAT(get("/a.txt", "Range: bytes=x\r\n"), StartsWith("HTTP/1.1 200 "));
    EXPECT_THAT(get("/a.txt", "Range: bytes=0-1\r\n", "HEAD"), StartsWith("HTTP/1.1 200 "));

    const std::string many = get("/a.txt", "Range: bytes=0-1,8-\r\n");
    EXPECT_THAT(many, StartsWith("HTTP/1.1 206 "));
    const std::string type = field_of(many, "Content-Type");
    const std::string start = "multipart/byteranges; boundary=";
    ASSERT_THAT(type, StartsWith(start));
    const std::string mark = "--" + type.substr(start.size());
    const std::string kind = "\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Range: bytes ";
    EXPECT_EQ(body_of(many), mark + kind + "0-1/10\r\n\r\n01\r\n" + mark + kind +
                                 "8-9/10\r\n\r\n89\r\n" + mark + "--\r\n");
    EXPECT_EQ(field_of(many, "Content-Length"), std::to_string(body_of(many).size()));
}

TEST_F(StaticFiles, SendsPartsOnlyOfTheVersionThatIsMeant) {
    const std::string range = "Range: bytes=0-0\r\nIf-Range: ";
    const auto body = [&](const std::string& condition) {
        return body_of(get("/a.txt", range + condition + "\r\n"));
    };
    const std::string tag = field_of(get("/a.txt"), "ETag");
    EXPECT_EQ(body(tag), "0");
    EXPECT_EQ(body("W/" + tag), "0123456789");
    EXPECT_EQ(body("\"x\""), "0123456789");
    EXPECT_EQ(body("Sun, 06 Nov 1994 08:49:37 GMT"), "0");
    EXPECT_EQ(body("Sun, 06 Nov 1994 08:49:38 GMT"), "0123456789");
}

TEST_F(StaticFiles, SendsTheVariantThatTheClientLikesBest) {
    tree_.files["a.txt.gz"] = "GZIP";
    tree_.files["a.txt.br"] = "BROTLI";
    EXPECT_EQ(field_of(get("/a.txt", "Accept-Encoding: gzip\r\n"), "Vary"), "");
    options_.precompressed = true;
    const std::string both = get("/a.txt", "Accept-Encoding: gzip, zstd, br\r\n");
    EXPECT_EQ(body_of(both), "BROTLI");
    EXPECT_EQ(field_of(both, "Content-Encoding"), "br");
    EXPECT_EQ(field_of(both, "Content-Type"), "text/plain; charset=utf-8");
    EXPECT_EQ(field_of(both, "Vary"), "Accept-Encoding");
    const std::string one = get("/a.txt", "Accept-Encoding: br;q=0.5, gzip\r\n");
    EXPECT_EQ(body_of(one), "GZIP");
    EXPECT_NE(field_of(one, "ETag"), field_of(both, "ETag"));
    const std::string none = get("/a.txt", "Accept-Encoding: br;q=0, zstd\r\n");
    EXPECT_EQ(body_of(none), "0123456789");
    EXPECT_EQ(field_of(none, "Vary"), "Accept-Encoding");
    EXPECT_EQ(body_of(get("/a.txt", "Accept-Encoding: identity, gzip;q=0.5\r\n")), "0123456789");
}

TEST(MediaType, IsFoundByTheEndingOfTheName) {
    EXPECT_EQ(media_type_of("index.html"), "text/html; charset=utf-8");
    EXPECT_EQ(media_type_of("A.B.JPEG"), "image/jpeg");
    EXPECT_EQ(media_type_of("html"), "application/octet-stream");
    EXPECT_EQ(media_type_of("x."), "application/octet-stream");
    EXPECT_EQ(media_type_of("x.averyverylongending"), "application/octet-stream");
}

TEST(StaticPath, IsSpelledSoThatItIsReadBack) {
    for (const std::string_view path : {"/", "/a", "/a/", "/a%20b/%C3%A9", "/a%3Fb/%25"}) {
        const auto parsed = parse_static_path(path, false);
        ASSERT_TRUE(parsed) << path;
        EXPECT_EQ(spell_path(*parsed), path);
    }
}

} // namespace
} // namespace runnel::http
