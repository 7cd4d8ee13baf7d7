# SPDX-License-Identifier: Apache-2.0
"""socat on both sides of the relay, and of send and recv."""

import hashlib
import os
import subprocess

import harness
from harness import Background, Pattern, receive_hash, run, send_pattern

MANY = int(os.environ.get("RUNNEL_TEST_MIB", "256")) << 20


class Piped:
    """The standard input and output of a process, with the calls of a socket."""

    def __init__(self, process):
        self.sendall = process.process.stdin.write
        self.finish = process.process.stdin.close
        self.recv = process.process.stdout.read1


class Socat(harness.TestCase):
    def spawn_piped(self, address):
        """A socat between pipes and an address, which carries each end on by itself."""
        command = ["socat", "-t1000", "-b262144", "-d", "-d", "-", address]
        return self.spawn(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

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

    def test_carries_much_in_both_directions_at_once_and_both_ends(self):
        port = self.free_port()
        server = self.spawn_piped(f"TCP-LISTEN:{port},bind=127.0.0.1")
        server.wait_for("listening on")
        relay, place = self.serve(
            "relay", "--listen", "tcp://127.0.0.1:0", f"tcp://127.0.0.1:{port}", "--verbose"
        )
        client = self.spawn_piped(place.replace("tcp://", "TCP:"))
        left, right = Piped(client), Piped(server)
        up = Background(send_pattern, left, 1, MANY)
        down = Background(send_pattern, right, 2, MANY)
        at_right = Background(receive_hash, right)
        at_left = Background(receive_hash, left)
        sent_up = up.result()
        left.finish()
        server.wait_for("socket 2 .* is at EOF")  # its standard output it keeps open
        sent_down = down.result()
        right.finish()
        self.assertEqual(at_right.result(), (MANY, sent_up))
        self.assertEqual(at_left.result(), (MANY, sent_down))
        self.assertEqual((client.finish(), server.finish()), (0, 0))
        relay.wait_for(r"#1 tcp://.* client: end of stream  target: end of stream")

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
