# SPDX-License-Identifier: Apache-2.0
"""Runs the program for a test: starts it, waits for what it says, and leaves nothing behind."""

import contextlib
import hashlib
import os
import random
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

PROGRAM = ""
# Long enough for a loaded machine and a sanitizer; nothing waits so long when all is well.
PATIENCE = int(os.environ.get("RUNNEL_TEST_PATIENCE", "60"))


def main(*peers):
    """`test.py PROGRAM`; skipped as a whole where one of the other programs is missing."""
    global PROGRAM
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    for peer in peers:
        if find_program(peer) is None:
            print(f"{peer} is not installed")
            sys.exit(77)
    unittest.main(module="__main__")


def find_program(name):
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin:/usr/local/sbin")


def run(*arguments, stdin=b"", timeout=PATIENCE, env=None):
    """Runs the program to its end; gives status, standard output and standard error."""
    done = subprocess.run(
        [PROGRAM, *arguments],
        input=stdin,
        capture_output=True,
        timeout=timeout,
        env={**os.environ, **(env or {})},
    )
    return done.returncode, done.stdout, done.stderr.decode()


class Process:
    """A running process whose standard error is read line by line in the background."""

    def __init__(self, command, **options):
        options.setdefault("stdin", subprocess.DEVNULL)
        options.setdefault("stdout", subprocess.DEVNULL)
        options.setdefault("stderr", subprocess.PIPE)
        self.process = subprocess.Popen(command, **options)
        self.lines = []
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stderr or ():
            with self._changed:
                self.lines.append(line.decode(errors="replace").rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self.lines.append(None)
            self._changed.notify_all()

    def wait_for(self, pattern):
        """Waits for a line of standard error and gives the match."""
        deadline = time.monotonic() + PATIENCE
        seen = 0
        with self._changed:
            while True:
                for line in self.lines[seen:]:
                    if line is None:
                        raise AssertionError(f"ended without /{pattern}/: {self.text()}")
                    match = re.search(pattern, line)
                    if match:
                        return match
                seen = len(self.lines)
                if not self._changed.wait(max(0, deadline - time.monotonic())):
                    raise AssertionError(f"no /{pattern}/ in: {self.text()}")

    def text(self):
        return "\n".join(line for line in self.lines if line is not None)

    def signal(self, number):
        self.process.send_signal(number)

    def finish(self, timeout=PATIENCE):
        """Waits for the end; gives the exit status."""
        status = self.process.wait(timeout)
        self._reader.join(timeout)
        if self.process.stderr:
            self.process.stderr.close()
        return status

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream:
                stream.close()


class TestCase(unittest.TestCase):
    """Kills what a test started and forgot, and gives it a folder of its own."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="runnel-test-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def start(self, *arguments, **options):
        """Starts the program."""
        return self.spawn([PROGRAM, *arguments], **options)

    def spawn(self, command, **options):
        process = Process(command, **options)
        self.addCleanup(process.kill)
        return process

    def serve(self, *arguments, **options):
        """Starts the program and waits until it listens; gives it and the endpoint."""
        process = self.start(*arguments, **options)
        return process, process.wait_for(r"listening on (\S+)")[1]

    def path(self, name):
        return os.path.join(self.folder, name)

    def listen(self, family=socket.AF_INET):
        """A listening socket on a free port of the loopback; gives it and its endpoint."""
        server = socket.socket(family)
        self.addCleanup(server.close)
        server.settimeout(PATIENCE)
        server.bind(("127.0.0.1" if family == socket.AF_INET else "::1", 0))
        server.listen(64)
        host, port = server.getsockname()[:2]
        return server, f"tcp://[{host}]:{port}" if ":" in host else f"tcp://{host}:{port}"

    def connect(self, endpoint):
        """A socket connected to a tcp:, unix: or unix-abstract: endpoint."""
        scheme, place = endpoint.split(":", 1)
        if scheme == "tcp":
            host, port = place.removeprefix("//").rsplit(":", 1)
            client = socket.create_connection((host.strip("[]"), int(port)), timeout=PATIENCE)
        else:
            client = socket.socket(socket.AF_UNIX)
            client.settimeout(PATIENCE)
            client.connect("\0" + place if scheme == "unix-abstract" else place)
        self.addCleanup(client.close)
        return client

    def free_port(self):
        """A port of the loopback that nobody uses, and that the kernel gives to no client."""
        for port in random.sample(range(10000, first_port_of_clients()), 1000):
            with contextlib.suppress(OSError), socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
                return port
        raise AssertionError("no port is free")

    def wait_for_port(self, port, process):
        """Waits until somebody listens there, for peers that do not say so."""
        with deadline(f"listening on port {port}") as left:
            while left():
                self.assertIsNone(process.process.poll(), process.text())
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        return

    def accept(self, server):
        client, _ = server.accept()
        client.settimeout(PATIENCE)
        self.addCleanup(client.close)
        return client


def first_port_of_clients():
    with open("/proc/sys/net/ipv4/ip_local_port_range") as file:
        return int(file.read().split()[0])


def read_all(source):
    """Everything a socket sends until its end."""
    parts = []
    while part := source.recv(1 << 20):
        parts.append(part)
    return b"".join(parts)


class Pattern:
    """Bytes that never repeat at a short distance, without a source of randomness."""

    def __init__(self, seed):
        self._block = b"".join(
            hashlib.sha512(f"{seed} {i}".encode()).digest() for i in range(16411)
        )
        self._at = 0

    def take(self, size):
        parts = []
        while size > 0:
            part = self._block[self._at : self._at + size]
            self._at = (self._at + len(part)) % len(self._block)
            parts.append(part)
            size -= len(part)
        return b"".join(parts)


def send_pattern(target, seed, size):
    """Sends so many bytes; gives their hash."""
    pattern = Pattern(seed)
    digest = hashlib.sha256()
    while size > 0:
        part = pattern.take(min(size, 1 << 20))
        digest.update(part)
        target.sendall(part)
        size -= len(part)
    return digest.hexdigest()


def receive_hash(source):
    """Reads to the end; gives the number of bytes and their hash."""
    digest = hashlib.sha256()
    size = 0
    while part := source.recv(1 << 20):
        digest.update(part)
        size += len(part)
    return size, digest.hexdigest()


class Background(threading.Thread):
    """A call beside the test; `result()` waits for what it gives, or raises what it raised."""

    def __init__(self, function, *arguments):
        super().__init__(daemon=True)
        self._call = (function, arguments)
        self._result = None
        self._error = None
        self.start()

    def run(self):
        function, arguments = self._call
        try:
            self._result = function(*arguments)
        except BaseException as error:  # handed on to the test
            self._error = error

    def result(self):
        self.join(PATIENCE)
        if self.is_alive():
            raise AssertionError("the peer did not finish")
        if self._error:
            raise self._error
        return self._result


@contextlib.contextmanager
def deadline(what):
    """For loops that poll: `with deadline("…") as left: while left() and …`."""
    end = time.monotonic() + PATIENCE

    def left():
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not happen")
        select.select([], [], [], 0.005)
        return True

    yield left


__all__ = [
    "Background",
    "PATIENCE",
    "Pattern",
    "TestCase",
    "deadline",
    "find_program",
    "main",
    "read_all",
    "receive_hash",
    "run",
    "send_pattern",
    "signal",
]
