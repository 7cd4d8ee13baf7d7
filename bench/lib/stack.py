# SPDX-License-Identifier: Apache-2.0
"""The TCP/IP stack on one core: two hosts on a link in memory, and paths that lose packets."""

import json
import subprocess

from lib import harness

PROGRAMS = {"network_bench", "connections_bench", "tcp_loss_bench"}

# What the figures are to reach, and the best of the peers that was measured: docs/performance.md.
RATES = {
    "mtu_1500_with_checksums": ("MTU 1500, checksums in software, Gb/s", "Gb/s", 1, 60),
    "mtu_1500_checksums_by_the_link": ("MTU 1500, checksums by the link, Gb/s", "Gb/s", 1, 90),
    "super_segments": ("64 KiB segments, by reference, Gb/s", "Gb/s", 1, 250),
    "open_use_close/others:0": ("connections, thousands/s", "connections/s", 1e3, 1500),
    "open_use_close/others:100000": ("with 100,000 others open", "connections/s", 1e3, 1500),
}
COSTS = {
    "round_trip": ("a byte there and back, ns", "cpu_time", 400),
    "idle_memory/100000/iterations:1": ("bytes an idle connection", "bytes/connection", 256),
}


def rows_of(program, arguments, repetitions=1):
    command = ["taskset", "-c", harness.SERVER_CORE, harness.bench_program(program),
               "--benchmark_format=json", f"--benchmark_repetitions={repetitions}", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1800, check=True)
    rows = {}
    for row in json.loads(done.stdout)["benchmarks"]:
        if row["run_type"] == "iteration":
            rows.setdefault(row["run_name"], []).append(row)
    return rows


def run(quick):
    time = f"--benchmark_min_time={0.05 if quick else 0.5}"
    found = rows_of("network_bench", [time], 1 if quick else 5)
    found.update(rows_of("connections_bench", [time], 1 if quick else 5))
    # The best: what else runs on the machine only takes away.
    speed = {}
    for name, (words, key, unit, goal) in RATES.items():
        value = max(row[key] for row in found[name]) / unit
        speed[words] = {"value": value, "goal": goal, "ratio": value / goal}
    for name, (words, key, goal) in COSTS.items():
        value = min(row[key] for row in found[name])
        speed[words] = {"value": value, "goal": goal, "ratio": goal / value}
    harness.print_table("the stack, both ends on one core", speed,
                        [("value", "measured", "{:.1f}"), ("goal", "goal", "{:.0f}"),
                         ("ratio", "of the goal", "{:.2f}")])
    only = ["--benchmark_filter=loss/6/"] if quick else []
    loss = {row[0]["label"]: {"rate": row[0]["Mb/s"], "linux": row[0]["Linux"],
                                 "ratio": row[0]["ratio"]}
            for row in rows_of("tcp_loss_bench", only).values()}
    harness.print_table("goodput over a path that loses packets, Mb/s", loss,
                        [("rate", "runnel", "{:.1f}"), ("linux", "Linux", "{:.1f}"),
                         ("ratio", "of Linux", "{:.2f}")])
    return {"speed": speed, "loss": loss}
