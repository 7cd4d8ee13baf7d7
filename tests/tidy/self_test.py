#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Shows that each rule of tidy can fail, and that it lets pass what only looks like a breach."""

import sys
import unittest

from rules import RULES, check
from source import Source

SPDX = "// SPDX-License-Identifier: Apache-2.0\n"


def found(path, text, header_text=""):
    return {(rule, line) for rule, line, _ in check(Source(path, text, header_text))}


def cpp(body, path="src/flow/x.cpp", header_text=""):
    return found(path, SPDX + body, header_text)


def long_function(head, lines):
    return head + " {\n" + "    work();\n" * (lines - 2) + "}\n"


# rule: code that breaks it in its second line, the line after the licence.
BREACHES = {
    "line_length": "// " + "x" * 98 + "\n",
    "function_length": long_function("int f(int x)", 71),
    "whitespace": "int x;  \n",
    "unfinished": "// TO" + "DO: more\n",
    "clock": "auto t = std::chrono::steady_clock::now();\n",
    "sleep": "void f() { std::this_thread::sleep_for(1ms); }\n",
    "random": "std::random_device device;\n",
    "thread": "std::jthread worker;\n",
    "unordered": "std::unordered_map<int, int> m; void f() { for (auto& [k, v] : m) {} }\n",
    "includes": '#include "runnel/host/tcp.hpp"\n',
    "namespaces": "namespace detail {}\n",
    "await_bindings": "task<void> f() { auto [a, b] = co_await g(); }\n",
    "await_lambda": "task<void> f() { co_await g([name] { use(name); }); }\n",
    "await_condition": "task<void> f() { while (co_await g()) { h(); } }\n",
    "statement_expression": "int x = ({ int y = 1; y; });\n",
}

INNOCENT = [
    "// " + "x" * 97,
    "class big {\n" + "    int x() { return 1; }\n" * 100 + "};",
    "namespace {\n" + "int x();\n" * 100 + "}",
    "constexpr std::array<int, 90> table{\n" + "    1,\n" * 90 + "};",
    "constexpr std::array<rule, f(1)> table{\n" + "    1,\n" * 90 + "};",
    "enum class kind {\n" + "    a,\n" * 90 + "};",
    "template <class T>\nstruct alignas(64) wide {\n" + "    int x;\n" * 90 + "};",
    long_function("int f(int x)", 70),
    "// std::random_device and steady_clock::now() in words",
    'auto text = "std::thread, rand() and // more";',
    "auto c = '\"'; auto d = 1'000'000;",
    "auto t = loop.now(); auto u = timer.time(); auto s = co_await loop.sleep(1s);",
    "std::unordered_map<int, int> m; bool f() { return m.contains(1); }",
    "task<void> f() { auto r = co_await g([&] { return 1; }, options{.x = 1}); }",
    "task<void> f() { co_await g([&] { later([x] { use(x); }); }); }",
    "task<void> f() { auto x = (co_await g(this))[index]; }",
    "task<void> f() { for (;;) { const bool on = co_await g(); if (!on) { co_return; } } }",
    "task<void> f() { int x = 0; if (co_await g()) { h(x); } }",
    "task<void> f() { if (const auto x = co_await g()) { h(*x); } }",
    "task<void> f() { if (x) { co_await g(); } }",
    "auto x = f({1, 2}); auto y = f({.work = [] { a(); b(); }});",
    '#include "runnel/core/error.hpp"\n#include "../core/x.hpp"\n#include "private.hpp"',
    "// tidy: allow thread: this is the one that watches the others\nstd::thread watcher;",
]

FUNCTIONS_OF_MANY_FORMS = [
    "auto f(int x) -> std::size_t",
    "f::f(int x) noexcept : a_{x}, b_(2)",
    "f::f(int x) : a_(x), b_{2}",
    "template <class T> requires requires(T t) { t.x(); } void f(T x)",
    "bool operator==(const a& x, const b& y) noexcept",
    "a& a::operator=(a&& other)",
    "TEST(Thing, DoesWhatItSays)",
    "struct thing {\npublic:\n    thing() = default;\n    void f() const override",
]


class Tidy(unittest.TestCase):
    def test_each_rule_can_fail(self):
        for rule, code in BREACHES.items():
            with self.subTest(rule):
                self.assertEqual(cpp(code), {(rule, 2)})

    def test_the_rules_about_whole_files_can_fail(self):
        self.assertIn(("file_length", 601), cpp("int x;\n" * 600))
        self.assertEqual(found("src/core/x.cpp", "int x;\n"), {("spdx", 1)})
        self.assertEqual(found("scripts/x", "#!/bin/sh\ntrue\n"), {("spdx", 1)})
        header = "include/runnel/core/x.hpp"
        self.assertEqual(found(header, SPDX + "namespace runnel::inline v0 {}\n"),
                         {("pragma_once", 1)})
        self.assertEqual(found(header, SPDX + "#pragma once\nint x;\n"), {("namespaces", 1)})
        self.assertEqual(found(header, SPDX + "#pragma once\n#include <span>\n"), set())
        self.assertEqual(cpp("int x;\n\n"), {("whitespace", 4)})
        self.assertEqual(cpp("int x;"), {("whitespace", 2)})
        self.assertEqual(cpp('#include "../host/x.hpp"\n'), {("includes", 2)})
        self.assertEqual(cpp('#include "../x.hpp"\n'), {("includes", 2)})
        self.assertEqual(cpp("int x;\n", "src/attic/x.cpp"), {("includes", 1)})
        self.assertEqual(cpp("int\tx;\n"), {("whitespace", 2)})

    def test_each_rule_is_tested(self):
        whole_file = {"file_length", "spdx", "pragma_once"}
        self.assertEqual(set(RULES), set(BREACHES) | whole_file)

    def test_what_only_looks_like_a_breach_passes(self):
        for code in INNOCENT:
            with self.subTest(code[:60]):
                self.assertEqual(cpp(code.rstrip() + "\n"), set())

    def test_functions_of_every_form_are_measured(self):
        for head in FUNCTIONS_OF_MANY_FORMS:
            with self.subTest(head):
                rules = {rule for rule, _ in cpp(long_function(head, 75))}
                self.assertEqual(rules, {"function_length"})

    def test_members_of_the_header_count_for_its_source(self):
        code = "void f() { for (auto& x : peers_) {} }\n"
        self.assertEqual(cpp(code, header_text="std::unordered_set<int> peers_;"),
                         {("unordered", 2)})

    def test_some_places_may_do_what_others_may_not(self):
        self.assertEqual(cpp(BREACHES["clock"], "src/async/clock.cpp"), set())
        self.assertEqual(cpp(BREACHES["clock"], "src/core/checksum_bench.cpp"), set())
        self.assertEqual(cpp(BREACHES["random"], "src/core/random.cpp"), set())
        self.assertEqual(cpp(BREACHES["thread"], "src/flow/x_test.cpp"), set())
        self.assertEqual(cpp(BREACHES["includes"], "src/program/main.cpp"), set())


if __name__ == "__main__":
    sys.exit(not unittest.main(exit=False).result.wasSuccessful())
