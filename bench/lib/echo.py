# SPDX-License-Identifier: Apache-2.0
"""Echo over TCP on the loopback: the server on one core, the load on the other."""

import os

from lib import harness

PEERS = ["echo_raw_epoll", "echo_raw_uring", "echo_asio", "echo_libuv"]
OURS = ["runnel epoll", "runnel io_uring"]


def command_of(name):
    if name.startswith("runnel "):
        return [harness.bench_program("echo_runnel"), name.split()[1]]
    return [harness.bench_program(name)]


def one_run(name, connections, size, requests):
    server = harness.Server(command_of(name), port_from_output=True)
    try:
        result = harness.load([harness.bench_program("echo_load"), server.port, connections, size,
                               requests])
    finally:
        server.stop()
    return {"rate": result["requests"] / result["seconds"] / 1e3,
            "cpu": server.cpu * 1e6 / result["requests"], "p99": result["p99_us"]}


def calls_per_request(name, connections, size):
    """Two traced runs of different length: their difference leaves starting and connecting out."""
    counts = []
    with harness.scratch() as folder:
        for requests in (4000, 24000):
            trace = os.path.join(folder, f"{requests}")
            server = harness.Server(command_of(name), port_from_output=True, traced=trace)
            try:
                harness.load([harness.bench_program("echo_load"), server.port, connections, size,
                              requests])
            finally:
                server.stop()
            counts.append(harness.system_calls(trace))
    return (counts[1] - counts[0]) / 20000


def run(quick):
    contestants = [name for name in PEERS + OURS if harness.have(command_of(name)[0])]
    report = {}
    for size in (64, 4096):
        requests = 60_000 if quick else 400_000
        rows = harness.interleaved(contestants, 1 if quick else 5,
                                   lambda name, size=size: one_run(name, 64, size, requests))
        for name in rows:
            rows[name]["calls"] = (calls_per_request(name, 64, size)
                                   if harness.have("strace") else None)
        harness.add_ratio(rows, "cpu", ["echo_raw_epoll"], "to_epoll")
        harness.add_ratio(rows, "cpu", ["echo_raw_uring"], "to_uring")
        harness.print_table(
            f"echo, 64 connections, {size} bytes, server on one core", rows,
            [("rate", "k requests/s", "{:.0f}"), ("cpu", "CPU us/request", "{:.2f}"),
             ("to_epoll", "x raw epoll", "{:.2f}"), ("to_uring", "x raw io_uring", "{:.2f}"),
             ("calls", "calls/request", "{:.3f}"), ("p99", "p99 us", "{:.0f}")],
            "Medians of interleaved runs. Most of each request is the kernel's TCP.")
        report[f"{size} bytes"] = rows
    return report
