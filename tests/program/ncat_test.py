# SPDX-License-Identifier: Apache-2.0
"""ncat on both sides of the relay."""

import subprocess
import threading

import harness
from harness import Pattern


class Ncat(harness.TestCase):
    def ncat(self, place):
        """A client of ncat with pipes to it."""
        address = place.removeprefix("tcp://").split(":")
        if place.startswith("unix:"):
            address = ["-U", place.removeprefix("unix:")]
        return self.spawn(
            ["ncat", *address], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        ).process

    def feed(self, pipe, content):
        """Writes in the background, and leaves the pipe open."""
        writer = threading.Thread(target=self.write, args=(pipe, content), daemon=True)
        writer.start()
        return writer

    @staticmethod
    def write(pipe, content):
        left = memoryview(content)
        while left:
            left = left[pipe.write(left) :]

    @staticmethod
    def take(pipe, size):
        parts = []
        while size and (part := pipe.read(size)):
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def test_both_directions_at_once_and_the_end(self):
        # A server of ncat closes when its client ends, whatever it still has to send: the client
        # ends when it has everything.
        question, answer = Pattern("question").take(8 << 20), Pattern("answer").take(16 << 20)
        for at in ("tcp://127.0.0.1:0", f"unix:{self.path('relay.sock')}"):
            port = self.free_port()
            server = self.spawn(
                ["ncat", "-v", "-l", "127.0.0.1", str(port)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                bufsize=0,
            )
            server.wait_for("Listening on")
            _, place = self.serve("relay", "--listen", at, f"tcp://127.0.0.1:{port}")
            client = self.ncat(place)
            received = []
            reader = threading.Thread(
                target=lambda: received.append(self.take(server.process.stdout, len(question))),
                daemon=True,
            )
            reader.start()
            writers = [
                self.feed(client.stdin, question),
                self.feed(server.process.stdin, answer),
            ]
            self.assertEqual(self.take(client.stdout, len(answer)) == answer, True)
            for thread in (reader, *writers):
                thread.join(harness.PATIENCE)
                self.assertFalse(thread.is_alive())
            self.assertEqual(received[0] == question, True)
            client.stdin.close()
            self.assertEqual(client.wait(harness.PATIENCE), 0)
            self.assertEqual(server.finish(), 0, server.text())

    def test_echo_over_a_unix_socket(self):
        content = Pattern("echo").take(4 << 20)
        _, place = self.serve("echo", f"unix:{self.path('echo.sock')}")
        client = self.ncat(place)
        writer = self.feed(client.stdin, content)
        self.assertEqual(self.take(client.stdout, len(content)) == content, True)
        writer.join(harness.PATIENCE)
        client.stdin.close()
        self.assertEqual(client.wait(harness.PATIENCE), 0)
        self.assertEqual(client.stdout.read(), b"")


if __name__ == "__main__":
    harness.main("ncat")
