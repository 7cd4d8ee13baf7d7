# SPDX-License-Identifier: Apache-2.0
"""The program on its own TCP/IP stack, opposite the kernel's, in a network namespace."""

import ctypes
import http.server
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading

import harness
from harness import Background, deadline, read_all, receive_hash, send_pattern

MANY = int(os.environ.get("RUNNEL_TEST_MIB", "128")) << 20
SOME = 4 << 20
CLONE_NEWNET = 0x40000000
ADDRESSES = {socket.AF_INET: "10.77.0.2", socket.AF_INET6: "fd77::2"}


def ip(*arguments):
    subprocess.run([harness.find_program("ip"), *arguments], check=True, timeout=harness.PATIENCE)


def exchange(client, size):
    """Sends and receives at once until both ends; gives both hashes."""
    sender = Background(send_pattern, client, 3, size)
    receiver = Background(receive_hash, client)
    sent = sender.result()
    client.shutdown(socket.SHUT_WR)
    received, digest = receiver.result()
    return received, sent, digest


class StackCase(harness.TestCase):
    """A stack behind a device whose other side is the kernel's."""

    kind = "tap"

    def stack(self, mtu=1500, *settings):
        """Makes the device; gives the option that describes the stack."""
        if self.kind == "packet":
            ip("link", "add", "rn0", "type", "veth", "peer", "name", "rn1")
            kernel = "rn1"
            ip("link", "set", "rn0", "mtu", str(mtu), "up")
        else:
            queues = ["multi_queue"] if "multi-queue=on" in settings else []
            ip("tuntap", "add", "rn0", "mode", self.kind, *queues)
            kernel = "rn0"
        self.addCleanup(ip, "link", "delete", "rn0")
        ip("address", "add", "10.77.0.1/24", "dev", kernel)
        ip("address", "add", "fd77::1/64", "dev", kernel, "nodad")
        ip("link", "set", kernel, "mtu", str(mtu), "up")
        self.kernel = kernel
        given = [f"lan={self.kind}:rn0,address=10.77.0.2/24,address=fd77::2/64", *settings]
        return ["--stack", ",".join(given)]

    def stop(self, process):
        process.signal(signal.SIGTERM)
        process.finish()

    def echo(self, *arguments):
        process, _ = self.serve("echo", "tcp://:7000?stack=lan", "--verbose", *arguments)
        self.addCleanup(self.stop, process)
        return process

    def client(self, family=socket.AF_INET, port=7000):
        client = socket.create_connection((ADDRESSES[family], port), timeout=harness.PATIENCE)
        self.addCleanup(client.close)
        return client

    def try_echo(self, size, *families):
        for family in families or ADDRESSES:
            with self.subTest(family=family):
                received, sent, digest = exchange(self.client(family), size)
                self.assertEqual(received, size)
                self.assertEqual(digest, sent)


class Tap(StackCase):
    def test_serves_the_kernel_much_with_equal_hashes(self):
        self.echo(*self.stack())
        self.try_echo(MANY, socket.AF_INET)

    def test_serves_every_mtu_with_and_without_offload(self):
        for mtu in (1280, 9000, 65521):
            for offload in ("on", "off"):
                with self.subTest(mtu=mtu, offload=offload):
                    case = type(self)()
                    case.setUp()
                    try:
                        case.echo(*case.stack(mtu, f"offload={offload}"))
                        case.try_echo(SOME)
                    finally:
                        case.doCleanups()

    def runTest(self):
        """What makes a case that is not in the list of tests."""

    def test_goes_on_after_the_interface_was_down(self):
        self.echo(*self.stack())
        client = self.client()
        sender = Background(send_pattern, client, 3, SOME)
        head = client.recv(1000)
        ip("link", "set", self.kernel, "down")
        ip("link", "set", self.kernel, "up")
        receiver = Background(read_all, client)
        sent = sender.result()
        client.shutdown(socket.SHUT_WR)
        content = head + receiver.result()
        self.assertEqual(harness.hashlib.sha256(content).hexdigest(), sent)

    def test_tells_a_reset_from_an_end(self):
        process = self.echo(*self.stack())
        client = self.client()
        client.sendall(b"hello")
        self.assertEqual(client.recv(5), b"hello")
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        process.wait_for(r"#1 .*reset")

    def test_refuses_where_nobody_listens(self):
        self.echo(*self.stack())
        for family in ADDRESSES:
            with self.assertRaises(ConnectionRefusedError):
                self.client(family, 7001)

    def test_several_loops_share_the_device(self):
        path = self.path("lan.sock")
        lan = self.stack(1500, "multi-queue=on", f"status={path}")
        self.echo("--loops", "2", *lan)
        for family in ADDRESSES:
            clients = [self.client(family) for _ in range(16)]
            for number, client in enumerate(clients):
                client.sendall(b"%d" % number)
            for number, client in enumerate(clients):
                self.assertEqual(client.recv(100), b"%d" % number)
            for each in clients:
                each.close()
        for each in (path, path + ".2"):
            status, _, err = harness.run("stack", each, "--json")
            self.assertEqual(status, 0, err)


