# SPDX-License-Identifier: Apache-2.0
"""guest.py [OPTION...] PROGRAM [ARGUMENT...]: runs a program in a virtual machine of its own.

The machine is QEMU with Debian's cloud kernel and an initramfs that holds busybox, the program and
its shared libraries. Vsock's loopback is there, and the loopback interface; no disk and no network.
Output comes here as it is written, and the exit status is the program's. 77: there is no QEMU, or
the kernel cannot be had; the last line says which. The unpacked kernel is kept in
$RUNNEL_GUEST_CACHE (otherwise runnel-guest in the user's cache folder).
"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

KERNEL_PACKAGE = "linux-image-cloud-amd64"
MODULES = [
    "virtio_pci",
    "virtio_console",
    "vsock",
    "vmw_vsock_virtio_transport",
    "vsock_loopback",
]
# Proves to tests that they are where they may open vsock sockets.
MARK = "runnel_guest=1"

INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin HOME=/root
mount -t proc none /proc
mount -t sysfs none /sys
mount -t devtmpfs none /dev
mkdir -p /dev/shm
mount -t tmpfs none /dev/shm
ln -s /proc/self/fd /dev/fd
give_up() {
    echo "guest: $1" >/dev/console
    poweroff -f
}
while read -r module; do
    insmod "/modules/$module" || give_up "module $module does not load"
done </modules/order
ip link set lo up
port() { # the names of ports appear a moment after their driver
    tries=0
    while [ $tries -lt 50 ]; do
        for entry in /sys/class/virtio-ports/*; do
            if [ "$(cat "$entry/name" 2>/dev/null)" = "$1" ] && [ -c "/dev/${entry##*/}" ]; then
                echo "/dev/${entry##*/}"
                return
            fi
        done
        sleep 0.1
        tries=$((tries + 1))
    done
    give_up "there is no port $1"
}
output=$(port output)
report=$(port report)
ulimit -n 20000
cd /guest
sh ./command </dev/null >"$output" 2>&1
{
    echo "status $?"
    cat /tmp/results.xml 2>/dev/null
} >"$report"
poweroff -f
"""


class Absent(Exception):
    """What is needed is not here."""


def find(tool):
    found = shutil.which(tool) or shutil.which(tool, path="/usr/sbin:/sbin")
    if found is None:
        raise Absent(f"{tool} is not installed (scripts/setup guest installs it)")
    return found


def cache_folder():
    chosen = os.environ.get("RUNNEL_GUEST_CACHE")
    if chosen:
        return pathlib.Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return pathlib.Path(base) / "runnel-guest"


def kernel_folder():
    """The unpacked kernel package, fetched once."""
    folder = cache_folder() / KERNEL_PACKAGE
    if (folder / "boot").is_dir():
        return folder
    if shutil.which("apt-get") is None:
        raise Absent("the guest's kernel comes from Debian's archive, and there is no apt-get")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        tree = fetch_kernel(pathlib.Path(scratch))
        try:
            tree.rename(folder)
        except OSError:  # another run was faster
            if not (folder / "boot").is_dir():
                raise
    return folder


def fetch_kernel(scratch):
    told = subprocess.run(
        ["apt-cache", "depends", KERNEL_PACKAGE], capture_output=True, text=True, check=False
    )
    exact = re.search(r"Depends: (linux-image-\d\S*)", told.stdout)
    fetched = subprocess.run(
        ["apt-get", "download", "-q", "-o", "APT::Sandbox::User=root"]
        + [exact[1] if exact else KERNEL_PACKAGE],
        cwd=scratch,
        capture_output=True,
        text=True,
        check=False,
    )
    if fetched.returncode != 0:
        reason = (fetched.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise Absent(f"the guest's kernel cannot be downloaded: {reason}")
    tree = scratch / "kernel"
    (package,) = scratch.glob("*.deb")
    subprocess.run(["dpkg-deb", "-x", package, tree], check=True)
    subprocess.run([find("depmod"), "-b", tree, version_of(tree)], check=True)
    return tree


def version_of(kernel):
    (version,) = os.listdir(kernel / "lib/modules")
    return version


def modules_in_order(kernel, wanted):
    """The files of the modules and of what they need, in the order of loading."""
    base = kernel / "lib/modules" / version_of(kernel)
    needs = {}
    for line in (base / "modules.dep").read_text().splitlines():
        path, _, rest = line.partition(":")
        name = pathlib.Path(path).name.split(".")[0].replace("-", "_")
        needs[name] = [path, *rest.split()]
    built_in = (base / "modules.builtin").read_text().replace("-", "_")
    order = []
    for name in wanted:
        key = name.replace("-", "_")
        if key not in needs:
            if f"/{key}.ko" in built_in:
                continue
            raise Absent(f"the guest's kernel has no module {name}")
        for path in reversed(needs[key]):
            if base / path not in order:
                order.append(base / path)
    return order


class Archive:
    """An initramfs: a cpio archive in the "newc" format (the kernel's initramfs-buffer-format)."""

    def __init__(self):
        self._pieces = []
        self._known = set()

    def folder(self, path):
        path = path.strip("/")
        if path and path not in self._known:
            self.folder(os.path.dirname(path))
            self._add(path, 0o040755, b"")

    def file(self, path, data, mode=0o755):
        path = path.strip("/")
        if path not in self._known:
            self.folder(os.path.dirname(path))
            self._add(path, 0o100000 | mode, data)

    def program(self, source, path):
        """A file, together with the shared libraries that it names."""
        self.file(path, pathlib.Path(source).read_bytes())
        listed = subprocess.run(["ldd", source], capture_output=True, text=True, check=False)
        for library in re.findall(r"(/\S+) \(0x", listed.stdout):
            self.file(library, pathlib.Path(library).read_bytes())

    def bytes(self):
        self._add("TRAILER!!!", 0, b"")
        return b"".join(self._pieces)

    def _add(self, path, mode, data):
        self._known.add(path)
        name = path.encode() + b"\0"
        number = len(self._known)
        fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name), 0)
        header = b"070701" + b"".join(b"%08X" % field for field in fields)
        for piece in (header + name, data):
            self._pieces.append(piece + b"\0" * (-len(piece) % 4))


