# SPDX-License-Identifier: Apache-2.0
"""The completion scripts, loaded by the shells they are for."""

import os
import shlex
import subprocess
import unittest

import harness


def shell(*command, script, folder):
    done = subprocess.run(
        command, input=script.encode(), capture_output=True, cwd=folder, timeout=harness.PATIENCE
    )
    return done.stdout.decode().split("\n")[:-1], done.stderr.decode()


class Bash(harness.TestCase):
    def complete(self, line, breaks=" \t\n\"'><=;|&(:"):
        script = f"""
            source <({harness.PROGRAM} completion bash)
            COMP_WORDBREAKS={shlex.quote(breaks)}
            COMP_LINE={shlex.quote(line)} COMP_POINT={len(line)}
            _runnel
            printf '%s\\n' "${{COMPREPLY[@]}}"
        """
        words, errors = shell("bash", script=script, folder=self.folder)
        self.assertEqual(errors, "")
        return words

    def test_completes_commands_and_commands_below(self):
        self.assertEqual(self.complete("runnel compl"), ["completion"])
        self.assertIn("relay", self.complete("runnel "))
        self.assertEqual(self.complete("runnel bench ec"), ["echo"])

    def test_completes_options_of_the_command_at_hand(self):
        self.assertEqual(self.complete("runnel relay --idle"), ["--idle-timeout"])
        self.assertNotIn("--idle-timeout", self.complete("runnel info --"))
        self.assertIn("--json", self.complete("runnel --backend epoll info --"))

    def test_completes_values_beside_the_option_and_behind_an_equals_sign(self):
        self.assertEqual(self.complete("runnel info --backend e"), ["epoll"])
        self.assertEqual(self.complete("runnel info --backend=e"), ["epoll"])
        self.assertEqual(self.complete("runnel info --backend=e", " :"), ["--backend=epoll"])
        self.assertEqual(self.complete("runnel completion z"), ["zsh"])

    def test_completes_endpoints_from_their_last_colon_on(self):
        self.assertEqual(self.complete("runnel relay tc"), ["tcp://"])
        self.assertEqual(self.complete("runnel relay tcp:"), ["//"])
        self.assertEqual(self.complete("runnel relay tcp:", " "), ["tcp://"])

    def test_completes_paths_alone_and_in_endpoints(self):
        os.mkdir(self.path("folder"))
        open(self.path("file.sock"), "w").close()
        self.assertEqual(self.complete("runnel relay ./f"), ["./file.sock", "./folder/"])
        self.assertEqual(self.complete("runnel relay unix:fi"), ["file.sock"])
        self.assertEqual(self.complete("runnel relay unix:fi", " "), ["unix:file.sock"])
        self.assertEqual(self.complete("runnel send fi"), ["file.sock"])


@unittest.skipUnless(harness.find_program("zsh"), "zsh is not installed")
class Zsh(harness.TestCase):
    def test_loads_and_defines_a_function_for_every_command(self):
        script = f"""
            autoload -U compinit && compinit -u -D
            source <({harness.PROGRAM} completion zsh)
            print -l ${{(k)functions[(I)_runnel*]}} | sort
            print ${{_comps[runnel]}}
        """
        words, errors = shell("zsh", "-f", script=script, folder=self.folder)
        self.assertEqual(errors, "")
        self.assertIn("_runnel_relay", words)
        self.assertIn("_runnel_bench_echo", words)
        self.assertEqual(words[-1], "_runnel")


@unittest.skipUnless(harness.find_program("fish"), "fish is not installed")
class Fish(harness.TestCase):
    def complete(self, line):
        script = f"{harness.PROGRAM} completion fish | source\ncomplete -C {line!r}\n"
        words, errors = shell("fish", "--no-config", script=script, folder=self.folder)
        self.assertEqual(errors, "")
        return [word.split("\t")[0] for word in words]

    def test_completes_commands_options_and_values(self):
        self.assertEqual(self.complete("runnel compl"), ["completion"])
        self.assertEqual(self.complete("runnel bench ec"), ["echo"])
        self.assertEqual(self.complete("runnel relay --idle"), ["--idle-timeout"])
        self.assertEqual(self.complete("runnel info --backend e"), ["epoll"])
        self.assertEqual(self.complete("runnel completion z"), ["zsh"])

    def test_completes_endpoints_and_paths(self):
        open(self.path("file.sock"), "w").close()
        self.assertIn("tcp://", self.complete("runnel relay tc"))
        self.assertIn("unix:file.sock", self.complete("runnel relay unix:fi"))


if __name__ == "__main__":
    harness.main("bash")
