# SPDX-License-Identifier: Apache-2.0
"""Finds the functions of a C++ file by its braces; no compiler is involved."""

import re

TEMPLATE = re.compile(r"\btemplate\s*<")
TYPE = re.compile(r"^(?:typedef\s+)?(?:class|struct|union|enum)\b")
ACCESS = re.compile(r"\b(?:public|private|protected)\s*$")
INITIALISERS = re.compile(r"\)\s*(?:noexcept\s*(?:\([^()]*\))?)?\s*:(?!:)")
REQUIRES = re.compile(r"\brequires\s*(?:\([^()]*\))?\s*$")


def without_templates(head):
    """Takes `template <...>` out of the text in front of a brace."""
    while match := TEMPLATE.search(head):
        depth, end = 1, match.end()
        while end < len(head) and depth:
            depth += {"<": 1, ">": -1}.get(head[end], 0)
            end += 1
        head = head[: match.start()] + head[end:]
    return head


def kind_of(head):
    """What a brace after `head`, outside of functions, opens."""
    head = re.sub(r"\[\[.*?\]\]|\balignas\s*\([^()]*\)", " ", head, flags=re.DOTALL)
    head = without_templates(head).strip()
    if re.match(r"(?:inline\s+)?namespace\b|extern\s*$", head):
        return "namespace"
    if TYPE.match(head):
        return "type"
    if ")" not in head or REQUIRES.search(head):
        return "value"
    if "operator" not in head and re.search(r"(?<![=!<>])=(?!=)", head.split("(")[0]):
        return "value"
    if INITIALISERS.search(head):
        # `: a_{1}, b_(2) {`: the body's brace follows an initialiser that is complete.
        return "function" if head[-1] in ")}" else "value"
    tail = head[head.rindex(")") + 1 :].lstrip()
    return "value" if tail.startswith((">", ",")) else "function"


def functions(code):
    """Yields (first offset, last offset) of each function outside of functions."""
    stack = []
    head_start = 0
    for offset, char in enumerate(code):
        if char == "{":
            if "function" in stack or "value" in stack:
                stack.append("value")
                continue
            head = code[head_start:offset]
            stack.append(kind_of(head))
            if stack[-1] == "function":
                function_start = head_start + len(head) - len(head.lstrip())
            if stack[-1] != "value":
                head_start = offset + 1
        elif char == "}" and stack:
            kind = stack.pop()
            if kind == "function":
                yield function_start, offset
            if kind != "value":
                head_start = offset + 1
        elif char == ";" and "value" not in stack:
            head_start = offset + 1
        elif char == ":" and ACCESS.search(code[head_start:offset]):
            head_start = offset + 1
