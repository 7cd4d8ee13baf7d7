# SPDX-License-Identifier: Apache-2.0
"""ncat on both sides of the relay."""

import subprocess

import harness
from harness import Pattern


class Ncat(harness.TestCase):
    def ncat(self, place, content):
        """Sends something, ends, and gives everything that comes back."""
        address = place.removeprefix("tcp://").split(":")
        if place.startswith("unix:"):
            address = ["-U", place.removeprefix("unix:")]
        done = subprocess.run(
            ["ncat", *address], input=content, capture_output=True, timeout=harness.PATIENCE
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_both_directions_with_an_end_of_their_own(self):
        question, answer = Pattern("question").take(8 << 20), Pattern("answer").take(16 << 20)
        port = self.free_port()
        for at in ("tcp://127.0.0.1:0", f"unix:{self.path('relay.sock')}"):
            with open(self.path("answer"), "wb") as file:
                file.write(answer)
            with open(self.path("answer"), "rb") as source, open(self.path("out"), "wb") as sink:
                server = self.spawn(
                    ["ncat", "-v", "-l", "127.0.0.1", str(port)], stdin=source, stdout=sink
                )
            server.wait_for("Listening on")
            _, place = self.serve("relay", "--listen", at, f"tcp://127.0.0.1:{port}")
            self.assertEqual(self.ncat(place, question) == answer, True)
            self.assertEqual(server.finish(), 0, server.text())
            with open(self.path("out"), "rb") as file:
                self.assertEqual(file.read() == question, True)

    def test_echo_over_a_unix_socket(self):
        content = Pattern("echo").take(4 << 20)
        _, place = self.serve("echo", f"unix:{self.path('echo.sock')}")
        self.assertEqual(self.ncat(place, content) == content, True)


if __name__ == "__main__":
    harness.main("ncat")
