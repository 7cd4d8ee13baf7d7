# SPDX-License-Identifier: Apache-2.0
"""stack_port.py PROGRAM: a guest whose network cards lead to stacks of the program on the host.

One card speaks QEMU's `stream` framing and one `dgram`. Exit status as of guest.py.
"""

import os
import subprocess
import sys
import tempfile

FOLDER = os.path.dirname(os.path.abspath(__file__))
PATIENCE = 60


def serve(program, card, link):
    """An echo on a stack behind this link."""
    process = subprocess.Popen(
        [program, "echo", f"tcp://10.9.{card}.1:7000?stack=port"]
        + ["--stack", f"port={link},address=10.9.{card}.1/24"],
        stderr=subprocess.PIPE,
        text=True,
    )
    line = process.stderr.readline()
    if "listening on" not in line:
        process.kill()
        sys.exit(f"the stack does not listen: {line}")
    return process


def main():
    program = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory(prefix="runnel-port-") as folder:
        stream, here, there = (os.path.join(folder, name) for name in ("stream", "here", "there"))
        stacks = [
            serve(program, 0, f"qemu:{stream}"),
            serve(program, 1, f"qemu-dgram:{here},peer={there}"),
        ]
        try:
            status = subprocess.call(
                [sys.executable, "-B", os.path.join(FOLDER, "guest.py"), "--time", "150"]
                + ["--module", "virtio_net", "--file", program]
                + ["--qemu", f"-netdev stream,id=a,server=off,addr.type=unix,addr.path={stream}"]
                + ["--qemu", "-device virtio-net-pci,netdev=a"]
                + ["--qemu", f"-netdev dgram,id=b,local.type=unix,local.path={there},"
                   f"remote.type=unix,remote.path={here}"]
                + ["--qemu", "-device virtio-net-pci,netdev=b"]
                + [os.path.join(FOLDER, "stack_port.sh"), f"./{os.path.basename(program)}"]
            )
        finally:
            for each in stacks:
                each.terminate()
                each.wait(PATIENCE)
    sys.exit(status)


if __name__ == "__main__":
    main()
