# SPDX-License-Identifier: Apache-2.0
"""The rules of tidy. Each takes a Source and yields (line, message); RULES names them."""

import re

from functions import functions

MAX_LINE = 100
MAX_FILE = 600
MAX_FUNCTION = 70

# Bottom up; a layer includes itself and what stands before it.
LAYERS = ["core", "async", "flow", "host", "stack", "tls", "http", "sim", "program"]


def matches(source, pattern, message, text=None):
    for match in re.finditer(pattern, source.code if text is None else text):
        yield source.line_of(match.start()), message.format(match[0].strip())


def line_length(source):
    for number, line in enumerate(source.lines, 1):
        if len(line) > MAX_LINE:
            yield number, f"the line has {len(line)} columns, at most {MAX_LINE}"


def file_length(source):
    count = source.text.count("\n")
    if count > MAX_FILE:
        yield count, f"the file has {count} lines, at most {MAX_FILE}"


def function_length(source):
    if source.is_cpp:
        for first, last in functions(source.statements):
            start = source.line_of(first)
            length = source.line_of(last) - start + 1
            if length > MAX_FUNCTION:
                yield start, f"the function has {length} lines, at most {MAX_FUNCTION}"


def whitespace(source):
    for number, line in enumerate(source.lines, 1):
        if "\t" in line:
            yield number, "a tab"
        if line != line.rstrip():
            yield number, "white space at the end of the line"
    if source.text and not source.text.endswith("\n"):
        yield len(source.lines), "no new line at the end of the file"
    if source.text.endswith("\n\n"):
        yield len(source.lines), "an empty line at the end of the file"


def spdx(source):
    lines = source.lines[1:] if source.text.startswith("#!") else source.lines
    mark = "//" if source.is_cpp else "#"
    if not lines or lines[0] != f"{mark} SPDX-License-Identifier: Apache-2.0":
        yield 1, f"the file does not start with `{mark} SPDX-License-Identifier: Apache-2.0`"


def pragma_once(source):
    if source.is_header:
        first = re.search(r"^[ \t]*#.*$", source.code, re.MULTILINE)
        if first is None or first[0] != "#pragma once":
            yield 1, "the first directive of a header is #pragma once"


def unfinished(source):
    # Spelled so that this file passes its own rule.
    words = "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"])
    yield from matches(source, rf"\b(?:{words})\b", "finish it or open an issue: {}", source.text)


def clock(source):
    if source.is_cpp and source.layer != "async" and not source.is_bench:
        yield from matches(
            source,
            r"\b\w*_clock::now\b|\b(?:clock_gettime|gettimeofday)\s*\(",
            "{}: time comes from the loop; only async reads a clock",
        )


def sleep(source):
    if source.is_cpp:
        yield from matches(
            source,
            r"\bthis_thread::sleep_\w+|(?<![\w.>])u?sleep\s*\(|\bnanosleep\s*\(",
            "{}: wait for what you wait for",
        )


def random(source):
    if source.is_cpp and not re.search(r"/core/random\w*\.[ch]pp$", source.path):
        yield from matches(
            source,
            r"\brandom_device\b|(?<![\w.>])(?:s?rand|s?random|[delmn]rand48)\s*\("
            r"|\bget(?:random|entropy)\s*\(|(?<![\w.>])time\s*\(\s*(?:nullptr|NULL|0)\s*\)",
            "{}: random numbers come from core/random, which a seed can replay",
        )


def thread(source):
    if source.is_cpp and source.layer != "async" and not source.is_test and not source.is_bench:
        yield from matches(
            source, r"\bstd::j?thread\b|\bpthread_create\b", "{}: only async starts threads"
        )


def unordered(source):
    """Iteration order would differ from run to run, and a simulation could not be replayed."""
    if not source.is_cpp:
        return
    declaration = r"\bunordered_\w+<[^;(){}]*>\s+(\w+)\s*[;={]"
    names = set(re.findall(declaration, source.code + source.header_text))
    for name in sorted(names):
        yield from matches(
            source,
            rf"\bfor\s*\([^;{{}}]*:\s*(?:\w+(?:\.|->))*{name}\s*\)|\b{name}(?:\.|->)c?begin\s*\(",
            f"iteration of the unordered container {name}",
        )


def includes(source):
    """Downwards only, also where a layer uses a private header of one below: "../core/x.hpp"."""
    if not source.is_cpp or source.layer is None:
        return
    if source.layer not in LAYERS:
        yield 1, f"the layer {source.layer} has no place in the order of tests/tidy/rules.py"
        return
    allowed = LAYERS[: LAYERS.index(source.layer) + 1]
    pattern = r'^#include (?:["<]runnel|"\.\.)/(?:(\w+)/)?.*'
    for match in re.finditer(pattern, source.text, re.MULTILINE):
        if match[1] not in allowed:
            line = source.line_of(match.start())
            yield line, f"{source.layer} does not stand above what it includes here"


