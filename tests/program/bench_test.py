# SPDX-License-Identifier: Apache-2.0
"""The measurements: both sides here, or each on its own, and of other programs."""

import json
import signal

import harness
from harness import run

SHORT = ("--duration", "200ms", "--json")


class Bench(harness.TestCase):
    def measure(self, *arguments):
        """Runs a measurement; gives what it says."""
        status, out, err = run("bench", *arguments, *SHORT)
        self.assertEqual(status, 0, err)
        facts = json.loads(out)
        self.assertEqual(facts.get("failed", 0), 0)
        return facts

    def stop(self, server):
        server.signal(signal.SIGTERM)
        self.assertEqual(server.finish(), 0, server.text())

    def test_echo_alone_and_on_each_backend(self):
        for backend in ("epoll", "auto"):
            facts = self.measure("echo", "--connections", "8", "--backend", backend)
            self.assertGreater(facts["requests"], 8)
            self.assertGreaterEqual(facts["latency_ns"]["p99"], facts["latency_ns"]["p50"])

    def test_echo_of_a_server_elsewhere(self):
        server, place = self.serve("bench", "echo", "--server", "tcp://127.0.0.1:0")
        facts = self.measure("echo", "--connect", place, "--connections", "2", "--size", "4KiB")
        self.assertEqual((facts["connections"], facts["size"]), (2, 4096))
        self.stop(server)

    def test_echo_at_a_rate_asks_no_more_than_that(self):
        facts = self.measure("echo", "--connections", "4", "--rate", "1000")
        self.assertTrue(facts["latency_ns"]["corrected"])
        self.assertLessEqual(facts["requests"], 250)

    def test_http_of_our_server_and_of_files(self):
        with open(self.path("file"), "wb") as file:
            file.truncate(1000)
        _, place = self.serve(
            "serve", self.folder, "--log", "none", "--listen", "tcp://127.0.0.1:0"
        )
        for more, size in (([], 128), (["--connect", place, "--path", "/file"], 1000)):
            status, out, err = run(
                "bench", "http", "--connections", "2", "--duration", "1s", "--json", *more
            )
            self.assertEqual(status, 0, err)
            facts = json.loads(out)
            self.assertEqual((facts["bench"], facts["failed"], facts["size"]), ("http", 0, size))

    def test_flow_in_each_direction(self):
        server, place = self.serve("bench", "flow", "--server", f"unix:{self.path('flow')}")
        for direction, up, down in (("up", True, False), ("down", False, True), ("both",) * 3):
            facts = self.measure("flow", "--connect", place, "--direction", direction)
            self.assertEqual(facts["bytes_to_server"] > 0, bool(up))
            self.assertEqual(facts["bytes_from_server"] > 0, bool(down))
        self.stop(server)

    def test_a_relay_of_this_program(self):
        self.assertTrue(self.measure("relay"))

    def test_another_relay_with_its_processor_time(self):
        target = f"unix:{self.path('target')}"
        relay, place = self.serve("relay", "--listen", "tcp://127.0.0.1:0", target)
        facts = self.measure(
            "relay", "--via", place, "--target", target, "--pid", str(relay.process.pid)
        )
        self.assertIn("cpu", json.dumps(facts))
        self.stop(relay)

    def test_nobody_there_is_said(self):
        for kind in ("echo", "flow"):
            status, out, err = run("bench", kind, "--connect", f"unix:{self.path('nobody')}")
            self.assertEqual((status, out), (1, b""))
            self.assertEqual(err.count("\n"), 1, err)
            self.assertIn("no such file or directory", err)


if __name__ == "__main__":
    harness.main()
