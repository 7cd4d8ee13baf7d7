# SPDX-License-Identifier: Apache-2.0
"""curl, the relay, and nginx: downloads of every size, many at once, and PROXY headers."""

import hashlib
import os
import subprocess

import harness
from harness import Pattern

CONFIG = """
daemon off;
master_process off;
pid {folder}/pid;
error_log stderr warn;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        listen 127.0.0.1:{proxy_port} proxy_protocol;
        listen unix:{folder}/nginx.sock;
        root {folder}/files;
        location /echo {{ return 200 "$proxy_protocol_addr:$proxy_protocol_port"; }}
    }}
}}
"""


class NginxAndCurl(harness.TestCase):
    def setUp(self):
        super().setUp()
        self.port, self.proxy_port = self.free_port(), self.free_port()
        os.mkdir(self.path("files"))
        with open(self.path("conf"), "w") as file:
            file.write(
                CONFIG.format(folder=self.folder, port=self.port, proxy_port=self.proxy_port)
            )
        nginx = self.spawn(
            [harness.find_program("nginx"), "-p", self.folder, "-c", self.path("conf")]
        )
        self.wait_for_port(self.port, nginx)
        self.target = f"tcp://127.0.0.1:{self.port}"

    def make_file(self, name, size):
        content = Pattern(name).take(size)
        with open(self.path(f"files/{name}"), "wb") as file:
            file.write(content)
        return hashlib.sha256(content).hexdigest()

    def relay(self, target, *options, at="tcp://127.0.0.1:0"):
        _, place = self.serve("relay", "--listen", at, target, *options)
        return place.replace("tcp://", "http://")

    def curl(self, *arguments):
        done = subprocess.run(
            ["curl", "-sS", "--fail", *arguments], capture_output=True, timeout=harness.PATIENCE
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def hash_of(self, *arguments):
        return hashlib.sha256(self.curl(*arguments)).hexdigest()

    def test_files_arrive_unchanged_on_each_backend(self):
        for backend in ("io_uring", "epoll"):
            place = self.relay(self.target, "--backend", backend)
            for name, size in (("empty", 0), ("small", 1), ("odd", 65537), ("large", 64 << 20)):
                digest = self.make_file(name, size)
                self.assertEqual(self.hash_of(f"{place}/{name}"), digest, (backend, name))

    def test_many_downloads_at_once(self):
        place = self.relay(self.target, "--loops", "2")
        digest = self.make_file("file", 4 << 20)
        outputs = [self.path(f"out{i}") for i in range(16)]
        arguments = ["--parallel", "--parallel-max", "16"]
        for output in outputs:
            arguments += ["-o", output, f"{place}/file"]
        self.curl(*arguments)
        for output in outputs:
            with open(output, "rb") as file:
                self.assertEqual(hashlib.sha256(file.read()).hexdigest(), digest)

    def test_a_connection_that_is_kept_alive(self):
        place = self.relay(self.target)
        self.make_file("a", 100)
        out = self.curl(f"{place}/a", f"{place}/a", "-w", "%{num_connects}")
        self.assertEqual((out[100:101], out[201:]), (b"1", b"0"), "connections of each request")

    def test_unix_sockets_on_either_side(self):
        digest = self.make_file("file", 1 << 20)
        place = self.relay(f"unix:{self.path('nginx.sock')}")
        self.assertEqual(self.hash_of(f"{place}/file"), digest)
        socket_path = self.path("relay.sock")
        self.relay(self.target, at=f"unix:{socket_path}")
        self.assertEqual(
            self.hash_of("--unix-socket", socket_path, "http://nginx/file"), digest
        )

    def test_nginx_learns_who_the_client_is(self):
        for version in ("v1", "v2"):
            place = self.relay(f"tcp://127.0.0.1:{self.proxy_port}", "--proxy-out", version)
            out = self.curl(f"{place}/echo", "-w", " %{local_port}").decode()
            who, port = out.split(" ")
            self.assertEqual(who, f"127.0.0.1:{port}", version)

    def test_curl_says_who_the_client_is(self):
        place = self.relay(
            f"tcp://127.0.0.1:{self.proxy_port}", "--proxy-in", "--proxy-out", "v2"
        )
        out = self.curl("--haproxy-protocol", f"{place}/echo", "-w", " %{local_port}").decode()
        who, port = out.split(" ")
        self.assertEqual(who, f"127.0.0.1:{port}")


if __name__ == "__main__":
    harness.main("nginx", "curl")