def namespaces(source):
    if source.is_cpp:
        yield from matches(source, r"\bnamespace\s+detail\b", "nothing lives in `detail`")
        if source.is_header:
            yield from matches(source, r"\busing namespace\b[^;]*", "`{}` in a header")
    declares = source.path.startswith("include/") and source.statements.strip()
    if declares and "namespace runnel::inline v0" not in source.code:
        yield 1, "a public header declares in `namespace runnel::inline v0`"


def await_bindings(source):
    """Later compilers skip the destructors of such bindings."""
    if source.is_cpp:
        yield from matches(
            source,
            r"\bauto\s*&{0,2}\s*\[[^\]]*\]\s*=\s*[^;{}]*\bco_await\b",
            "structured bindings of an awaited value: `auto r = co_await ...; if (!r) ...`",
        )


def await_lambda(source):
    """GCC 12 destroys what such a lambda captured twice."""
    if not source.is_cpp:
        return
    for match in re.finditer(r"\bco_await\b", source.code):
        depth = 0
        for offset in range(match.end(), len(source.code)):
            char = source.code[offset]
            depth += {"{": 1, "}": -1}.get(char, 0)
            if depth < 0 or (depth == 0 and char == ";"):
                break
            if char == "[" and depth == 0:
                capture = re.match(r"\[([^\]]*)\]\s*[({m\-]", source.code[offset:])
                before = source.code[:offset].rstrip()[-1]
                if capture and before in "(,={" and by_value(capture[1]):
                    yield source.line_of(offset), "a capturing lambda in an awaited expression"


def by_value(captures):
    parts = [part.strip() for part in captures.split(",") if part.strip()]
    return any(part != "this" and not part.startswith("&") for part in parts)


def statement_expression(source):
    """GCC 12 crashes on one that awaits."""
    if not source.is_cpp:
        return
    for match in re.finditer(r"\(\s*\{", source.code):
        depth = 0
        for char in source.code[match.end() :]:
            depth += {"{": 1, "}": -1, "(": 1, ")": -1}.get(char, 0)
            if depth < 0:
                break
            if depth == 0 and char == ";":
                yield source.line_of(match.start()), "a GNU statement expression"
                break


COROUTINE = re.compile(r"\btask<[^;{}]*\)[^;{}()]*\{|->\s*task<[^;{}]*\{")
LAMBDA = re.compile(r"\[[^\[\]]*\]\s*(?:\([^()]*\))?[^;{}()]*\{")
DECLARATION = re.compile(
    r"[;{}(]\s*(?:(?:const|constexpr)\s+)*"
    r"(?!(?:co_)?return\b|co_|delete\b|else\b|throw\b|case\b|new\b|using\b|do\b)"
    r"[A-Za-z_][\w:]*(?:<[^;{}]*?>)?(?:\s*[&*]+\s*|\s+)(?:\[|[A-Za-z_]\w*\s*[={(;:\[])"
)


def end_of_block(code, begin):
    """The offset behind the block whose brace stands in front of `begin`."""
    depth = 1
    while begin < len(code) and depth:
        depth += {"{": 1, "}": -1}.get(code[begin], 0)
        begin += 1
    return begin


def await_condition(source):
    """GCC 12 compiles a coroutine without variables to nothing if it awaits in a condition."""
    if not source.is_cpp:
        return
    for match in COROUTINE.finditer(source.code):
        body = source.code[match.end() - 1 : end_of_block(source.code, match.end())]
        while nested := LAMBDA.search(body):
            end = end_of_block(body, nested.end())
            body = body[: nested.start()] + " " * (end - nested.start()) + body[end:]
        awaits = re.search(r"\b(?:if|while|switch)\s*\([^;{}]*\bco_await\b", body)
        if awaits and not DECLARATION.search(body):
            line = source.line_of(match.end() - 1 + awaits.start())
            yield line, "awaits in a condition, and has no variable: name what was awaited"


RULES = {
    rule.__name__: rule
    for rule in (
        line_length,
        file_length,
        function_length,
        whitespace,
        spdx,
        pragma_once,
        unfinished,
        clock,
        sleep,
        random,
        thread,
        unordered,
        includes,
        namespaces,
        await_bindings,
        await_lambda,
        await_condition,
        statement_expression,
    )
}


def check(source):
    """Yields (rule, line, message) for everything a file breaks."""
    for name, rule in RULES.items():
        for line, message in rule(source):
            if not source.allows(name, line):
                yield name, line, message
