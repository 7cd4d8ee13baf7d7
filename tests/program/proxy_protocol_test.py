# SPDX-License-Identifier: Apache-2.0
"""PROXY headers that the relay takes and sends, built and read here by hand."""

import errno
import signal
import socket
import struct

import harness
from harness import read_all

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
V1 = b"PROXY TCP4 192.0.2.1 198.51.100.2 50000 443\r\n"


def v2(source="192.0.2.1", target="198.51.100.2", ports=(50000, 443), command=1, extra=b""):
    """A header of version 2 for TCP over IPv4."""
    addresses = socket.inet_aton(source) + socket.inet_aton(target) + struct.pack("!HH", *ports)
    body = addresses + extra if command else extra
    family = 0x11 if command else 0x00
    return SIGNATURE + struct.pack("!BBH", 0x20 | command, family, len(body)) + body


def read_v2(data):
    """The addresses and what follows the header."""
    assert data[:12] == SIGNATURE, data[:16]
    version, family, length = struct.unpack("!BBH", data[12:16])
    assert version == 0x21, version
    body, rest = data[16 : 16 + length], data[16 + length :]
    size = 4 if family == 0x11 else 16
    kind = socket.AF_INET if family == 0x11 else socket.AF_INET6
    source, target = body[:size], body[size : 2 * size]
    ports = struct.unpack("!HH", body[2 * size : 2 * size + 4])
    return (socket.inet_ntop(kind, source), socket.inet_ntop(kind, target), *ports), rest


class ProxyProtocol(harness.TestCase):
    def relay(self, *options, at="tcp://127.0.0.1:0"):
        server, target = self.listen()
        process, place = self.serve("relay", "--listen", at, target, "--verbose", *options)
        return process, place, server

    def exchange(self, place, server, data):
        """What the target gets when a client sends this and ends."""
        client = self.connect(place)
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        target = self.accept(server)
        seen = read_all(target)
        target.sendall(b"answer")
        target.close()
        self.assertEqual(read_all(client), b"answer")
        return client.getsockname(), seen

    def test_tells_the_target_by_version_1(self):
        _, place, server = self.relay("--proxy-out", "v1")
        name, seen = self.exchange(place, server, b"data")
        port = place.rsplit(":", 1)[1]
        self.assertEqual(
            seen, f"PROXY TCP4 127.0.0.1 127.0.0.1 {name[1]} {port}\r\ndata".encode()
        )

    def test_tells_the_target_by_version_2_also_of_ipv6(self):
        for at, host in (("tcp://127.0.0.1:0", "127.0.0.1"), ("tcp://[::1]:0", "::1")):
            _, place, server = self.relay("--proxy-out", "v2", at=at)
            name, seen = self.exchange(place, server, b"data")
            addresses, rest = read_v2(seen)
            self.assertEqual(addresses, (host, host, name[1], int(place.rsplit(":", 1)[1])))
            self.assertEqual(rest, b"data")

    def test_tells_that_a_unix_client_is_unknown_by_version_1(self):
        _, place, server = self.relay("--proxy-out", "v1", at=f"unix:{self.path('s')}")
        _, seen = self.exchange(place, server, b"data")
        self.assertEqual(seen, b"PROXY UNKNOWN\r\ndata")

    def test_takes_headers_of_both_versions_and_removes_them(self):
        process, place, server = self.relay("--proxy-in")
        for number, header in enumerate((V1, v2(), v2(extra=b"\x04\0\x01x")), 1):
            _, seen = self.exchange(place, server, header + b"data")
            self.assertEqual(seen, b"data")
            process.wait_for(rf"#{number} tcp://192.0.2.1:50000 via tcp://127.0.0.1:\d+ ->")

    def test_takes_a_header_in_single_bytes_and_one_alone(self):
        _, place, server = self.relay("--proxy-in")
        client = self.connect(place)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in v2() + b"data":
            client.sendall(bytes([byte]))
        self.assertEqual(self.accept(server).recv(1), b"d")
        _, seen = self.exchange(place, server, V1)
        self.assertEqual(seen, b"")

    def test_takes_much_that_follows_the_header_at_once(self):
        _, place, server = self.relay("--proxy-in")
        content = harness.Pattern("x").take(4 << 20)
        client = self.connect(place)
        sender = harness.Background(
            lambda: (client.sendall(v2() + content), client.shutdown(socket.SHUT_WR))
        )
        self.assertEqual(read_all(self.accept(server)) == content, True)
        sender.result()

    def test_passes_on_who_the_client_is(self):
        for version in ("v1", "v2"):
            _, place, server = self.relay("--proxy-in", "--proxy-out", version)
            _, seen = self.exchange(place, server, v2() + b"data")
            if version == "v1":
                self.assertEqual(seen, V1 + b"data")
            else:
                addresses, rest = read_v2(seen)
                self.assertEqual(addresses, ("192.0.2.1", "198.51.100.2", 50000, 443))
                self.assertEqual(rest, b"data")

    def test_refuses_what_is_no_header_and_connects_to_nobody(self):
        process, place, server = self.relay("--proxy-in", "--max-connections", "1")
        for data in (
            b"GET / HTTP/1.1\r\n\r\n",
            b"PROXY TCP4 192.0.2.1 198.51.100.2 50000 99999\r\n",
            b"PROXY TCP4 " + b"x" * 200,
            SIGNATURE + b"\x31\x11\x00\x0c" + bytes(12),
            SIGNATURE + b"\x21\x11\xff\xff",
            V1[:20],
        ):
            client = self.connect(place)
            client.sendall(data)
            try:
                client.shutdown(socket.SHUT_WR)  # fails if the reset came first
                self.assertEqual(client.recv(1), b"")
            except OSError as error:
                self.assertIn(error.errno, (errno.ECONNRESET, errno.ENOTCONN))
        process.wait_for(r"#6 .*PROXY header")
        server.settimeout(0)
        with self.assertRaises(BlockingIOError):
            server.accept()

    def test_gives_a_client_without_a_header_up_in_time(self):
        process, place, _ = self.relay("--proxy-in", "--proxy-in-timeout", "500ms")
        client = self.connect(place)
        with self.assertRaises(ConnectionResetError):
            client.sendall(V1[:10])
            while client.recv(1):
                pass
        process.wait_for(r"#1 .*deadline")
        process.signal(signal.SIGTERM)
        self.assertEqual(process.finish(), 0)


if __name__ == "__main__":
    harness.main()
