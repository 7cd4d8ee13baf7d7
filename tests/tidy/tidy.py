#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tidy.py [ROOT]: checks the house style over the whole repository; see rules.py.

A line may break a rule with a comment in it or just before it that names the rule and the reason:
`// tidy: allow clock: measures the clock itself`.
"""

import pathlib
import sys

from rules import check
from source import Source

FOLDERS = ["include", "src", "tests", "bench", "examples", "fuzz", "cmake", "scripts", ".ci"]
ENDINGS = {".cpp", ".hpp", ".py", ".cmake"}
FILES = ["CMakeLists.txt", "run", "test"]


def is_script(path):
    with path.open("rb") as file:
        return file.read(2) == b"#!"


def files(root):
    """The files to check: C++, CMake, Python and scripts."""
    for name in FILES:
        yield root / name
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.is_file() and "corpus" not in path.parts and "__pycache__" not in path.parts:
                if path.suffix in ENDINGS or path.name == "CMakeLists.txt" or is_script(path):
                    yield path


def header_of(path, root):
    """The text of the header that belongs to a source file, or nothing."""
    stem = path.stem.removesuffix("_test")
    for header in (path.with_name(stem + ".hpp"),
                   root / "include/runnel" / path.parent.name / f"{stem}.hpp"):
        if path.suffix == ".cpp" and header.exists():
            return header.read_text()
    return ""


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    count = broken = 0
    for path in files(root):
        name = path.relative_to(root).as_posix()
        count += 1
        for rule, line, message in check(Source(name, path.read_text(), header_of(path, root))):
            print(f"{name}:{line}: {rule}: {message}")
            broken += 1
    print(f"{count} files, {broken} findings")
    return 1 if broken or not count else 0


sys.exit(main())
