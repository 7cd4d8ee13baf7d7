# SPDX-License-Identifier: Apache-2.0
"""device.py RUNNEL OPTION... PROGRAM [ARGUMENT...]: what guest.py does, with another vsock device.

It is `runnel vsock-device` on this side. What the guest connects to at port 5000 of its host is
echoed, what it connects to at port 6000 comes back to it at its port 7002.
"""

import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
MEMORY = 512


def start(*command):
    """Starts a server. Gives it, and where it says that it listens."""
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    line = server.stderr.readline()
    if "listening on " not in line:
        server.kill()
        sys.exit(f"device: {command[1]} does not listen: {line}")
    return server, line.split()[-1]


def main():
    runnel, *rest = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="runnel-device-") as folder:
        socket = f"{folder}/vhost"
        path = f"{folder}/vsock"
        echo, place = start(runnel, "echo", "tcp://127.0.0.1:0")
        device, _ = start(
            *(runnel, "vsock-device", "--socket", socket, "--path", path),
            *("--forward", f"5000={place}", "--forward", f"6000=firecracker://:7002{path}"),
        )
        machine = [
            f"-object memory-backend-memfd,id=memory,size={MEMORY}M,share=on",
            "-numa node,memdev=memory",
            f"-chardev socket,id=vsock,path={socket}",
            "-device vhost-user-vsock-pci,chardev=vsock",
        ]
        guest = [sys.executable, "-B", f"{HERE}/guest.py", "--memory", str(MEMORY)]
        for words in machine:
            guest += ["--qemu", words]
        try:
            # What the device complains of is of interest only when something fails.
            with open(f"{folder}/log", "w+") as log:
                copy = subprocess.Popen(["cat"], stdin=device.stderr, stdout=log)
                status = subprocess.run([*guest, *rest], check=False).returncode
                device.terminate()
                device.wait()
                copy.wait()
                log.seek(0)
                if status not in (0, 77):
                    print("device:", log.read()[-4000:], file=sys.stderr)
        finally:
            for server in (device, echo):
                server.kill()
                server.wait()
    sys.exit(status)


if __name__ == "__main__":
    main()
