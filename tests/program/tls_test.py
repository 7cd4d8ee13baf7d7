# SPDX-License-Identifier: Apache-2.0
"""TLS with other programs at its other end: OpenSSL's and GnuTLS's tools, and curl."""

import contextlib
import os
import socket
import subprocess
import time
import unittest

import harness
from harness import PATIENCE, run

VERSIONS = {"1.2": "-tls1_2", "1.3": "-tls1_3"}
KEYS = ["ecdsa", "rsa", "ed25519"]


# Answers with all that came, once the peer has ended its side.
NODE_SERVER = """
const tls = require('tls'), fs = require('fs');
const [cert, key, ca, version] = process.argv.slice(1);
const server = tls.createServer({
  cert: fs.readFileSync(cert), key: fs.readFileSync(key), ca: fs.readFileSync(ca),
  minVersion: version, maxVersion: version, requestCert: true, allowHalfOpen: true,
}, (peer) => {
  const parts = [];
  peer.on('data', (part) => parts.push(part));
  peer.on('end', () => peer.end(Buffer.concat(parts)));
});
server.listen(0, '127.0.0.1', () => console.error('port ' + server.address().port + '.'));
"""

# Sends a megabyte and ends its side, twice, the second time with the session of the first. Tells
# what came back.
NODE_CLIENT = """
const tls = require('tls'), fs = require('fs');
const [port, ca, version, cert, key] = process.argv.slice(1);
function talk(session, then) {
  let count = 0, ticket = session;
  const peer = tls.connect({
    host: '127.0.0.1', port: Number(port), servername: 'localhost', ca: fs.readFileSync(ca),
    cert: fs.readFileSync(cert), key: fs.readFileSync(key),
    minVersion: version, maxVersion: version, allowHalfOpen: true, session,
  }, () => peer.end(Buffer.alloc(1000000, 'x')));
  peer.on('session', (made) => { ticket = made; });
  peer.on('data', (part) => { count += part.length; });
  peer.on('end', () => {
    console.log(count, peer.getProtocol(), peer.isSessionReused());
    then(ticket);
  });
}
talk(undefined, (ticket) => talk(ticket, () => {}));
"""


def wait_for_port(port):
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        time.sleep(0.02)
    raise AssertionError(f"nobody listens on {port}")


