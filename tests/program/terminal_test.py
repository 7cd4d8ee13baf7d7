# SPDX-License-Identifier: Apache-2.0
"""What people see while something runs: progress and traffic, on a terminal only."""

import os
import signal
import socket

import harness


class Terminal(harness.TestCase):
    def start_on_terminal(self, *arguments, **options):
        """Starts the program with standard error on a terminal; gives both."""
        leader, follower = os.openpty()
        self.addCleanup(os.close, leader)
        process = self.start(*arguments, stderr=follower, env=self.environment(), **options)
        os.close(follower)
        return process, leader

    @staticmethod
    def environment():
        return {**os.environ, "TERM": "xterm"}

    def shown(self, leader, until=None):
        """Everything shown up to `until`, or to the end."""
        text = b""
        with harness.deadline(f"showing {until}") as left:
            while left() and (until is None or until not in text):
                try:
                    part = os.read(leader, 65536)
                except OSError:  # how a terminal ends
                    break
                if not part:
                    break
                text += part
        return text.decode()

    def test_sending_and_receiving_show_how_far_they_are(self):
        with open(self.path("file"), "wb") as file:
            file.truncate(64 << 20)
        receiver, place = self.serve("recv", "--listen", "tcp://127.0.0.1:0", self.path("copy"))
        sender, screen = self.start_on_terminal("send", self.path("file"), place)
        text = self.shown(screen)
        self.assertEqual((sender.finish(), receiver.finish()), (0, 0), text)
        self.assertRegex(text, r"\[[#.]+\] +\d+% .* of 64.0 MiB .*/s +eta")
        self.assertRegex(text.split("\r")[-2], r"64.0 MiB in .*/s$", "the sum is what stays")

    def test_an_unknown_size_shows_what_came_so_far(self):
        server, port = socket.create_server(("127.0.0.1", 0)), 0
        self.addCleanup(server.close)
        port = server.getsockname()[1]
        _, screen = self.start_on_terminal("recv", f"tcp://127.0.0.1:{port}", self.path("copy"))
        peer = self.accept(server)
        peer.sendall(bytes(3 << 20))
        self.assertIn("3.00 MiB", self.shown(screen, until=b"3.00 MiB"))
        peer.close()
        self.assertRegex(self.shown(screen), r"3.00 MiB in ")

    def test_a_relay_shows_its_traffic(self):
        _, target = self.serve("echo", "tcp://127.0.0.1:0")
        relay, screen = self.start_on_terminal(
            "relay", "--listen", f"unix:{self.path('relay')}", target, "--stats"
        )
        self.shown(screen, until=b"listening on")
        flow = self.connect(f"unix:{self.path('relay')}")
        flow.sendall(bytes(100_000))
        line = self.shown(screen, until=b"195 KiB")
        self.assertIn("\r", line)
        flow.close()
        relay.signal(signal.SIGTERM)
        self.shown(screen)
        self.assertEqual(relay.finish(), 0)

    def test_a_relay_without_a_terminal_shows_the_sum_only(self):
        _, target = self.serve("echo", "tcp://127.0.0.1:0")
        relay, place = self.serve("relay", "--listen", "tcp://127.0.0.1:0", target, "--stats")
        flow = self.connect(place)
        flow.sendall(b"question")
        flow.shutdown(socket.SHUT_WR)
        self.assertEqual(harness.read_all(flow), b"question")
        relay.signal(signal.SIGTERM)
        self.assertEqual(relay.finish(), 0)
        self.assertNotIn("\r", relay.text())
        self.assertEqual(relay.text().count("\n"), 1, relay.text())


if __name__ == "__main__":
    harness.main()
