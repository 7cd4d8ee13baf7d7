# SPDX-License-Identifier: Apache-2.0
"""Bad input: each gives its exit status and one line that says what is wrong."""

import json
import os
import socket

import harness
from harness import run

# What is typed, the exit status, and the line on standard error.
MISTAKES = [
    ([], 2, "runnel: a command is missing (see 'runnel --help')"),
    (["realy"], 2, "runnel: unknown command 'realy'; did you mean 'relay'? (see 'runnel --help')"),
    (["bench"], 2, "runnel: bench: a command is missing (see 'runnel bench --help')"),
    (["relay"], 2, "runnel: relay: A is missing (see 'runnel relay --help')"),
    (["relay", "-"], 2, "runnel: relay: B is missing (see 'runnel relay --help')"),
    (
        ["relay", "-", "-", "-"],
        2,
        "runnel: relay: unexpected argument '-' (see 'runnel relay --help')",
    ),
    (
        ["relay", "-", "-", "--listn"],
        2,
        "runnel: relay: unknown option '--listn'; did you mean '--listen'? "
        "(see 'runnel relay --help')",
    ),
    (
        ["relay", "-", "-", "--loops", "0"],
        2,
        "runnel: relay: --loops: expected 1 to 32, got 0 (see 'runnel relay --help')",
    ),
    (
        ["relay", "-", "-", "--proxy-out", "v3"],
        2,
        "runnel: relay: --proxy-out: expected one of v1, v2, got 'v3'; did you mean 'v1'? "
        "(see 'runnel relay --help')",
    ),
    (
        ["relay", "-", "-", "--once"],
        2,
        "runnel: relay: --once, --max-connections and --loops need --listen "
        "(see 'runnel relay --help')",
    ),
    (
        ["relay", "--listen", "unix:/tmp/x", "-", "--loops", "2"],
        2,
        "runnel: relay: --loops needs a TCP endpoint to listen on (see 'runnel relay --help')",
    ),
    (
        ["bench", "echo", "--server", "tcp://:1", "--connect", "tcp://:1"],
        2,
        "runnel: bench echo: --server and --connect exclude each other "
        "(see 'runnel bench echo --help')",
    ),
    (
        ["relay", "-", "-", "--resolver", "1.1.1.1"],
        2,
        "runnel: relay: --resolver: resolver '1.1.1.1': expected system, dns, or a server as in "
        "dns://192.0.2.1 or dns+tcp://[2001:db8::53]:53 (see 'runnel relay --help')",
    ),
    (["help", "bench", "ecoh"], 2, None),
    (["completion", "tcsh"], 2, None),
    (["info", "--backend", "kqueue"], 2, None),
    (
        ["send", "/nonexistent/file", "tcp://127.0.0.1:1"],
        1,
        "runnel: send: open /nonexistent/file: no such file or directory",
    ),
    (["send", "/", "tcp://127.0.0.1:1"], 1, "runnel: send: open /: is a directory"),
    (["recv", "tcp://127.0.0.1:1", "/"], 1, "runnel: recv: open /: is a directory"),
]

# Endpoints, and what is said about them: where, and what was expected.
ENDPOINTS = [
    ("tpc://h:1", "did you mean 'tcp'"),
    ("tcp://h:99999", "65535"),
    ("tcp://h:", "port"),
    ("tcp://[::1:80", "]"),
    ("unix:", "path"),
    ("", "endpoint"),
    ("fd:x", "number"),
]


