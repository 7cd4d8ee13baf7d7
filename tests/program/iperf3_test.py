# SPDX-License-Identifier: Apache-2.0
"""iperf3 through the relay: several streams, each direction and both at once."""

import json
import subprocess

import harness


class Iperf3(harness.TestCase):
    def measure(self, backend, *options):
        """The client's report on 64 MiB through a relay."""
        port = self.free_port()
        server = self.spawn(
            ["iperf3", "-s", "-1", "-B", "127.0.0.1", "-p", str(port), "--forceflush"],
            stdout=subprocess.PIPE,
        )
        for line in server.process.stdout:
            if b"listening on" in line:
                break
        target = f"tcp://127.0.0.1:{port}"
        _, place = self.serve(
            "relay", "--listen", "tcp://127.0.0.1:0", target, "--backend", backend
        )
        through = place.rsplit(":", 1)[1]
        done = subprocess.run(
            ["iperf3", "-c", "127.0.0.1", "-p", through, "-J", "-n", "64M", *options],
            capture_output=True,
            timeout=harness.PATIENCE,
        )
        report = json.loads(done.stdout)
        self.assertNotIn("error", report)
        self.assertEqual(done.returncode, 0)
        return report["end"]

    def test_streams_in_each_direction(self):
        for backend in ("io_uring", "epoll"):
            for options in ((), ("-R",), ("-P", "4"), ("--bidir",)):
                with self.subTest(backend=backend, options=options):
                    end = self.measure(backend, *options)
                    back = end.get("sum_sent_bidir_reverse", {"bytes": 0})
                    self.assertGreaterEqual(end["sum_sent"]["bytes"] + back["bytes"], 64 << 20)
                    # It stops counting when the sender is done; the rest is on its way then.
                    self.assertGreater(end["sum_received"]["bytes"], 0)


if __name__ == "__main__":
    harness.main("iperf3")
