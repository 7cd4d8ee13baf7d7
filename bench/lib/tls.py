# SPDX-License-Identifier: Apache-2.0
"""TLS over a pipe, beside libssl driven bare in the same run."""

import json
import subprocess

from lib import harness

NAMES = {
    "bulk/16384": "records of 16 KiB",
    "bulk/1400": "records of 1400 bytes",
    "bulk_fast/16384": "records of 16 KiB, AES-GCM of libipsec-mb",
    "bulk_fast/1400": "records of 1400 bytes, AES-GCM of libipsec-mb",
    "ping_pong": "a byte there and back",
    "handshake/0": "handshake, ECDSA P-256",
    "handshake/3": "handshake, RSA 2048",
}


def run(quick):
    command = ["taskset", "-c", harness.SERVER_CORE, harness.bench_program("tls_bench"),
               "--benchmark_format=json", f"--benchmark_min_time={0.05 if quick else 0.5}",
               f"--benchmark_repetitions={1 if quick else 5}",
               "--benchmark_enable_random_interleaving=true"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=True)
    times = {}
    for row in json.loads(done.stdout)["benchmarks"]:
        if row["run_type"] == "iteration":
            times.setdefault(row["run_name"], []).append(row["cpu_time"])
    best = {name: sorted(all_of)[len(all_of) // 2] for name, all_of in times.items()}
    rows = {}
    for name, words in NAMES.items():
        bare, flow = best[f"bare_{name.replace('_fast', '')}"], best[f"in_loop/flow_{name}"]
        rows[words] = {"bare": bare, "flow": flow, "rate": bare / flow}
    harness.print_table("TLS over a pipe and bare libssl", rows,
                        [("bare", "libssl, ns", "{:.0f}"), ("flow", "flow, ns", "{:.0f}"),
                         ("rate", "rate of libssl's", "{:.2f}")])
    return rows
