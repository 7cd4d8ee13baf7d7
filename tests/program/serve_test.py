# SPDX-License-Identifier: Apache-2.0
"""`runnel serve` as curl sees it: files of every size, parts, conditions, connections, ends."""

import json
import os
import socket
import subprocess

import harness
from harness import Pattern, signal


class Serve(harness.TestCase):
    def setUp(self):
        super().setUp()
        os.mkdir(self.path("files"))

    def make_file(self, name, size):
        content = Pattern(name).take(size)
        with open(self.path(f"files/{name}"), "wb") as file:
            file.write(content)
        return content

    def start_server(self, *options, at="tcp://127.0.0.1:0", **more):
        server, place = self.serve(
            "serve", self.path("files"), "--listen", at, *options, **more
        )
        return server, place.replace("tcp://", "http://")

    def curl(self, *arguments, status=0):
        done = subprocess.run(
            ["curl", "-sS", *arguments], capture_output=True, timeout=harness.PATIENCE
        )
        self.assertEqual(done.returncode, status, done.stderr)
        return done.stdout

    def head(self, *arguments):
        """Status and fields of an answer, names in lower case."""
        heads = self.curl("-D", "-", "-o", self.path("body"), *arguments).decode()
        lines = heads.removesuffix("\r\n\r\n").split("\r\n\r\n")[-1].split("\r\n")
        fields = dict(line.split(": ", 1) for line in lines[1:] if line)
        return int(lines[0].split()[1]), {name.lower(): fields[name] for name in fields}

    def body(self):
        with open(self.path("body"), "rb") as file:
            return file.read()

    def test_files_arrive_unchanged_on_each_backend(self):
        for backend in ("io_uring", "epoll"):
            _, place = self.start_server("--backend", backend)
            for name, size in (("empty", 0), ("small", 1), ("odd", 65537), ("large", 32 << 20)):
                content = self.make_file(name, size)
                self.assertEqual(self.curl(f"{place}/{name}"), content, (backend, name))

    def test_a_connection_is_kept_and_many_are_served(self):
        _, place = self.start_server("--loops", "2")
        content = self.make_file("file", 1 << 20)
        out = self.curl(f"{place}/file", f"{place}/file", "-w", "%{num_connects}")
        self.assertEqual(len(out), 2 * len(content) + 2)
        self.assertEqual((out[len(content)], out[-1]), (ord("1"), ord("0")), "connections made")
        outputs = [self.path(f"out{i}") for i in range(16)]
        arguments = ["--parallel", "--parallel-max", "16"]
        for output in outputs:
            arguments += ["-o", output, f"{place}/file"]
        self.curl(*arguments)
        for output in outputs:
            with open(output, "rb") as file:
                self.assertEqual(file.read(), content)

    def test_parts_and_resuming(self):
        _, place = self.start_server()
        content = self.make_file("file", 300_000)
        self.assertEqual(self.curl("-r", "1000-199999", f"{place}/file"), content[1000:200_000])
        with open(self.path("partial"), "wb") as file:
            file.write(content[:123_456])
        self.curl("-C", "-", "-o", self.path("partial"), f"{place}/file")
        with open(self.path("partial"), "rb") as file:
            self.assertEqual(file.read(), content)
        status, fields = self.head("-r", "0-9,100-109,-10", f"{place}/file")
        self.assertEqual(status, 206)
        mark = b"--" + fields["content-type"].split("boundary=")[1].encode()
        parts = self.body().split(mark)
        self.assertEqual(
            [part.split(b"\r\n\r\n", 1)[1][:-2] for part in parts[1:-1]],
            [content[:10], content[100:110], content[-10:]],
        )
        self.assertEqual(self.head("-r", "300000-", f"{place}/file")[0], 416)

    def test_what_did_not_change_is_not_sent_again(self):
        _, place = self.start_server("--max-age", "60s")
        self.make_file("page.html", 1000)
        etag = self.path("etag")
        url = f"{place}/page.html"
        status, fields = self.head("--etag-save", etag, url)
        self.assertEqual((status, fields["content-type"]), (200, "text/html; charset=utf-8"))
        self.assertEqual(fields["cache-control"], "max-age=60")
        self.assertEqual(self.head("--etag-compare", etag, url)[0], 304)
        self.assertEqual(self.head("-z", fields["last-modified"], url)[0], 304)
        self.make_file("page.html", 1001)
        self.assertEqual(self.head("--etag-compare", etag, url)[0], 200)

    def test_folders(self):
        _, place = self.start_server("--listing")
        os.mkdir(self.path("files/sub"))
        self.make_file("sub/a&b.txt", 1)
        self.make_file(".hidden", 1)
        self.assertEqual(self.head(f"{place}/sub")[1]["location"], "/sub/")
        page = self.curl(f"{place}/sub/").decode()
        self.assertIn('<a href="./a%26b.txt">a&amp;b.txt</a>', page)
        self.assertEqual(self.head(f"{place}/sub/a%26b.txt")[0], 200)
        self.assertNotIn("hidden", self.curl(f"{place}/").decode())
        self.make_file("sub/index.html", 5)
        self.assertEqual(self.curl(f"{place}/sub/"), Pattern("sub/index.html").take(5))

    def test_nothing_outside_is_served(self):
        _, place = self.start_server("--listing")
        with open(self.path("secret"), "w") as file:
            file.write("secret")
        os.symlink(self.path("secret"), self.path("files/link"))
        os.symlink("..", self.path("files/up"))
        for path in ("link", "up/secret", "../secret", "%2e%2e/secret", "..%2fsecret", ".git"):
            status, _ = self.head("--path-as-is", f"{place}/{path}")
            self.assertIn(status, (400, 404), path)
            self.assertNotIn(b"secret", self.body())

    def test_uploads_are_refused_whichever_way_they_come(self):
        _, place = self.start_server()
        self.make_file("file", 1)
        upload = self.path("upload")
        with open(upload, "wb") as file:
            file.truncate(50_000)
        for way in ([], ["-H", "Expect: 100-continue"], ["-H", "Transfer-Encoding: chunked"]):
            status, fields = self.head("-T", upload, *way, f"{place}/file")
            self.assertEqual((status, fields["allow"]), (405, "GET, HEAD, OPTIONS"), way)

    def test_precompressed_files(self):
        _, place = self.start_server("--precompressed")
        content = self.make_file("a.txt", 100_000)
        subprocess.run(["gzip", "-k", self.path("files/a.txt")], check=True)
        self.assertEqual(self.curl("--compressed", f"{place}/a.txt"), content)
        _, fields = self.head("-H", "Accept-Encoding: gzip", f"{place}/a.txt")
        self.assertEqual(fields["content-encoding"], "gzip")
        self.assertEqual(self.curl(f"{place}/a.txt"), content)

    def test_several_endpoints_of_several_kinds(self):
        content = self.make_file("file", 100_000)
        path = self.path("sock")
        server, place = self.start_server("--listen", f"unix:{path}")
        server.wait_for(f"listening on unix:{path}")
        self.assertEqual(self.curl(f"{place}/file"), content)
        self.assertEqual(self.curl("--unix-socket", path, "http://h/file"), content)

    def test_https_with_an_authority_of_ones_own(self):
        content = self.make_file("file", 100_000)
        env = {**os.environ, "XDG_DATA_HOME": self.path("data")}
        server, _ = self.serve(
            "serve", self.path("files"), "--tls", "--listen", "tcp://127.0.0.1:0", env=env
        )
        url = server.wait_for(r"\((https://\S+/)\)")[1]
        authority = self.path("data/runnel/tls/authority.pem")
        self.assertEqual(self.curl("--cacert", authority, f"{url}file"), content)
        self.assertEqual(
            self.curl("--cacert", authority, "--tlsv1.3", "-w", "%{http_version}", f"{url}none"),
            b"404 Not Found\n1.1",
        )
        self.curl(f"{url}file", status=60)

    def test_each_request_is_written_down(self):
        self.make_file("file", 10)
        for form in ("common", "json"):
            with open(self.path("log"), "w+b") as log:
                server, place = self.start_server("--log", form, stdout=log)
                self.curl(f"{place}/file", f"{place}/no%22ne?a")
                server.signal(signal.SIGTERM)
                self.assertEqual(server.finish(), 0)
                log.seek(0)
                lines = log.read().decode().splitlines()
            self.assertEqual(len(lines), 2)
            if form == "json":
                first = json.loads(lines[0])
                self.assertEqual((first["client"], first["status"]), ("127.0.0.1", 200))
                self.assertEqual((first["method"], first["target"]), ("GET", "/file"))
                self.assertEqual(first["bytes"], 10)
            else:
                self.assertRegex(
                    lines[0], r'^127\.0\.0\.1 - - \[\d\d/\w{3}/\d{4}:[\d:]{8} \+0000\] '
                    r'"GET /file" 200 10$'
                )
                self.assertIn('"GET /no%22ne?a" 404 ', lines[1])

    def test_idle_connections_do_not_hold_the_end_up(self):
        self.make_file("file", 10)
        server, place = self.start_server("--json", "--log", "none", stdout=subprocess.PIPE)
        host, port = place.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=harness.PATIENCE) as idle:
            idle.sendall(b"GET /file HTTP/1.1\r\nHost: h\r\n\r\n")
            answer = b""
            while not answer.endswith(Pattern("file").take(10)):
                answer += idle.recv(1000)
            server.signal(signal.SIGTERM)
            self.assertEqual(harness.read_all(idle), b"")
        total = json.loads(server.process.stdout.read())
        self.assertEqual(server.finish(), 0)
        self.assertEqual((total["connections"], total["ended_early"]), (1, 0))
        self.assertEqual(total["bytes_out"], len(answer))

    def front(self, *options):
        _, place = self.serve("serve", "--log", "none", "-l", "tcp://127.0.0.1:0", *options)
        return place.replace("tcp://", "http://")

    def test_requests_are_passed_on(self):
        content = self.make_file("file", 3_000_000)
        path = self.path("sock")
        _, place = self.start_server("--listen", f"unix:{path}")
        front = self.front("--proxy", f"/a=http+unix:{path}", "--proxy", f"/b/c={place}")
        upload = self.path("upload")
        with open(upload, "wb") as file:
            file.truncate(50_000)
        for url in (f"{front}/a/file", f"{front}/b/c/file"):
            self.assertEqual(self.curl(url), content)
            self.assertEqual(self.curl("-r", "1000-1999", url), content[1000:2000])
            status, fields = self.head("-I", url)
            self.assertEqual((status, fields["content-length"]), (200, "3000000"))
            self.assertEqual(fields["via"], "1.1 runnel")
            for way in ([], ["-H", "Transfer-Encoding: chunked"]):
                status, fields = self.head("-T", upload, *way, url)
                self.assertEqual((status, fields["allow"]), (405, "GET, HEAD, OPTIONS"))
        self.assertEqual(self.head(f"{front}/")[0], 404)
        self.assertEqual(self.head(f"{front}/ab")[0], 404)

    def test_servers_that_are_not_there_are_passed_over(self):
        content = self.make_file("file", 100)
        _, place = self.start_server()
        missing = f"http+unix:{self.path('none')}"
        servers = [f"/={missing}", f"/={place}", f"/x={missing}"]
        front = self.front(*(word for server in servers for word in ("--proxy", server)))
        for _ in range(4):
            self.assertEqual(self.curl(f"{front}/file"), content)
        self.assertEqual(self.head(f"{front}/x")[0], 502)

    def test_mistakes_are_said(self):
        status, _, err = harness.run("serve", self.path("none"))
        self.assertEqual(status, 1)
        self.assertIn("no such file", err.lower())
        for arguments in (
            ["--listen", "tcp://127.0.0.1:x"],
            ["--proxy", "api=http://h/"],
            ["--proxy", "/api=ftp://h/"],
            ["--proxy", "/api=http+nothing:x"],
        ):
            self.assertEqual(harness.run("serve", *arguments)[0], 2, arguments)


if __name__ == "__main__":
    harness.main("curl", "gzip")
