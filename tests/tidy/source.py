# SPDX-License-Identifier: Apache-2.0
"""A source file as the rules of tidy see it."""

import functools
import re

TOKEN = re.compile(
    r"""
    (?P<comment> //[^\n]* | /\*.*?\*/ )
  | (?P<raw> \b(?:u8|[uUL])?R"(?P<mark>[^()\\\s]*)\(.*?\)(?P=mark)" )
  | (?P<string> "(?:[^"\\\n]|\\.)*" )
  | (?P<char> (?<![0-9a-fA-F])'(?:[^'\\\n]|\\.)+' )
    """,
    re.VERBOSE | re.DOTALL,
)
DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", re.MULTILINE)


def blank(text):
    """Spaces of the same shape, so that offsets and lines stay what they were."""
    return re.sub(r"[^\n]", " ", text)


class Source:
    """`path` is relative to the repository and uses slashes; `text` is the whole content."""

    def __init__(self, path, text, header_text=""):
        self.path = path
        self.text = text
        self.header_text = header_text
        self.lines = text.split("\n")

    @property
    def is_cpp(self):
        return self.path.endswith((".cpp", ".hpp"))

    @property
    def is_header(self):
        return self.path.endswith(".hpp")

    @property
    def is_test(self):
        return self.path.startswith("tests/") or self.path.endswith("_test.cpp")

    @property
    def is_bench(self):
        return self.path.startswith("bench/") or self.path.endswith("_bench.cpp")

    @property
    def layer(self):
        match = re.match(r"(?:include/runnel|src)/(\w+)/", self.path)
        return match[1] if match else None

    @functools.cached_property
    def code(self):
        """The text without the content of comments, strings and characters."""
        return TOKEN.sub(lambda m: blank(m[0]), self.text)

    @functools.cached_property
    def statements(self):
        """The code without preprocessor directives."""
        return DIRECTIVE.sub(lambda m: blank(m[0]), self.code)

    def line_of(self, offset):
        return self.text.count("\n", 0, offset) + 1

    def allows(self, rule, line):
        """Whether `// tidy: allow RULE: reason` stands in this line or the one before."""
        pattern = re.compile(rf"tidy: allow {rule}: \S")
        return any(pattern.search(text) for text in self.lines[max(0, line - 2) : line])
