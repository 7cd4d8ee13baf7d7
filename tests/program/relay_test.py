# SPDX-License-Identifier: Apache-2.0
"""The relay between sockets of this test: bytes, ends in every order, limits, and its own end."""

import os
import signal
import socket
import struct

import harness
from harness import Background, deadline, read_all, receive_hash, send_pattern

MANY = int(os.environ.get("RUNNEL_TEST_MIB", "256")) << 20


def reset(flow):
    """Closes a socket so that its peer gets a reset."""
    flow.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    flow.close()


class Relay(harness.TestCase):
    backend = "auto"

    def relay(self, *options, at="tcp://127.0.0.1:0"):
        """A relay to a socket of this test; gives the process, its endpoint and that socket."""
        server, target = self.listen()
        process, place = self.serve(
            "relay", "--listen", at, target, "--backend", self.backend, *options
        )
        return process, place, server

    def pair(self, *options):
        """Both ends of one relayed connection, and the relay."""
        process, place, server = self.relay(*options)
        client = self.connect(place)
        return client, self.accept(server), process

    def stop(self, process, status=0):
        process.signal(signal.SIGTERM)
        self.assertEqual(process.finish(), status, process.text())

    def test_carries_both_directions_at_once_and_both_ends(self):
        client, target, process = self.pair("--verbose")
        up = Background(send_pattern, client, 1, MANY)
        down = Background(send_pattern, target, 2, MANY)
        at_target = Background(receive_hash, target)
        at_client = Background(receive_hash, client)
        sent_up = up.result()
        client.shutdown(socket.SHUT_WR)
        self.assertEqual(at_target.result(), (MANY, sent_up))
        sent_down = down.result()
        target.shutdown(socket.SHUT_WR)
        self.assertEqual(at_client.result(), (MANY, sent_down))
        process.wait_for(r"#1 tcp://.* client: end of stream  target: end of stream")
        self.stop(process)

    def test_many_connections_share_one_link(self):
        server, target = self.listen()
        inner, link = self.serve("relay", "--listen", f"mux+unix:{self.path('link')}", target)
        outer, place = self.serve(
            *("relay", "--listen", "tcp://127.0.0.1:0", link, "--backend", self.backend)
        )
        clients = [self.connect(place) for _ in range(5)]
        for number, client in enumerate(clients):
            client.sendall(b"%d" % number)
            client.shutdown(socket.SHUT_WR)
        for _ in clients:
            target = self.accept(server)
            target.sendall(2 * read_all(target))
            target.close()
        for number, client in enumerate(clients):
            self.assertEqual(read_all(client), b"%d%d" % (number, number))
        self.stop(outer)
        self.stop(inner)

    def test_half_close_of_the_client_leaves_the_answer_its_way(self):
        client, target, process = self.pair()
        client.sendall(b"question")
        client.shutdown(socket.SHUT_WR)
        self.assertEqual(read_all(target), b"question")
        for part in (b"a long ", b"answer"):
            target.sendall(part)
            self.assertEqual(client.recv(100), part)
        target.close()
        self.assertEqual(read_all(client), b"")
        self.stop(process)

    def test_half_close_of_the_target_leaves_the_question_its_way(self):
        client, target, process = self.pair()
        target.sendall(b"greeting")
        target.shutdown(socket.SHUT_WR)
        self.assertEqual(read_all(client), b"greeting")
        for part in (b"still ", b"talking"):
            client.sendall(part)
            self.assertEqual(target.recv(100), part)
        client.close()
        self.assertEqual(read_all(target), b"")
        self.stop(process)

    def test_reset_of_one_side_becomes_a_reset_of_the_other(self):
        for end_client in (True, False):
            client, target, process = self.pair("--verbose")
            client.sendall(b"x")
            self.assertEqual(target.recv(1), b"x")
            reset(client if end_client else target)
            with self.assertRaises(ConnectionResetError):
                (target if end_client else client).recv(1)
            side = "client" if end_client else "target"
            process.wait_for(rf"#1 .* {side}: .*reset")
            self.stop(process)

    def test_client_is_reset_when_nobody_listens_at_the_target(self):
        process, place, server = self.relay()
        target = server.getsockname()[1]
        server.close()
        with self.assertRaises(ConnectionResetError):  # or the connect sees it already
            self.connect(place).recv(1)
        process.wait_for(rf"^runnel: relay: connect tcp://127.0.0.1:{target}: connection refused$")
        self.stop(process)

    def test_serves_many_at_once(self):
        process, place, server = self.relay("--loops", "2")
        pairs = []
        for number in range(50):
            client = self.connect(place)
            client.sendall(f"{number}".encode())
            client.shutdown(socket.SHUT_WR)
            pairs.append((client, self.accept(server)))
        said = sorted(int(read_all(target)) for _, target in pairs)
        self.assertEqual(said, list(range(50)))
        for _, target in pairs:
            target.close()
        for client, _ in pairs:
            self.assertEqual(read_all(client), b"")
        self.stop(process)

    def test_once_ends_after_one_connection_and_accepts_no_other(self):
        client, target, process = self.pair("--once", "--json")
        place = client.getpeername()
        with deadline("the listening socket's end") as left:
            while left():
                with socket.socket() as other:
                    if other.connect_ex(place) != 0:
                        break
        client.close()
        target.close()
        self.assertEqual(process.finish(), 0, process.text())

    def test_max_connections_lets_the_next_one_wait(self):
        process, place, server = self.relay("--max-connections", "1")
        first = self.connect(place)
        first_target = self.accept(server)
        second = self.connect(place)
        second.sendall(b"second")
        server.settimeout(0.3)
        with self.assertRaises(TimeoutError):
            server.accept()
        server.settimeout(harness.PATIENCE)
        first.close()
        first_target.close()
        second_target = self.accept(server)
        self.assertEqual(second_target.recv(100), b"second")
        second.close()
        second_target.close()
        self.stop(process)

    def test_idle_timeout_ends_a_silent_connection_and_not_a_busy_one(self):
        client, target, process = self.pair("--idle-timeout", "1500ms", "--verbose")
        for _ in range(5):
            client.sendall(b"x")
            self.assertEqual(target.recv(1), b"x")
        with self.assertRaises(ConnectionResetError):
            client.recv(1)
        process.wait_for(r"#1 .* nothing moved for 1.50 s")
        self.stop(process)

    def test_drain_lets_a_connection_finish_and_accepts_no_other(self):
        client, target, process = self.pair()
        place = client.getpeername()
        process.signal(signal.SIGTERM)
        with deadline("the listening socket's end") as left:
            while left():
                with socket.socket() as other:
                    if other.connect_ex(place) != 0:
                        break
        size = 8 << 20
        sent = Background(send_pattern, client, 1, size)
        received = Background(receive_hash, target)
        digest = sent.result()
        client.shutdown(socket.SHUT_WR)
        self.assertEqual(received.result(), (size, digest))
        target.close()
        self.assertEqual(read_all(client), b"")
        self.assertEqual(process.finish(), 0, process.text())

    def test_drain_timeout_ends_what_is_left(self):
        client, _, process = self.pair("--drain-timeout", "200ms", "--stats")
        process.signal(signal.SIGTERM)
        with self.assertRaises(ConnectionResetError):
            client.recv(1)
        self.assertEqual(process.finish(), 3, process.text())
        process_text = process.text()
        self.assertIn("1 ended early", process_text)

    def test_second_signal_ends_at_once(self):
        client, _, process = self.pair("--drain-timeout", "1h")
        place = client.getpeername()
        process.signal(signal.SIGINT)
        with deadline("the listening socket's end") as left:
            while left():
                with socket.socket() as other:
                    if other.connect_ex(place) != 0:
                        break
        process.signal(signal.SIGINT)
        with self.assertRaises(ConnectionResetError):
            client.recv(1)
        self.assertEqual(process.finish(), 130, process.text())

    def test_joins_two_sockets_once_without_listening(self):
        server_a, a = self.listen()
        server_b, b = self.listen()
        process = self.start("relay", a, b, "--backend", self.backend, "--stats")
        side_a, side_b = self.accept(server_a), self.accept(server_b)
        side_a.sendall(b"to b")
        side_b.sendall(b"to a")
        side_a.shutdown(socket.SHUT_WR)
        side_b.shutdown(socket.SHUT_WR)
        self.assertEqual((read_all(side_a), read_all(side_b)), (b"to a", b"to b"))
        self.assertEqual(process.finish(), 0, process.text())
        self.assertIn("A to B 4 B", process.text())

    def test_one_to_one_relay_tells_of_a_reset_and_of_a_signal(self):
        for number, status in ((None, 1), (signal.SIGINT, 130)):
            server_a, a = self.listen()
            server_b, b = self.listen()
            process = self.start("relay", a, b, "--backend", self.backend)
            side_a, side_b = self.accept(server_a), self.accept(server_b)
            if number is None:
                reset(side_a)
            else:
                process.signal(number)
            with self.assertRaises(ConnectionResetError):
                side_b.recv(1)
            self.assertEqual(process.finish(), status, process.text())


class RelayOnEpoll(Relay):
    backend = "epoll"


if __name__ == "__main__":
    harness.main()
