// SPDX-License-Identifier: Apache-2.0
// How fast heads are read: a browser's request of 700 bytes and the least that a tool sends. The
// limit is the processor; the bytes are in its first cache.

#include "runnel/http/framing.hpp"
#include "runnel/http/head_parser.hpp"

#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace {

using namespace runnel::http;

constexpr std::string_view browser =
    "GET /articles/2026/11/reading-bytes-quickly?ref=front&page=2 HTTP/1.1\r\n"
    "Host: www.example.org\r\n"
    "Connection: keep-alive\r\n"
    "Cache-Control: max-age=0\r\n"
    "sec-ch-ua: \"Chromium\";v=\"128\", \"Not;A=Brand\";v=\"24\"\r\n"
    "sec-ch-ua-mobile: ?0\r\n"
    "Upgrade-Insecure-Requests: 1\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/128.0.0.0 Safari/537.36\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,"
    "*/*;q=0.8\r\n"
    "Referer: https://www.example.org/articles/\r\n"
    "Accept-Encoding: gzip, deflate, br, zstd\r\n"
    "Accept-Language: en-GB,en;q=0.9\r\n"
    "Cookie: session=0123456789abcdef0123456789abcdef; theme=dark; seen=1; "
    "visits=17; last=2026-11-19T08:15:30Z\r\n"
    "\r\n";
static_assert(browser.size() > 680 && browser.size() < 710);

constexpr std::string_view shortest =
    "GET / HTTP/1.1\r\nHost: 127.0.0.1:80\r\nAccept: text/html, */*\r\n\r\n";
static_assert(shortest.size() == 62);

void read_head(benchmark::State& state, std::string_view text, bool rules) {
    const auto bytes = std::as_bytes(std::span(text));
    head_parser parser(head_parser::kind::request);
    for ([[maybe_unused]] auto _ : state) {
        parser.reset();
        auto whole = parser.parse(bytes);
        benchmark::DoNotOptimize(whole);
        if (rules) {
            auto seen = examine(parser.request());
            benchmark::DoNotOptimize(seen);
        }
    }
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}

BENCHMARK_CAPTURE(read_head, browser, browser, false);
BENCHMARK_CAPTURE(read_head, shortest, shortest, false);
BENCHMARK_CAPTURE(read_head, browser_and_rules, browser, true);
BENCHMARK_CAPTURE(read_head, shortest_and_rules, shortest, true);

} // namespace