class Relayed(StackCase):
    """A relay from the stack to sockets of the kernel, for peers that want more than an echo."""

    def relay(self, target):
        process, _ = self.serve(
            "relay", "--listen", "tcp://:7000?stack=lan", target, *self.stack()
        )
        self.addCleanup(self.stop, process)

    def pair(self):
        server, target = self.listen()
        self.relay(target)
        client = self.client()
        return client, self.accept(server)

    def test_half_close_of_the_client_leaves_the_answer_its_way(self):
        client, target = self.pair()
        client.sendall(b"question")
        client.shutdown(socket.SHUT_WR)
        self.assertEqual(read_all(target), b"question")
        target.sendall(b"answer")
        target.close()
        self.assertEqual(read_all(client), b"answer")

    def test_half_close_of_the_target_leaves_the_question_its_way(self):
        client, target = self.pair()
        target.sendall(b"greeting")
        target.shutdown(socket.SHUT_WR)
        self.assertEqual(read_all(client), b"greeting")
        client.sendall(b"still talking")
        client.close()
        self.assertEqual(read_all(target), b"still talking")

    def run_peer(self, program, *arguments, **options):
        if harness.find_program(program) is None:
            self.skipTest(f"{program} is not installed")
        return subprocess.run(
            [harness.find_program(program), *arguments],
            capture_output=True,
            timeout=harness.PATIENCE,
            check=True,
            **options,
        ).stdout

    def test_curl_gets_a_file(self):
        content = harness.Pattern(5).take(SOME)
        with open(self.path("file"), "wb") as file:
            file.write(content)

        class Handler(http.server.SimpleHTTPRequestHandler):
            def log_message(self, *_):
                pass

        def handler(*arguments):
            return Handler(*arguments, directory=self.folder)

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.relay(f"tcp://127.0.0.1:{server.server_port}")
        for place in ADDRESSES.values():
            host = f"[{place}]" if ":" in place else place
            got = self.run_peer("curl", "-sSf", "-g", f"http://{host}:7000/file")
            self.assertTrue(got == content)

    def test_socat_asks_an_echo(self):
        self.echo(*self.stack())
        for command in (
            ("socat", "-t", "60", "-", "TCP:10.77.0.2:7000"),
            ("socat", "-t", "60", "-", "TCP:[fd77::2]:7000"),
        ):
            content = harness.Pattern(6).take(SOME)
            self.assertTrue(self.run_peer(*command, input=content) == content)


class Packet(StackCase):
    """A stack that shares an interface with the kernel."""

    kind = "packet"

    def test_serves_the_kernel_at_the_other_end_of_the_cable(self):
        self.echo(*self.stack())
        self.try_echo(SOME)

    def test_does_so_without_offload(self):
        self.echo(*self.stack(1500, "offload=off"))
        self.try_echo(SOME)


class Tun(StackCase):
    """The same without Ethernet."""

    kind = "tun"

    def test_serves_the_kernel_with_the_largest_packets(self):
        self.echo(*self.stack(65535))
        self.try_echo(SOME)

    def test_serves_the_kernel_without_offload(self):
        self.echo(*self.stack(1500, "offload=off"))
        self.try_echo(SOME)


class Commands(StackCase):
    def test_ping_asks_the_kernel(self):
        lan = self.stack()
        for place in ("10.77.0.1", "fd77::1"):
            status, out, err = harness.run(
                "ping", place, "-c3", "-i10ms", "--timeout=60s", "--json", *lan
            )
            self.assertEqual(status, 0, err)
            summary = json.loads(out)
            self.assertEqual((summary["sent"], summary["answered"]), (3, 3))
        status, out, err = harness.run("ping", "10.77.0.1", "-c1", "--timeout=60s", *lan)
        self.assertIn(b"56 bytes from 10.77.0.1: number=1", out)

    def test_ping_says_that_nobody_answers(self):
        lan = self.stack()
        status, out, err = harness.run(
            "ping", "10.77.0.9", "-c1", "--timeout=100ms", "--json", *lan
        )
        self.assertEqual(status, 1)
        self.assertEqual(json.loads(out)["answered"], 0)
        self.assertEqual(harness.run("ping", "10.77.0.9")[0], 2)

    def test_shows_how_a_stack_stands(self):
        socket_path = self.path("lan.sock")
        self.echo(*self.stack(1500, f"status={socket_path}"))
        client = self.client()
        client.sendall(b"hello")
        self.assertEqual(client.recv(5), b"hello")
        peer = "10.77.0.1:%d" % client.getsockname()[1]
        status, out, err = harness.run("stack", socket_path, "--json")
        self.assertEqual(status, 0, err)
        shown = json.loads(out)
        [flow] = [each for each in shown["flows"] if each["remote"] == peer]
        self.assertEqual(flow["state"], "ESTABLISHED")
        self.assertEqual(shown["name"], "lan")
        self.assertIn("10.77.0.2/24", [each["address"] for each in shown["addresses"]])
        self.assertIn("10.77.0.1", [each["address"] for each in shown["neighbours"]])
        status, out, err = harness.run("stack", socket_path, "--once")
        self.assertEqual(status, 0, err)
        self.assertIn(b"ESTABLISHED", out)
        self.assertEqual(harness.run("stack", self.path("nothing"))[0], 1)

    def test_captures_an_interface(self):
        lan = self.stack()
        path = self.path("packets.pcapng")
        process = self.start("capture", "packet:rn0", path, "--count", "2")
        process.wait_for("capturing")
        with deadline("the capture of two frames") as left:
            while process.process.poll() is None and left():
                harness.run("ping", "10.77.0.1", "-c1", *lan)
        self.assertEqual(process.finish(), 0, process.text())
        with open(path, "rb") as file:
            content = file.read()
        self.assertTrue(content.startswith(b"\x0a\x0d\x0d\x0a"))
        self.assertIn(b"packet:rn0", content)


def enter_a_namespace():
    """A network of this test's own; ends the test where that is not allowed."""
    if os.geteuid() != 0 or not os.path.exists("/dev/net/tun"):
        print("needs root and /dev/net/tun")
        sys.exit(77)
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
        print("needs the right to make a network namespace")
        sys.exit(77)
    if harness.find_program("ip") is None:
        print("ip is not installed")
        sys.exit(77)
    ip("link", "set", "lo", "up")


if __name__ == "__main__":
    enter_a_namespace()
    harness.main()
