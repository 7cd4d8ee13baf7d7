# SPDX-License-Identifier: Apache-2.0
"""The relay between endpoints of every kind."""

import hashlib
import os
import signal
import socket
import stat

import harness
from harness import Pattern, read_all, run


class Endpoints(harness.TestCase):
    def stop(self, process, status=0):
        process.signal(signal.SIGTERM)
        self.assertEqual(process.finish(), status, process.text())

    def echo(self, place):
        """An echo at this endpoint; gives the endpoint."""
        _, at = self.serve("echo", place)
        return at

    def ask(self, place, question=b"question"):
        """Sends something and ends; gives everything that comes back."""
        flow = self.connect(place)
        flow.sendall(question)
        flow.shutdown(socket.SHUT_WR)
        return read_all(flow)

    def test_listens_at_and_connects_to_unix_sockets(self):
        target = self.echo(f"unix:{self.path('echo.sock')}")
        relay, place = self.serve("relay", "--listen", f"unix:{self.path('relay.sock')}", target)
        self.assertEqual(self.ask(place), b"question")
        self.stop(relay)
        self.assertFalse(os.path.exists(self.path("relay.sock")), "its file is gone with it")

    def test_a_unix_socket_gets_the_access_rights_asked_for(self):
        path = self.path("echo.sock")
        self.echo(f"unix:{path}?mode=0600")
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)

    def test_takes_the_place_of_a_unix_socket_that_nobody_listens_on(self):
        path = self.path("echo.sock")
        with socket.socket(socket.AF_UNIX) as stale:
            stale.bind(path)
        self.assertEqual(self.ask(self.echo(f"unix:{path}")), b"question")

    def test_leaves_another_server_and_other_files_alone(self):
        self.echo(f"unix:{self.path('taken.sock')}")
        with open(self.path("file"), "w") as file:
            file.write("content")
        for name in ("taken.sock", "file"):
            status, _, err = run("echo", f"unix:{self.path(name)}")
            self.assertEqual(status, 1)
            self.assertIn("address already in use", err)
        self.assertEqual(os.path.getsize(self.path("file")), 7)

    def test_abstract_sockets(self):
        name = f"runnel-test-{os.getpid()}"
        target = self.echo(f"unix-abstract:{name}")
        _, place = self.serve("relay", "--listen", "tcp://127.0.0.1:0", target)
        self.assertEqual(self.ask(place), b"question")

    def test_tcp_over_ipv6(self):
        target = self.echo("tcp://[::1]:0")
        _, place = self.serve("relay", "--listen", "tcp://[::1]:0", target)
        self.assertEqual(self.ask(place), b"question")

    def test_names_are_resolved(self):
        target = self.echo("tcp://localhost:0").replace("127.0.0.1", "localhost")
        self.assertIn("localhost", target.replace("[::1]", "localhost"))
        _, place = self.serve("relay", "--listen", "tcp://127.0.0.1:0", target)
        self.assertEqual(self.ask(place), b"question")

    def test_names_are_looked_up_at_the_servers_asked_for(self):
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(server.close)
        server.bind(("127.0.0.1", 0))
        server.settimeout(harness.PATIENCE)
        names = f"dns://127.0.0.1:{server.getsockname()[1]}"
        target = self.echo("tcp://127.0.0.1:0").replace("127.0.0.1", "service.example")

        def answer():
            for _ in range(2):  # A and AAAA
                query, client = server.recvfrom(4096)
                end = query.index(b"\0", 12) + 5
                is_v4 = query[end - 4 : end - 2] == b"\0\1"
                head = query[:2] + b"\x81\x80\0\1" + bytes([0, is_v4]) + bytes(4)
                record = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x7f\0\0\1" if is_v4 else b""
                server.sendto(head + query[12:end] + record, client)

        answering = harness.Background(answer)
        status, out, err = run("relay", "-", target, "--resolver", names, stdin=b"question")
        answering.result()
        self.assertEqual((status, out), (0, b"question"), err)

    def test_runs_a_program_for_each_connection(self):
        relay, place = self.serve("relay", "--listen", "tcp://127.0.0.1:0", "exec:rev; echo $$")
        first, second = self.ask(place, b"abc\n"), self.ask(place, b"xyz\n")
        self.assertTrue(first.startswith(b"cba\n"), first)
        self.assertTrue(second.startswith(b"zyx\n"), second)
        self.assertNotEqual(first[4:], second[4:], "another process")
        self.stop(relay)

    def test_a_program_gets_and_gives_much(self):
        content = Pattern("exec").take(8 << 20)
        _, place = self.serve("relay", "--listen", "tcp://127.0.0.1:0", "exec:cat")
        flow = self.connect(place)
        sender = harness.Background(lambda: (flow.sendall(content), flow.shutdown(socket.SHUT_WR)))
        self.assertEqual(hashlib.sha256(read_all(flow)).digest(), hashlib.sha256(content).digest())
        sender.result()

    def test_standard_input_and_output(self):
        target = self.echo("tcp://127.0.0.1:0")
        content = Pattern("stdio").take(4 << 20)
        status, out, err = run("relay", "-", target, stdin=content)
        self.assertEqual((status, out == content), (0, True), err)

    def test_standard_input_that_is_a_file(self):
        target = self.echo("tcp://127.0.0.1:0")
        content = Pattern("file").take(1 << 20)
        with open(self.path("in"), "wb") as file:
            file.write(content)
        with open(self.path("in"), "rb") as source, open(self.path("out"), "wb") as sink:
            relay = self.start("relay", "-", target, stdin=source, stdout=sink)
            self.assertEqual(relay.finish(), 0, relay.text())
        with open(self.path("out"), "rb") as file:
            self.assertEqual(file.read() == content, True)

    def test_two_programs(self):
        status, _, err = run("relay", "exec:echo hello", f"exec:cat > {self.path('out')}")
        self.assertEqual(status, 0, err)
        with open(self.path("out"), "rb") as file:
            self.assertEqual(file.read(), b"hello\n")

    def test_files(self):
        content = Pattern("files").take(3 << 20)
        with open(self.path("in"), "wb") as file:
            file.write(content)
        status, _, err = run(
            "relay", f"file:{self.path('in')}", f"file:{self.path('out')}?create"
        )
        self.assertEqual(status, 0, err)
        with open(self.path("out"), "rb") as file:
            self.assertEqual(file.read() == content, True)
        status, _, err = run(
            "relay", f"file:{self.path('in')}", f"file:{self.path('out')}?create"
        )
        self.assertEqual(status, 1)
        self.assertIn("file exists", err)

    def test_a_descriptor_that_is_connected(self):
        target = self.echo("tcp://127.0.0.1:0")
        ours, theirs = socket.socketpair()
        with ours, theirs:
            number = theirs.fileno()
            relay = self.start("relay", f"fd:{number}", target, pass_fds=[number])
            theirs.close()
            ours.settimeout(harness.PATIENCE)
            ours.sendall(b"question")
            ours.shutdown(socket.SHUT_WR)
            self.assertEqual(read_all(ours), b"question")
        self.assertEqual(relay.finish(), 0, relay.text())

    def test_a_descriptor_that_listens(self):
        target = self.echo("tcp://127.0.0.1:0")
        server, _ = self.listen()
        number = server.fileno()
        _, place = self.serve("relay", "--listen", f"fd:{number}", target, pass_fds=[number])
        server.close()
        self.assertEqual(self.ask(place), b"question")

    def test_tells_the_service_manager(self):
        manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(manager.close)
        manager.settimeout(harness.PATIENCE)
        manager.bind(self.path("notify"))
        relay = self.start(
            "echo", "tcp://127.0.0.1:0", env={**os.environ, "NOTIFY_SOCKET": self.path("notify")}
        )
        self.assertEqual(manager.recv(100), b"READY=1")
        relay.signal(signal.SIGTERM)
        self.assertEqual(manager.recv(100), b"STOPPING=1")
        self.assertEqual(relay.finish(), 0)

    def test_what_cannot_be_done_is_said(self):
        for place, part in (
            ("stdio:", "listen"),
            ("exec:true", "listen"),
            (f"unix:{self.path('no/such/folder')}", "no such file"),
            ("tcp://192.0.2.1:0", "listen tcp://192.0.2.1:0"),
            ("fd:999", "bad file descriptor"),
        ):
            status, _, err = run("echo", place)
            self.assertEqual((status, err.count("\n")), (1, 1), err)
            self.assertIn(part, err)


if __name__ == "__main__":
    harness.main()
