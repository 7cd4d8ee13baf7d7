# SPDX-License-Identifier: Apache-2.0
"""The small parts: buffers, tasks, timers, pipes and checksums, by Google Benchmark."""

import json
import os
import subprocess

from lib import harness, stack


def programs():
    folder = os.path.join(harness.BIN, "bench")
    names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    return [name for name in names if name.endswith("_bench") and not name.startswith("io_")
            and name not in stack.PROGRAMS]


def run(quick):
    report = {}
    for name in programs():
        command = ["taskset", "-c", harness.SERVER_CORE, harness.bench_program(name),
                   "--benchmark_format=json", f"--benchmark_min_time={0.01 if quick else 0.5}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
        if done.returncode != 0:
            print(f"  {name}: left out: exit code {done.returncode}")
            continue
        rows = {}
        for row in json.loads(done.stdout)["benchmarks"]:
            rows[row["name"]] = {
                "ns": row["cpu_time"] * {"ns": 1, "us": 1e3, "ms": 1e6}[row["time_unit"]],
                "rate": row["bytes_per_second"] / 1e9 if "bytes_per_second" in row else None}
        harness.print_table(name, rows, [("ns", "CPU ns", "{:.1f}"), ("rate", "GB/s", "{:.1f}")])
        report[name] = rows
    return report
