# SPDX-License-Identifier: Apache-2.0
"""socat on both sides of the relay, and of send and recv."""

import hashlib
import subprocess

import harness
from harness import Pattern, run


class Socat(harness.TestCase):
    def socat(self, *addresses, content=b""):
        done = subprocess.run(
            ["socat", "-t30", *addresses],
            input=content,
            capture_output=True,
            timeout=harness.PATIENCE,
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def serve_socat(self, command):
        """A socat that runs a command for each connection; gives its endpoint."""
        port = self.free_port()
        address = f"TCP-LISTEN:{port},bind=127.0.0.1,fork,reuseaddr"
        server = self.spawn(["socat", address, f"SYSTEM:{command}"])
        self.wait_for_port(port, server)
        return f"tcp://127.0.0.1:{port}"

    def test_question_and_answer_by_half_closes(self):
        target = self.serve_socat("sha256sum")
        _, place = self.serve("relay", "--listen", "tcp://127.0.0.1:0", target)
        content = Pattern("socat").take(32 << 20)
        answer = self.socat("-", place.replace("tcp://", "TCP:"), content=content)
        self.assertEqual(answer[:64].decode(), hashlib.sha256(content).hexdigest())

    def test_unix_sockets_paths_and_abstract(self):
        target = self.serve_socat("cat")
        for place, address in (
            (f"unix:{self.path('a')}", f"UNIX-CONNECT:{self.path('a')}"),
            (f"unix-abstract:{self.folder}", f"ABSTRACT-CONNECT:{self.folder}"),
        ):
            self.serve("relay", "--listen", place, target)
            self.assertEqual(self.socat("-", address, content=b"question"), b"question")

    def test_one_to_one_from_standard_input(self):
        target = self.serve_socat("tr a-z A-Z")
        status, out, err = run("relay", "-", target, stdin=b"question")
        self.assertEqual((status, out), (0, b"QUESTION"), err)

    def test_send_and_recv(self):
        content = Pattern("file").take(16 << 20)
        with open(self.path("in"), "wb") as file:
            file.write(content)
        port = self.free_port()
        sink = self.spawn(
            ["socat", "-u", f"TCP-LISTEN:{port},bind=127.0.0.1", f"CREATE:{self.path('copy')}"]
        )
        with harness.deadline("a connection to socat") as left:
            while left():
                status, out, err = run("send", self.path("in"), f"tcp://127.0.0.1:{port}")
                if "refused" not in err:
                    break
        self.assertEqual(status, 0, err)
        self.assertEqual(sink.finish(), 0)
        with open(self.path("copy"), "rb") as file:
            self.assertEqual(file.read() == content, True)
        self.assertTrue(out.startswith(hashlib.sha256(content).hexdigest().encode()))
        source = self.serve_socat(f"cat {self.path('in')}")
        self.assertEqual(run("recv", source, self.path("back"))[0], 0)
        with open(self.path("back"), "rb") as file:
            self.assertEqual(file.read() == content, True)


if __name__ == "__main__":
    harness.main("socat")