def quote(text):
    return "'" + text.replace("'", "'\\''") + "'"


def make_initramfs(kernel, options):
    archive = Archive()
    for folder in ("bin", "dev", "proc", "sys", "tmp", "run", "root"):
        archive.folder(folder)
    archive.file("init", INIT.encode())
    archive.file("bin/busybox", pathlib.Path(find("busybox")).read_bytes())
    order = modules_in_order(kernel, MODULES + options.module)
    for module in order:
        archive.file(f"modules/{module.name}", module.read_bytes())
    archive.file("modules/order", "".join(f"{m.name}\n" for m in order).encode())
    name = os.path.basename(options.program)
    archive.program(options.program, f"guest/{name}")
    for more in options.file:
        archive.program(more, f"guest/{os.path.basename(more)}")
    words = [f"./{name}", *options.arguments]
    archive.file("guest/command", ("exec " + " ".join(map(quote, words)) + "\n").encode())
    return archive.bytes()


def acceleration():
    """The machine's own virtualisation where it has one, otherwise emulation."""
    flags = pathlib.Path("/proc/cpuinfo").read_text()
    if os.access("/dev/kvm", os.W_OK) and re.search(r"\b(vmx|svm)\b", flags):
        return ["-accel", "kvm", "-cpu", "host"]
    return ["-accel", "tcg,thread=multi", "-cpu", "max"]


def run(options):
    qemu = find("qemu-system-x86_64")
    kernel = kernel_folder()
    with tempfile.TemporaryDirectory(prefix="runnel-guest-") as scratch:
        initramfs = os.path.join(scratch, "initramfs")
        report = os.path.join(scratch, "report")
        console = os.path.join(scratch, "console")
        pathlib.Path(initramfs).write_bytes(make_initramfs(kernel, options))
        command = [qemu, "-M", "q35", *acceleration(), "-m", str(options.memory), "-nodefaults"]
        command += ["-no-reboot", "-display", "none", "-serial", f"file:{console}"]
        command += ["-kernel", f"{kernel}/boot/vmlinuz-{version_of(kernel)}", "-initrd", initramfs]
        command += ["-append", f"console=ttyS0 quiet panic=-1 mitigations=off {MARK}"]
        command += ["-device", "virtio-serial-pci"]
        command += ["-chardev", "stdio,id=output,signal=off"]
        command += ["-device", "virtserialport,chardev=output,name=output"]
        command += ["-chardev", f"file,id=report,path={report}"]
        command += ["-device", "virtserialport,chardev=report,name=report"]
        for more in options.qemu:
            command += more.split()
        try:
            # At the end of its input QEMU would close the guest's output, so it gets one without.
            quiet, held = os.pipe()
            subprocess.run(command, stdin=quiet, timeout=options.time, check=False)
            os.close(held)
        except subprocess.TimeoutExpired:
            print(f"guest: not done after {options.time} s", file=sys.stderr)
        return judge(report, console, options.results)


def judge(report, console, results):
    """The program's exit status from what the guest reported."""
    text = pathlib.Path(report).read_text() if os.path.exists(report) else ""
    status, _, rest = text.partition("\n")
    if not status.startswith("status "):
        tail = pathlib.Path(console).read_text(errors="replace").splitlines()[-20:]
        print("guest: ended without a report; its console:", *tail, sep="\n", file=sys.stderr)
        return 1
    if results and rest:
        pathlib.Path(results).parent.mkdir(parents=True, exist_ok=True)
        pathlib.Path(results).write_text(rest)
    return int(status.removeprefix("status "))


def main():
    about = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    about.add_argument("--memory", type=int, default=512, help="MiB of the guest")
    about.add_argument("--time", type=int, default=300, help="limit in seconds")
    about.add_argument("--module", action="append", default=[], help="kernel module to load, too")
    about.add_argument("--file", action="append", default=[], help="to put beside the program")
    about.add_argument("--qemu", action="append", default=[], help="further arguments of QEMU")
    about.add_argument("--results", help="where the guest's /tmp/results.xml is put")
    about.add_argument("program")
    about.add_argument("arguments", nargs=argparse.REMAINDER)
    try:
        sys.exit(run(about.parse_args()))
    except Absent as reason:
        print(reason)
        sys.exit(77)


if __name__ == "__main__":
    main()
