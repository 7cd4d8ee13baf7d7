# SPDX-License-Identifier: Apache-2.0
"""What the benchmark suites share: programs on chosen cores, CPU time, calls, medians."""

import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("RUNNEL_BUILD", os.path.join(ROOT, "build", "release"))
BIN = os.path.join(BUILD, "bin")
SERVER_CORE = "0"
LOAD_CORE = "1"


def bench_program(name):
    """The path of one of our own benchmark programs."""
    return os.path.join(BIN, "bench", name)


def runnel():
    return os.path.join(BIN, "runnel")


def have(program):
    return shutil.which(program) is not None or os.access(program, os.X_OK)


class Server:
    """A program on the server's core; after `stop`, `cpu` is its CPU time in seconds."""

    def __init__(self, command, port_from_output=False, core=SERVER_CORE, traced=None):
        full = ["taskset", "-c", core] + list(command)
        if traced:
            full = ["strace", "-f", "-c", "-o", traced] + full
        out = subprocess.PIPE if port_from_output else subprocess.DEVNULL
        self.process = subprocess.Popen(full, stdout=out, stderr=subprocess.DEVNULL, text=True)
        self.traced = traced
        self.cpu = 0.0
        self.port = None
        if port_from_output:
            match = re.search(r"(\d+)\s*$", self.process.stdout.readline())
            if match is None:
                raise RuntimeError(f"{command[0]} did not say its port")
            self.port = int(match.group(1))

    def stop(self):
        if self.traced:
            # The tracer passes its own end on late; the traced program is its only child.
            children = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True,
                                      text=True, check=False).stdout.split()
            for child in children:
                os.kill(int(child), signal.SIGTERM)
        else:
            # Not by Popen, which would reap one that has ended by itself.
            os.kill(self.process.pid, signal.SIGTERM)
        _, _, usage = os.wait4(self.process.pid, 0)
        self.process.returncode = 0
        if self.process.stdout:
            self.process.stdout.close()
        self.cpu = usage.ru_utime + usage.ru_stime
        return self.cpu


def cpu_of(pids):
    """User and system time of running processes, in seconds."""
    ticks = 0
    for pid in pids:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def wait_for_port(port, seconds=5):
    """Waits until something listens on a port of the loopback, without connecting to it."""
    wanted = f":{port:04X}"
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for table in ("/proc/net/tcp", "/proc/net/tcp6"):
            with open(table, encoding="ascii") as rows:
                for row in rows.readlines()[1:]:
                    fields = row.split()
                    if fields[1].endswith(wanted) and fields[3] == "0A":
                        return
        time.sleep(0.01)
    raise RuntimeError(f"nothing listens on port {port}")


def wait_for_file(path, seconds=5):
    deadline = time.monotonic() + seconds
    while not os.path.exists(path):
        if time.monotonic() > deadline:
            raise RuntimeError(f"{path} does not appear")
        time.sleep(0.01)


def load(command, core=LOAD_CORE):
    """Runs a load generator to its end and gives what it printed as JSON."""
    done = subprocess.run(["taskset", "-c", core] + [str(word) for word in command],
                          capture_output=True, text=True, timeout=300, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def system_calls(trace_file):
    """The number of system calls in the summary that `strace -c` wrote."""
    with open(trace_file, encoding="utf-8") as summary:
        for line in summary:
            fields = line.split()
            if fields and fields[-1] == "total":
                return int(fields[3])  # after % time, seconds and usecs/call
    return 0


def interleaved(contestants, rounds, run):
    """Runs `run(name)` for every contestant, round by round, so that a drift meets all alike.

    Gives the median of every figure per contestant; one that fails is left out with a notice."""
    samples = {name: [] for name in contestants}
    for _ in range(rounds):
        for name in list(samples):
            try:
                samples[name].append(run(name))
            except (RuntimeError, subprocess.TimeoutExpired, OSError) as problem:
                print(f"  {name}: left out: {problem}", file=sys.stderr)
                del samples[name]
    return {name: {key: statistics.median(row[key] for row in rows) for key in rows[0]}
            for name, rows in samples.items() if rows}


def print_table(title, rows, columns, note=""):
    """Prints {name: {figure: value}} as a table; `columns` are (figure, heading, format)."""
    print(f"\n{title}")
    headings = ["server"] + [heading for _, heading, _ in columns]
    table = [[name] + [form.format(row[key]) if row.get(key) is not None else "-"
                       for key, _, form in columns] for name, row in rows.items()]
    widths = [max(len(row[i]) for row in [headings] + table) for i in range(len(headings))]
    for row in [headings] + table:
        print("  " + row[0].ljust(widths[0]) + "".join(
            "  " + cell.rjust(width) for cell, width in zip(row[1:], widths[1:])))
    if note:
        print("  " + note)


def add_ratio(rows, figure, base, name):
    """Adds `name` = figure / best figure of the contestants named in `base`."""
    known = [rows[peer][figure] for peer in base if peer in rows]
    if known:
        for row in rows.values():
            row[name] = row[figure] / min(known)


def scratch():
    return tempfile.TemporaryDirectory(prefix="runnel-bench-")
