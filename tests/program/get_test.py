# SPDX-License-Identifier: Apache-2.0
"""`runnel get`: files and what is left when they are cut, resuming, redirects, TLS, nginx."""

import hashlib
import json
import os
import unittest

import harness
from harness import Background, Pattern, run

NGINX = """
daemon off;
master_process off;
pid {folder}/pid;
error_log stderr warn;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        listen unix:{folder}/nginx.sock;
        root {folder};
        location /moved {{ return 301 /file; }}
        location /said {{ return 200 "$request_method $http_x_field"; }}
    }}
}}
"""


class Get(harness.TestCase):
    def setUp(self):
        super().setUp()
        self.content = Pattern("file").take(3_000_000)
        self.digest = hashlib.sha256(self.content).hexdigest()
        os.mkdir(self.path("files"))
        with open(self.path("files/file"), "wb") as file:
            file.write(self.content)

    def start_server(self, *options):
        _, place = self.serve(
            "serve", self.path("files"), "--log", "none", "--listen", "tcp://127.0.0.1:0", *options
        )
        return place.replace("tcp://", "http://")

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def answer(self, *answers):
        """A server that gives each connection one of these, whatever it asks; gives its URL."""
        server, endpoint = self.listen()

        def serve():
            asked = []
            for answer in answers:
                client = self.accept(server)
                head = b""
                while b"\r\n\r\n" not in head:
                    head += client.recv(10000)
                asked.append(head.decode())
                client.sendall(answer)
                client.close()
            return asked

        return endpoint.replace("tcp://", "http://"), Background(serve)

    def test_to_standard_output_and_to_a_file(self):
        url = self.start_server() + "/file"
        status, out, err = run("get", url)
        self.assertEqual((status, out == self.content, err), (0, True, ""))
        status, out, _ = run("get", "-o", self.path("copy"), "--sha256", self.digest, url)
        self.assertEqual(status, 0)
        self.assertEqual(out.decode(), f"{self.digest}  {self.path('copy')}\n")
        self.assertEqual(self.read("copy"), self.content)
        self.assertEqual(run("get", "-o", self.path("copy"), url)[0], 1)
        self.assertEqual(run("get", "-f", "-o", self.path("copy"), url)[0], 0)

    def test_what_is_wrong_leaves_no_file(self):
        url = self.start_server()
        status, out, err = run("get", url + "/none", "-o", self.path("copy"))
        self.assertEqual((status, out), (1, b""))
        self.assertIn("/none: 404 Not Found", err)
        status, _, err = run("get", url + "/file", "-o", self.path("copy"), "--sha256", "00")
        self.assertEqual(status, 1)
        cut = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello"
        for answer in (cut, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"):
            place, _ = self.answer(answer)
            status, _, err = run("get", place, "-o", self.path("copy"))
            self.assertEqual(status, 1)
        self.assertEqual(os.listdir(self.folder), ["files"])

    def test_a_download_that_was_cut_goes_on(self):
        head = "HTTP/1.1 {}\r\nETag: \"v1\"\r\nContent-Length: 10\r\n"
        first = head.format("200 OK") + "\r\n01234"
        rest = head.format("206 Partial Content").replace("10", "5")
        rest += "Content-Range: bytes 5-9/10\r\n\r\n56789"
        place, asked = self.answer(first.encode(), rest.encode())
        command = ["get", "-c", "--json", "-o", self.path("copy"), place]
        self.assertEqual(run(*command)[0], 1)
        self.assertEqual(self.read("copy.part"), b"01234")
        status, out, err = run(*command)
        self.assertEqual(status, 0, err)
        result = json.loads(out)
        self.assertEqual((result["resumed_at"], result["bytes"]), (5, 5))
        self.assertEqual(result["sha256"], hashlib.sha256(b"0123456789").hexdigest())
        self.assertEqual(self.read("copy"), b"0123456789")
        self.assertEqual(sorted(os.listdir(self.folder)), ["copy", "files"])
        first, second = asked.result()
        self.assertNotIn("Range", first)
        self.assertIn("Range: bytes=5-\r\n", second)
        self.assertIn('If-Range: "v1"\r\n', second)

    def test_a_download_of_what_changed_meanwhile_begins_anew(self):
        cut = b'HTTP/1.1 200 OK\r\nETag: "v1"\r\nContent-Length: 10\r\n\r\n01234'
        new = b'HTTP/1.1 200 OK\r\nETag: "v2"\r\nContent-Length: 3\r\n\r\nabc'
        place, asked = self.answer(cut, new)
        self.assertEqual(run("get", "-c", "-o", self.path("copy"), place)[0], 1)
        self.assertEqual(run("get", "-c", "-o", self.path("copy"), place)[0], 0)
        self.assertEqual(self.read("copy"), b"abc")
        self.assertIn("If-Range", asked.result()[1])

    def test_a_part_that_does_not_reach_the_end_is_not_taken(self):
        cut = b'HTTP/1.1 200 OK\r\nETag: "v1"\r\nContent-Length: 10\r\n\r\n01234'
        less = b"HTTP/1.1 206 Partial Content\r\nContent-Length: 2\r\n"
        less += b"Content-Range: bytes 5-6/10\r\n\r\n56"
        place, _ = self.answer(cut, less)
        self.assertEqual(run("get", "-c", "-o", self.path("copy"), place)[0], 1)
        self.assertEqual(run("get", "-c", "-o", self.path("copy"), place)[0], 1)
        self.assertEqual(self.read("copy.part"), b"01234")
        self.assertFalse(os.path.exists(self.path("copy")))

    def test_what_nothing_vouches_for_is_not_gone_on_with(self):
        cut = b'HTTP/1.1 200 OK\r\nETag: W/"v1"\r\nContent-Length: 10\r\n\r\n01234'
        new = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"
        place, asked = self.answer(cut, new)
        self.assertEqual(run("get", "-c", "-o", self.path("copy"), place)[0], 1)
        self.assertEqual(run("get", "-c", "-o", self.path("copy"), place)[0], 0)
        self.assertEqual(self.read("copy"), b"abc")
        self.assertNotIn("Range", asked.result()[1])

    def test_resuming_from_our_own_server(self):
        url = self.start_server() + "/file"
        command = ["get", "-c", "--json", "-o", self.path("copy"), url]
        etag = [
            line.split(": ", 1)[1]
            for line in run("get", "-I", url)[1].decode().splitlines()
            if line.startswith("ETag")
        ][0]
        with open(self.path("copy.part"), "wb") as part:
            part.write(self.content[:1_234_567])
        with open(self.path("copy.part.info"), "w") as info:
            info.write(f"{url}\n{etag}\n")
        status, out, err = run(*command, "--sha256", self.digest)
        self.assertEqual(status, 0, err)
        self.assertEqual(json.loads(out)["resumed_at"], 1_234_567)
        self.assertEqual(self.read("copy"), self.content)

    def test_over_tls(self):
        self.assertEqual(run("cert", self.path("tls"), "localhost,127.0.0.1")[0], 0)
        at = "tls+tcp://127.0.0.1:0?cert={0}/localhost.pem&key={0}/localhost.key"
        _, place = self.serve(
            "serve", self.path("files"), "--log", "none", "-l", at.format(self.path("tls"))
        )
        url = place.replace("tls+tcp://", "https://") + "/file"
        ca = self.path("tls/authority.pem")
        self.assertEqual(run("get", "--ca", ca, url)[:2], (0, self.content))
        status, out, err = run("get", url)
        self.assertEqual((status, out), (1, b""))
        self.assertIn("certificate", err)
        self.assertEqual(run("get", "--insecure", url)[:2], (0, self.content))

    def test_over_a_unix_socket(self):
        path = self.path("sock")
        self.serve("serve", self.path("files"), "--log", "none", "-l", f"unix:{path}")
        status, out, err = run("get", "--connect", f"unix:{path}", "http://any.name/file")
        self.assertEqual((status, out == self.content), (0, True), err)

    def test_through_proxies(self):
        server, endpoint = self.listen()

        def serve():
            asked = []
            for answer in (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", b"\x05\xff"):
                client = self.accept(server)
                told = b""
                while not told.endswith((b"\r\n\r\n", b"\x05\x01\x00")):
                    told += client.recv(10000)
                asked.append(told)
                client.sendall(answer)
                client.close()
            return asked

        asked = Background(serve)
        proxy = endpoint.removeprefix("tcp://")
        env = {"http_proxy": proxy, "no_proxy": "", "NO_PROXY": ""}
        self.assertEqual(run("get", "http://nowhere.invalid/x", env=env)[:2], (0, b"hi"))
        status, _, err = run("get", "--proxy", f"socks5://{proxy}", "http://nowhere.invalid/x")
        self.assertEqual(status, 1, err)
        whole, socks = asked.result()
        self.assertTrue(whole.startswith(b"GET http://nowhere.invalid/x HTTP/1.1\r\n"), whole)
        self.assertIn(b"\r\nHost: nowhere.invalid\r\n", whole)
        self.assertEqual(socks, b"\x05\x01\x00")

    @unittest.skipUnless(harness.find_program("nginx"), "nginx is not installed")
    def test_from_nginx(self):
        port = self.free_port()
        with open(self.path("conf"), "w") as file:
            file.write(NGINX.format(folder=self.path("files"), port=port))
        nginx = self.spawn(
            [harness.find_program("nginx"), "-p", self.path("files"), "-c", self.path("conf")]
        )
        self.wait_for_port(port, nginx)
        place = f"http://127.0.0.1:{port}"
        self.assertEqual(run("get", place + "/file")[:2], (0, self.content))
        self.assertEqual(run("get", place + "/moved")[:2], (0, self.content))
        self.assertEqual(run("get", "--max-redirects", "0", place + "/moved", "-I")[0], 0)
        said = run("get", "-H", "X-Field: yes", "-d", "text", place + "/said")
        self.assertEqual(said[:2], (0, b"POST yes"))
        head = run("get", "-I", place + "/file")[1].decode()
        self.assertIn("Content-Length: 3000000", head)
        socket = self.path("files/nginx.sock")
        out = run("get", "--connect", f"unix:{socket}", "http://nginx/file")[1]
        self.assertEqual(out, self.content)

    def test_mistakes_are_said(self):
        for arguments in (["ftp://h/"], ["http://h"], ["-c", "http://h/"], ["-H", "a", "http://h"]):
            status, _, err = run("get", "--connect", "unix:/nowhere/x", *arguments)
            self.assertIn(status, (1, 2), arguments)
            self.assertTrue(err.startswith("runnel: get: "), err)


if __name__ == "__main__":
    harness.main()