class Tls(harness.TestCase):
    def setUp(self):
        super().setUp()
        self.make("ecdsa")
        self.authority = self.path("authority.pem")

    def path(self, name):
        return os.path.join(self.folder, name)

    def make(self, key, name="localhost", use="both"):
        status, _, err = run("cert", self.folder, f"{name},127.0.0.1", "--key", key, "--use", use)
        self.assertEqual((status, err), (0, ""))
        return self.path(f"{name}.pem"), self.path(f"{name}.key")

    def serve(self, more="", command=("echo",)):
        cert, key = self.path("localhost.pem"), self.path("localhost.key")
        server = self.start(*command, f"tls+tcp://127.0.0.1:0?cert={cert}&key={key}{more}")
        return server.wait_for(r"listening on tls\+tcp://127\.0\.0\.1:(\d+)").group(1)

    def run_peer(self, *command, stdin=b"", status=0):
        done = subprocess.run(command, input=stdin, capture_output=True, timeout=PATIENCE)
        text = (done.stdout + done.stderr).decode(errors="replace")
        if status is not None:
            self.assertEqual(done.returncode, status, text)
        return text

    def start_peer(self, *command):
        peer = harness.Process(command, stdin=subprocess.PIPE)
        self.addCleanup(peer.kill)
        return peer

    def s_client(self, port, *options, stdin=b"hello\n"):
        # Ends when the server has, after its answer.
        command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-quiet", "-no_ign_eof"]
        trust = ["-CAfile", self.authority, "-verify_return_error"]
        peer = subprocess.Popen(
            [*command, *trust, "-verify_hostname", "localhost", *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        try:
            peer.stdin.write(stdin)
            peer.stdin.flush()
            answer = peer.stdout.read(len(stdin))
            peer.stdin.close()
            peer.wait(PATIENCE)
        finally:
            peer.kill()
            errors = peer.stderr.read().decode()
            peer.stdout.close()
            peer.stderr.close()
        return answer, errors

    def test_openssl_client_reaches_us_with_every_version_and_key(self):
        for key in KEYS:
            self.make(key)
            port = self.serve()
            for name, option in VERSIONS.items():
                with self.subTest(key=key, version=name):
                    answer, errors = self.s_client(port, option)
                    self.assertEqual(answer, b"hello\n", errors)

    def test_openssl_client_resumes_its_session(self):
        port = self.serve()
        for name, option in VERSIONS.items():
            with self.subTest(version=name):
                text = self.run_peer(
                    "openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-reconnect",
                    "-CAfile", self.authority, "-tls1_2", stdin=b"Q\n", status=None,
                )
                self.assertIn("Reused, TLSv1.2", text)
                saved = self.path("session")
                self.s_client(port, option, "-sess_out", saved)
                _, errors = self.s_client(port, option, "-sess_in", saved)
                self.assertNotIn("error", errors.lower())

    def test_we_reach_openssl_server_with_every_version_and_key(self):
        for key in KEYS:
            cert, secret = self.make(key)
            for name, option in VERSIONS.items():
                with self.subTest(key=key, version=name):
                    port = self.free_port()
                    server = self.start_peer(
                        "openssl", "s_server", "-accept", str(port), "-cert", cert, "-key", secret,
                        option, "-www",
                    )
                    wait_for_port(port)
                    status, out, err = run(
                        "relay", "-", f"tls+tcp://localhost:{port}?ca={self.authority}",
                        stdin=b"GET / HTTP/1.0\r\n\r\n",
                    )
                    self.assertEqual(status, 0, err)
                    self.assertIn(b"HTTP/1.0 200", out)
                    server.kill()

    def test_clients_certificates_are_required_in_both_directions(self):
        cert, secret = self.make("ecdsa", "client", "client")
        port = self.serve(f"&ca={self.authority}&client-cert=required")
        own = ["-cert", cert, "-key", secret]
        self.assertEqual(self.s_client(port, *own)[0], b"hello\n")
        answer, _ = self.s_client(port)
        self.assertEqual(answer, b"")
        place = f"tls+tcp://localhost:{port}?ca={self.authority}"
        status, out, err = run("relay", "-", f"{place}&cert={cert}&key={secret}", stdin=b"hi")
        self.assertEqual((status, out), (0, b"hi"), err)
        status, _, err = run("relay", "-", place, stdin=b"hi")
        self.assertNotEqual(status, 0)
        self.assertIn("certificate_required", err)

    def test_curl_talks_to_a_server_behind_us(self):
        page = self.path("index.html")
        with open(page, "w") as file:
            file.write("a page")
        server = subprocess.Popen(
            ["python3", "-u", "-m", "http.server", "0", "--bind", "127.0.0.1",
             "--directory", self.folder],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )
        self.addCleanup(server.stdout.close)
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        behind = server.stdout.readline().decode().split(" port ")[1].split()[0]
        cert, key = self.path("localhost.pem"), self.path("localhost.key")
        relay = self.start(
            "relay", "--listen", f"tls+tcp://127.0.0.1:0?cert={cert}&key={key}",
            f"tcp://127.0.0.1:{behind}",
        )
        port = relay.wait_for(r"listening on tls\+tcp://127\.0\.0\.1:(\d+)").group(1)
        url = f"https://localhost:{port}/index.html"
        trust = ["--cacert", self.authority, "--resolve", f"localhost:{port}:127.0.0.1"]
        for version in ("--tls-max 1.2", "--tlsv1.3"):
            text = self.run_peer("curl", "-sS", *version.split(), *trust, url)
            self.assertEqual(text, "a page")
        self.run_peer("curl", "-sS", url.replace("localhost", "127.0.0.1"), status=60)

    @unittest.skipIf(harness.find_program("gnutls-cli") is None, "gnutls-bin is not installed")
    def test_gnutls_client_and_server(self):
        port = self.serve()
        for version in ("1.2", "1.3"):
            with self.subTest(version=version):
                text = self.run_peer(
                    "gnutls-cli", "--port", port, "--x509cafile", self.authority,
                    "--priority", f"NORMAL:-VERS-ALL:+VERS-TLS{version}", "localhost",
                    stdin=b"hello\n",
                )
                self.assertIn("hello", text)
        cert, key = self.path("localhost.pem"), self.path("localhost.key")
        port = self.free_port()
        self.start_peer(
            "gnutls-serv", "--port", str(port), "--echo", "--x509certfile", cert,
            "--x509keyfile", key, "--quiet",
        )
        wait_for_port(port)
        status, out, err = run(
            "relay", "-", f"tls+tcp://localhost:{port}?ca={self.authority}", stdin=b"echo\n"
        )
        self.assertIn(b"echo", out, err)

    @unittest.skipIf(harness.find_program("gnutls-cli") is None, "gnutls-bin is not installed")
    def test_gnutls_client_shows_a_certificate_and_resumes(self):
        cert, secret = self.make("ecdsa", "client", "client")
        port = self.serve(f"&ca={self.authority}&client-cert=required")
        command = ["gnutls-cli", "--port", port, "--x509cafile", self.authority]
        # In TLS 1.3 it depends on the pace whether it has a ticket when it comes again.
        older = ["--resume", "--priority", "NORMAL:-VERS-ALL:+VERS-TLS1.2"]
        for options, words in (([], "hello"), (older, "This is a resumed session")):
            own = ["--x509certfile", cert, "--x509keyfile", secret, *options]
            text = self.run_peer(*command, *own, "localhost", stdin=b"hello\n")
            self.assertIn(words, text)

    @unittest.skipIf(harness.find_program("node") is None, "nodejs is not installed")
    def test_node_client_resumes_and_ends_its_side_first(self):
        cert, secret = self.make("ecdsa", "client", "client")
        for key in KEYS:
            self.make(key)
            port = self.serve(f"&ca={self.authority}&client-cert=required")
            for version in ("TLSv1.2", "TLSv1.3"):
                with self.subTest(key=key, version=version):
                    text = self.run_peer(
                        "node", "-e", NODE_CLIENT, port, self.authority, version, cert, secret
                    )
                    once = f"1000000 {version} "
                    self.assertEqual(text, f"{once}false\n{once}true\n")

    @unittest.skipIf(harness.find_program("node") is None, "nodejs is not installed")
    def test_node_server_answers_after_we_ended_our_side(self):
        own, secret = self.make("ecdsa", "client", "client")
        data = os.urandom(1_000_000)
        for key in KEYS:
            cert, private = self.make(key)
            for version in ("TLSv1.2", "TLSv1.3"):
                with self.subTest(key=key, version=version):
                    server = self.start_peer(
                        "node", "-e", NODE_SERVER, cert, private, self.authority, version
                    )
                    port = server.wait_for(r"port (\d+)\.").group(1)
                    place = f"tls+tcp://localhost:{port}?ca={self.authority}"
                    status, out, err = run(
                        "relay", "-", f"{place}&cert={own}&key={secret}", stdin=data
                    )
                    self.assertEqual((status, err), (0, ""))
                    self.assertEqual(out, data)
                    server.kill()

    def test_handshakes_on_the_pool_and_early_data_are_parameters(self):
        port = self.serve("&pool=yes&early-data=4KiB")
        place = f"tls+tcp://localhost:{port}?ca={self.authority}&pool=yes&staple=checked"
        self.assertEqual(run("relay", "-", place, stdin=b"hi"), (0, b"hi", ""))
        status, _, err = run("relay", "-", place.replace("=checked", "=required"), stdin=b"hi")
        self.assertEqual(status, 1)
        self.assertIn("no OCSP response", err)

    def test_tells_why_a_certificate_is_refused(self):
        port = self.serve("&alpn=h2")
        place = f"tls+tcp://localhost:{port}"
        status, out, err = run("tls", f"{place}?ca={self.authority}&alpn=h2")
        self.assertEqual((status, err), (0, ""))
        self.assertIn(b"TLS 1.3", out)
        self.assertIn(b"h2", out)
        status, out, err = run("tls", place)
        self.assertEqual(status, 1)
        self.assertIn("authority is not trusted", err)
        self.assertIn(b"CN=localhost", out)
        status, _, err = run("tls", f"{place}?ca={self.authority}&sni=other.test")
        self.assertEqual(status, 1)
        self.assertIn("which is for DNS:localhost", err)

    def test_a_half_closed_stream_goes_on_in_the_other_direction(self):
        port = self.serve()
        data = os.urandom(3_000_000)
        status, out, err = run(
            "relay", "-", f"tls+tcp://localhost:{port}?ca={self.authority}", stdin=data
        )
        self.assertEqual((status, err), (0, ""))
        self.assertEqual(out, data)

    def test_tls_in_tls_and_over_a_unix_socket(self):
        cert, key = self.path("localhost.pem"), self.path("localhost.key")
        place = self.path("socket")
        server = self.start("echo", f"tls+tls+unix:{place}?cert={cert}&key={key}")
        server.wait_for("listening on tls\\+tls\\+unix:")
        status, out, err = run(
            "relay", "-", f"tls+tls+unix:{place}?ca={self.authority}&sni=localhost", stdin=b"deep"
        )
        self.assertEqual((status, out), (0, b"deep"), err)

    def test_a_silent_client_does_not_hold_up_others(self):
        port = self.serve()
        silent = [socket.create_connection(("127.0.0.1", int(port))) for _ in range(5)]
        for each in silent:
            self.addCleanup(each.close)
        self.assertEqual(self.s_client(port)[0], b"hello\n")

    def test_new_certificates_are_taken_up_while_connections_go_on(self):
        port = self.serve()
        place = f"tls+tcp://localhost:{port}?ca={self.authority}"
        before = run("tls", place)[1]
        self.make("rsa")
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            after = run("tls", place)[1]
            if b"RSA" in after:
                break
            time.sleep(0.2)
        self.assertIn(b"ECDSA", before)
        self.assertIn(b"RSA", after)

    def test_credentials_that_cannot_be_used_are_named_at_the_start(self):
        cert = self.path("localhost.pem")
        other = self.make("ecdsa", "other.test")[1]
        for place, words in (
            ("tls+tcp://127.0.0.1:0", "needs a certificate"),
            (f"tls+tcp://127.0.0.1:0?cert={cert}", "no private key"),
            (f"tls+tcp://127.0.0.1:0?cert={cert}&key={other}", "not that of the"),
            ("tls+tcp://127.0.0.1:0?cert=/nonexistent.pem", "/nonexistent.pem"),
        ):
            with self.subTest(place=place):
                status, _, err = run("echo", place)
                self.assertNotEqual(status, 0)
                self.assertIn(words, err)


if __name__ == "__main__":
    harness.main("openssl", "curl")
