# SPDX-License-Identifier: Apache-2.0
"""send and recv: to each other and to sockets of this test, and what they leave behind."""

import hashlib
import json
import os
import signal
import socket
import stat
import struct

import harness
from harness import Background, Pattern, read_all, run


class Transfer(harness.TestCase):
    def make_file(self, name, size):
        content = Pattern(name).take(size)
        with open(self.path(name), "wb") as file:
            file.write(content)
        return content, hashlib.sha256(content).hexdigest()

    def content_of(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def assert_left(self, *names):
        """Nothing but these is in the folder: no temporary file, no half of one."""
        self.assertEqual(sorted(os.listdir(self.folder)), sorted(names))

    def receiver(self, *options, **pipes):
        return self.serve("recv", "--listen", "tcp://127.0.0.1:0", *options, **pipes)

    def test_sends_files_of_any_size_whole(self):
        for size in (0, 1, 65536, 40 << 20):
            content, digest = self.make_file("in", size)
            receiver, place = self.receiver(self.path("out"), "--force", stdout=-1)
            status, out, err = run("send", self.path("in"), place)
            self.assertEqual((status, out), (0, f"{digest}  {self.path('in')}\n".encode()), err)
            self.assertEqual(receiver.finish(), 0, receiver.text())
            line = receiver.process.stdout.read()
            self.assertEqual(line, f"{digest}  {self.path('out')}\n".encode())
            self.assertEqual(self.content_of("out"), content)
            self.assert_left("in", "out")

    def test_either_side_may_listen(self):
        content, _ = self.make_file("in", 100000)
        sender, place = self.serve("send", "--listen", self.path("in"), "tcp://127.0.0.1:0")
        self.assertEqual(run("recv", place, self.path("out"))[0], 0)
        self.assertEqual(sender.finish(), 0, sender.text())
        self.assertEqual(self.content_of("out"), content)

    def test_standard_input_and_output_take_part(self):
        content, digest = self.make_file("in", 1 << 20)
        with open(self.path("in"), "rb") as source:
            sender, place = self.serve("send", "--listen", "-", "tcp://127.0.0.1:0", stdin=source)
        status, out, err = run("recv", place, "-")
        self.assertEqual((status, out == content), (0, True), err)
        self.assertIn(f"{digest}  -", err)
        self.assertEqual(sender.finish(), 0, sender.text())

    def test_writes_json(self):
        content, digest = self.make_file("in", 1000)
        receiver, place = self.receiver(self.path("out"), "--json", stdout=-1)
        status, out, _ = run("send", self.path("in"), place, "--json")
        self.assertEqual(status, 0)
        self.assertEqual(receiver.finish(), 0)
        for text in (out, receiver.process.stdout.read()):
            figures = json.loads(text)
            self.assertEqual((figures["bytes"], figures["sha256"]), (len(content), digest))

    def test_refuses_to_replace_what_is_no_regular_file(self):
        os.mkfifo(self.path("out"))
        status, _, err = run("recv", "tcp://127.0.0.1:1", self.path("out"), "--force")
        self.assertEqual(status, 1)
        self.assertIn(f"{self.path('out')} exists and is not a regular file", err)
        self.assertTrue(stat.S_ISFIFO(os.stat(self.path("out")).st_mode))

    def test_refuses_to_replace_a_file_unless_forced(self):
        before, _ = self.make_file("out", 10)
        status, _, err = run("recv", "tcp://127.0.0.1:1", self.path("out"))
        self.assertEqual(status, 1)
        self.assertEqual(err, f"runnel: recv: {self.path('out')} exists; --force replaces it\n")
        self.assertEqual(self.content_of("out"), before)

    def test_a_file_that_appears_meanwhile_stays_and_the_sender_is_told(self):
        receiver, place = self.receiver(self.path("out"))
        flow = self.connect(place)
        flow.sendall(b"new")
        before, _ = self.make_file("out", 10)
        flow.shutdown(socket.SHUT_WR)
        with self.assertRaises(ConnectionResetError):
            flow.recv(1)
        self.assertEqual(receiver.finish(), 1)
        self.assertIn("exists; --force replaces it", receiver.text())
        self.assertEqual(self.content_of("out"), before)
        self.assert_left("out")

    def test_a_stream_cut_short_leaves_nothing(self):
        receiver, place = self.receiver(self.path("out"))
        flow = self.connect(place)
        flow.sendall(b"half")
        flow.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        flow.close()
        self.assertEqual(receiver.finish(), 1)
        self.assertIn("connection reset by", receiver.text())
        self.assert_left()

    def test_a_signal_leaves_nothing(self):
        receiver, place = self.receiver(self.path("out"))
        flow = self.connect(place)
        flow.sendall(b"half")
        receiver.signal(signal.SIGINT)
        self.assertEqual(receiver.finish(), 130)
        with self.assertRaises(ConnectionResetError):
            flow.recv(1)
        self.assert_left()

    def test_a_wrong_hash_leaves_nothing(self):
        receiver, place = self.receiver(self.path("out"), "--sha256", "00")
        flow = self.connect(place)
        flow.sendall(b"data")
        flow.shutdown(socket.SHUT_WR)
        self.assertEqual(receiver.finish(), 1)
        self.assertIn("not the one expected", receiver.text())
        self.assert_left()

    def test_the_sender_waits_for_the_end_of_the_other_side(self):
        _, _ = self.make_file("in", 1000)
        server, place = self.listen()
        sender = self.start("send", self.path("in"), place)
        flow = self.accept(server)
        self.assertEqual(len(read_all(flow)), 1000)
        self.assertIsNone(sender.process.poll())
        flow.close()
        self.assertEqual(sender.finish(), 0, sender.text())

    def test_the_sender_fails_if_the_other_side_does_not_end_in_time(self):
        self.make_file("in", 1000)
        server, place = self.listen()
        sender = self.start("send", self.path("in"), place, "--close-timeout", "100ms")
        flow = self.accept(server)
        self.assertEqual(sender.finish(), 1)
        self.assertIn("the other side did not end its stream", sender.text())
        self.assertEqual(len(flow.recv(2000)), 1000)

    def test_an_idle_timeout_gives_a_silent_side_up(self):
        receiver, place = self.receiver(self.path("out"), "--idle-timeout", "200ms")
        flow = self.connect(place)
        flow.sendall(b"half")
        self.assertEqual(receiver.finish(), 1)
        self.assert_left()

    def test_progress_stays_away_from_what_is_no_terminal(self):
        _, digest = self.make_file("in", 1 << 20)
        server, place = self.listen()

        def take():
            with self.accept(server) as flow:
                return read_all(flow)

        received = Background(take)
        sender = self.start("send", self.path("in"), place)
        self.assertEqual(sender.finish(), 0)
        self.assertEqual(hashlib.sha256(received.result()).hexdigest(), digest)
        self.assertNotIn("\r", sender.text())
        self.assertNotIn("\033", sender.text())


if __name__ == "__main__":
    harness.main()
