# SPDX-License-Identifier: Apache-2.0
"""haproxy in front of the relay and behind it: PROXY headers of another implementation."""

import socket

import harness
from harness import read_all

CONFIG = """
global
    log stderr local0 warning
defaults
    mode tcp
    timeout connect 10s
    timeout client 1m
    timeout server 1m
listen one
    bind 127.0.0.1:{port} {bind}
    server next 127.0.0.1:{target} {server}
"""


def port_of(place):
    return int(place.rsplit(":", 1)[1])


class Haproxy(harness.TestCase):
    def haproxy(self, target, bind="", server=""):
        port = self.free_port()
        with open(self.path("conf"), "w") as file:
            file.write(CONFIG.format(port=port, bind=bind, target=target, server=server))
        process = self.spawn([harness.find_program("haproxy"), "-db", "-f", self.path("conf")])
        self.wait_for_port(port, process)
        return f"tcp://127.0.0.1:{port}"

    def ask(self, place, server):
        client = self.connect(place)
        client.sendall(b"question")
        client.shutdown(socket.SHUT_WR)
        target = self.accept(server)
        seen = read_all(target)
        target.sendall(b"answer")
        target.close()
        self.assertEqual(read_all(client), b"answer")
        return client.getsockname()[1], seen

    def test_the_relay_understands_what_haproxy_sends(self):
        for option in ("send-proxy", "send-proxy-v2", "send-proxy-v2 proxy-v2-options unique-id"):
            server, target = self.listen()
            relay, place = self.serve(
                "relay", "--listen", "tcp://127.0.0.1:0", target, "--proxy-in", "--verbose"
            )
            front = self.haproxy(port_of(place), server=option)
            self.accept(server).close()  # from the look whether haproxy listens
            port, seen = self.ask(front, server)
            self.assertEqual(seen, b"question")
            relay.wait_for(rf"tcp://127.0.0.1:{port} via tcp://127.0.0.1:\d+ ->")

    def test_haproxy_understands_what_the_relay_sends(self):
        for version in ("v1", "v2"):
            server, target = self.listen()
            behind = self.haproxy(port_of(target), bind="accept-proxy", server="send-proxy")
            _, place = self.serve(
                "relay", "--listen", "tcp://127.0.0.1:0", behind, "--proxy-out", version
            )
            port, seen = self.ask(place, server)
            expected = f"PROXY TCP4 127.0.0.1 127.0.0.1 {port} {port_of(place)}\r\nquestion"
            self.assertEqual(seen, expected.encode())


if __name__ == "__main__":
    harness.main("haproxy")
