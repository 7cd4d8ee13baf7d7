# SPDX-License-Identifier: Apache-2.0
"""What README.md and docs/ say about the program and the library is true."""

import glob
import json
import os
import re
import shlex
import subprocess

import harness
from harness import run

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
PAGES = ["README.md", *sorted(glob.glob("docs/*.md", root_dir=ROOT))]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def text_of(name):
    with open(os.path.join(ROOT, name)) as file:
        return file.read()


def commands_in(text):
    """Each `runnel ...` in shell blocks and behind code marks, as words."""
    for language, block in FENCE.findall(text):
        if language == "sh":
            for line in block.splitlines():
                for part in re.split(r"[|#]", line):
                    if part.split()[:1] == ["runnel"]:
                        yield part.split()
    for code in re.findall(r"`(runnel [^`\n]*)`", text):
        yield code.split("|")[0].split()


class Docs(harness.TestCase):
    def help_of(self, words):
        """The help of the command these words name, as deep as it goes."""
        path = []
        for word in words[1:3]:
            if run(*path, word, "--help")[0] == 0 and re.fullmatch(r"[a-z-]+", word):
                path.append(word)
            else:
                break
        return path, run(*path, "--help")[1].decode()

    def test_commands_and_their_options_exist(self):
        seen = 0
        for page in PAGES:
            for words in commands_in(text_of(page)):
                with self.subTest(page=page, command=" ".join(words)):
                    path, text = self.help_of(words)
                    self.assertTrue(path or words[1].startswith("-") or words[1].isupper())
                    for word in words:
                        if word.startswith("-") and word != "-":
                            option = word.split("=")[0]
                            self.assertRegex(text, rf"(^|[ ,]){re.escape(option)}\b")
                    seen += 1
        self.assertGreater(seen, 20)

    def test_every_command_is_in_the_readme(self):
        names = re.findall(r"^  ([a-z]+) {2,}", run("--help")[1].decode(), re.MULTILINE)
        self.assertIn("relay", names)
        for name in names:
            self.assertIn(f"runnel {name}", text_of("README.md"))

    def test_snippets_stand_in_the_examples(self):
        names = glob.glob("examples/*.cpp", root_dir=ROOT)
        examples = "".join(text_of(name) for name in names)
        for language, block in FENCE.findall(text_of("README.md")):
            if language == "cpp":
                self.assertIn(block, examples)

    def test_links_lead_somewhere(self):
        for page in PAGES:
            folder = os.path.dirname(os.path.join(ROOT, page))
            prose = re.sub(r"`[^`\n]*`", "", FENCE.sub("", text_of(page)))
            for link in re.findall(r"\]\(([^)#:]+)\)", prose):
                self.assertTrue(os.path.exists(os.path.join(folder, link)), f"{page}: {link}")

    def test_what_the_program_answers_is_what_it_answers(self):
        """Blocks of a console: what is typed behind a dollar sign, and what comes back."""
        seen = 0
        for page in PAGES:
            for language, block in FENCE.findall(text_of(page)):
                if language != "console":
                    continue
                for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
                    typed, answer = part.split("\n", 1)
                    with self.subTest(page=page, typed=typed):
                        words = shlex.split(typed)
                        self.assertEqual(words[0], "runnel")
                        _, out, err = run(*words[1:])
                        self.assertEqual(out.decode() + err, answer)
                        seen += 1
        self.assertGreater(seen, 5)

    def test_every_endpoint_and_its_parameters_are_explained(self):
        schemes = json.loads(run("info", "--json")[1])["endpoints"]
        sections = re.split(r"^## `(.*)`$", text_of("docs/endpoints.md"), flags=re.MULTILINE)
        explained = dict(zip(sections[1::2], sections[2::2]))
        self.assertEqual(set(explained), set(schemes))
        examples = run("help", "endpoints")[1].decode()
        for scheme, names in schemes.items():
            with self.subTest(scheme=scheme):
                part = re.split(r"^## ", explained[scheme], flags=re.MULTILINE)[0]
                rows = re.findall(r"^\| `(.*?)` \| .* \|$", part, re.MULTILINE)
                self.assertEqual([row.split("=")[0] for row in rows], names)
                for row in rows:
                    self.assertRegex(examples, rf"\b{scheme}: {re.escape(row)}\s")
                self.assertIn(f"(#{scheme})", sections[0], "it is in the overview")

    def test_the_manual_page_is_good_groff(self):
        if harness.find_program("groff") is None:
            self.skipTest("groff is not installed")
        done = subprocess.run(
            ["groff", "-man", "-ww", "-z", "-Tutf8"], input=run("man")[1], capture_output=True
        )
        self.assertEqual((done.returncode, done.stderr), (0, b""))


if __name__ == "__main__":
    harness.main()