class Mistakes(harness.TestCase):
    def test_each_has_its_status_and_one_line(self):
        for arguments, status, line in MISTAKES:
            with self.subTest(arguments=arguments):
                got, out, err = run(*arguments)
                self.assertEqual((got, out), (status, b""), err)
                self.assertEqual(err.count("\n"), 1, err)
                if line is not None:
                    self.assertEqual(err, line + "\n")

    def test_malformed_endpoints_are_explained(self):
        for text, part in ENDPOINTS:
            with self.subTest(endpoint=text):
                status, _, err = run("relay", "--", text, "-")
                self.assertEqual(status, 2)
                self.assertTrue(err.startswith("runnel: relay: A: "), err)
                self.assertEqual(err.count("\n"), 1, err)
                self.assertIn(part, err)

    def test_what_cannot_be_opened_is_said(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
            place = f"tcp://127.0.0.1:{port}"
            for command in (
                ["relay", place, "-"],
                ["recv", place, self.path("out")],
                ["send", "/dev/null", place],
            ):
                status, _, err = run(*command)
                line = f"connect {place}: connection refused\n"
                self.assertEqual((status, err), (1, f"runnel: {command[0]}: {line}"))
            taken.listen()
            status, _, err = run("echo", f"tcp://127.0.0.1:{port}")
            line = f"listen tcp://127.0.0.1:{port}: address already in use\n"
            self.assertEqual((status, err), (1, f"runnel: echo: {line}"))

    def test_wrong_parameters_are_explained_before_anything_is_opened(self):
        for place, part in (
            ("tcp://127.0.0.1:1?nodelya", "character 19: unknown parameter 'nodelya'; did you"),
            ("tcp://127.0.0.1:1?keepalive=60", "needs a unit"),
            ("tcp://127.0.0.1:1?tos=256", "0 to 255"),
            ("tcp://127.0.0.1:1?bind=here", "address"),
            ("unix:/x?mode=9", "octal"),
            ("unix-abstract:x?mode=0600", "unknown parameter 'mode'"),
            ("file:/x?write&append", "only one of"),
            ("pipe:?capacity=much", "size"),
            ("exec:true?x", "unknown parameter 'x'"),
            ("stdio:?connect-timeout=never", "connect-timeout"),
        ):
            with self.subTest(endpoint=place):
                status, _, err = run("relay", "--listen", "tcp://127.0.0.1:0", place)
                self.assertEqual((status, err.count("\n")), (2, 1), err)
                self.assertTrue(err.startswith("runnel: relay: B: endpoint "), err)
                self.assertIn(part, err)

    def test_files_that_may_not_be_read_are_named(self):
        if os.geteuid() == 0:
            self.skipTest("root may read everything")
        with open(self.path("secret"), "w"):
            os.chmod(self.path("secret"), 0)
        status, _, err = run("send", self.path("secret"), "tcp://127.0.0.1:1")
        line = f"runnel: send: open {self.path('secret')}: permission denied\n"
        self.assertEqual((status, err), (1, line))

    def test_control_characters_of_arguments_do_not_reach_the_terminal(self):
        for arguments in (["\033[2J"], ["relay", "\033[2J", "-"], ["send", "\033[2J", "tcp://h:1"]):
            _, _, err = run(*arguments)
            self.assertNotIn("\033", err)
            self.assertEqual(err.count("\n"), 1, err)


class Output(harness.TestCase):
    def test_a_full_disk_is_said(self):
        if not os.path.exists("/dev/full"):
            self.skipTest("no /dev/full")
        with open("/dev/full", "w") as full:
            process = self.start("man", stdout=full)
            self.assertEqual(process.finish(), 1)
            self.assertIn("no space left on device", process.text())

    def test_info_says_the_same_as_json(self):
        status, out, err = run("info", "--json")
        self.assertEqual((status, err), (0, ""))
        facts = json.loads(out)
        self.assertIn("io_uring", facts["backends"])
        self.assertIn("tcp", facts["endpoints"])
        self.assertIn(facts["system"]["kernel"], run("info")[1].decode())

    def test_colors_are_for_terminals_unless_forced(self):
        self.assertNotIn(b"\033", run("--help")[1])
        self.assertIn(b"\033", run("--help", "--color", "always")[1])
        self.assertIn(b"\033", run("--help", "--color", "always", env={"NO_COLOR": "1"})[1])

    def test_colors_on_a_terminal_respect_no_color(self):
        for env, colored in (({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)):
            leader, follower = os.openpty()
            process = self.start(
                "--help", stdout=follower, env={**os.environ, "TERM": "xterm", **env}
            )
            os.close(follower)
            shown = b""
            try:
                while part := os.read(leader, 65536):
                    shown += part
            except OSError:  # how a terminal ends
                pass
            os.close(leader)
            self.assertEqual(process.finish(), 0)
            self.assertEqual(b"\033[" in shown, colored, env)

    def test_demo_holds(self):
        packets = os.path.join(self.folder, "packets.pcapng")
        status, out, err = run("demo", "--capture", packets)
        self.assertEqual(status, 0, out.decode() + err)
        self.assertIn(b"checks hold", out)
        self.assertIn(b"handshake", out)
        with open(packets, "rb") as file:
            self.assertEqual(file.read(4), b"\x0a\x0d\x0d\x0a")

    def test_stacks_come_from_a_file(self):
        path = os.path.join(self.folder, "stacks")
        with open(path, "w") as file:
            file.write("# two\na=memory:x,address=10.0.0.1/24\nb=memory:x\n  adress=10.0.0.2/24\n")
        status, out, err = run("info", "--stack-file", path)
        self.assertEqual(status, 2)
        self.assertIn("line 3: stack 'b': unknown setting 'adress'; did you mean 'address'?", err)
        status, out, err = run("info", "--stack-file", path + "-not-there")
        self.assertEqual(status, 2)
        self.assertIn("cannot be read", err)


if __name__ == "__main__":
    harness.main()
