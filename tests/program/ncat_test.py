# SPDX-License-Identifier: Apache-2.0
"""ncat on both sides of the relay."""

import hashlib
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

    def serve_ncat(self, command):
        port = self.free_port()
        server = self.spawn(["ncat", "-l", "-k", "127.0.0.1", str(port), "--sh-exec", command])
        self.wait_for_port(port, server)
        return f"tcp://127.0.0.1:{port}"

    def test_question_and_answer_by_half_closes(self):
        content = Pattern("ncat").take(16 << 20)
        target = self.serve_ncat("sha256sum")
        for at in ("tcp://127.0.0.1:0", f"unix:{self.path('relay.sock')}"):
            _, place = self.serve("relay", "--listen", at, target)
            answer = self.ncat(place, content)
            self.assertEqual(answer[:64].decode(), hashlib.sha256(content).hexdigest())

    def test_echo_over_a_unix_socket(self):
        content = Pattern("echo").take(4 << 20)
        _, place = self.serve("echo", f"unix:{self.path('echo.sock')}")
        self.assertEqual(self.ncat(place, content) == content, True)


if __name__ == "__main__":
    harness.main("ncat")
