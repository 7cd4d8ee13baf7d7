# SPDX-License-Identifier: Apache-2.0
"""The examples echo_server and relay do what they say: one asks the other."""

import subprocess
import sys
import tempfile

ECHO_SERVER, RELAY = sys.argv[1:3]

with tempfile.TemporaryDirectory() as folder:
    server = subprocess.Popen(
        ["stdbuf", "-oL", ECHO_SERVER, f"unix:{folder}/echo.sock"], stdout=subprocess.PIPE
    )
    try:
        place = server.stdout.readline().decode().removeprefix("listening on ").strip()
        done = subprocess.run(
            [RELAY, "-", place], input=b"question" * 100000, capture_output=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout == b"question" * 100000, len(done.stdout)
        nobody = f"unix:{folder}/nobody"
        done = subprocess.run([RELAY, "-", nobody], capture_output=True, timeout=60)
        assert done.returncode == 1 and b"nobody" in done.stderr, done.stderr
    finally:
        server.kill()
        server.wait()
