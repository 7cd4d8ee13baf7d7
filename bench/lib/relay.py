# SPDX-License-Identifier: Apache-2.0
"""Relays between two sockets: bulk in one direction, and many short connections.

Every run happens in a network namespace of its own, with the congestion control that all
contestants share: no TIME_WAIT of the run before, no pacing by the system's default.
"""

import json
import os
import subprocess
import sys

if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from lib import harness  # noqa: E402  pylint: disable=wrong-import-position

RELAY_PORT = 19000
SINK_PORT = 19001
BULK_PEERS = ["socat", "haproxy", "haproxy splice", "nginx", "raw copy", "raw splice"]
CONNECTION_PEERS = ["haproxy", "nginx", "raw copy"]
OURS = ["runnel epoll", "runnel io_uring"]
PACKAGED = ["socat", "haproxy", "haproxy splice", "nginx"]

HAPROXY = """global
    nbthread 1
    maxconn 8000
    maxpipes 1000
defaults
    mode tcp
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    {options}
frontend relay
    bind {source}
    default_backend sink
backend sink
    server only 127.0.0.1:{sink}
"""

NGINX = """load_module /usr/lib/nginx/modules/ngx_stream_module.so;
worker_processes 1;
master_process off;
daemon off;
error_log /dev/null;
pid {folder}/pid;
events {{ worker_connections 8000; }}
stream {{
    server {{
        listen {source};
        proxy_buffer_size 64k;
        proxy_pass 127.0.0.1:{sink};
    }}
}}
"""


def available(name):
    program = {"haproxy splice": "haproxy", "raw copy": harness.bench_program("relay_raw"),
               "raw splice": harness.bench_program("relay_raw"), "runnel epoll": harness.runnel(),
               "runnel io_uring": harness.runnel()}.get(name, name)
    if program == "nginx":
        return harness.have("nginx") or harness.have("/usr/sbin/nginx")
    return harness.have(program) or harness.have(f"/usr/sbin/{program}")


def sources(name, folder, unix):
    """How a contestant writes the place to listen at."""
    path = os.path.join(folder, "socket")
    return {"haproxy": f"unix@{path}" if unix else f"127.0.0.1:{RELAY_PORT}",
            "nginx": f"unix:{path}" if unix else f"127.0.0.1:{RELAY_PORT}",
            "socat": f"UNIX-LISTEN:{path}" if unix else
                     f"TCP-LISTEN:{RELAY_PORT},bind=127.0.0.1,reuseaddr",
            "raw": path if unix else str(RELAY_PORT),
            "runnel": f"unix:{path}" if unix else f"tcp://127.0.0.1:{RELAY_PORT}"}[name.split()[0]]


def command_of(name, folder, unix):
    source = sources(name, folder, unix)
    config = os.path.join(folder, "config")
    kind, *rest = name.split()
    if kind == "haproxy":
        with open(config, "w", encoding="utf-8") as out:
            out.write(HAPROXY.format(source=source, sink=SINK_PORT,
                                     options="option splice-auto" if rest else ""))
        return ["/usr/sbin/haproxy", "-db", "-f", config]
    if kind == "nginx":
        with open(config, "w", encoding="utf-8") as out:
            out.write(NGINX.format(source=source, sink=SINK_PORT, folder=folder))
        return ["/usr/sbin/nginx", "-p", folder, "-c", config]
    if kind == "socat":
        return ["socat", "-b", "262144", source, f"TCP:127.0.0.1:{SINK_PORT}"]
    if kind == "raw":
        return [harness.bench_program("relay_raw"), rest[0], source, str(SINK_PORT)]
    return [harness.runnel(), "relay", "--backend", rest[0], "--listen", source,
            f"tcp://127.0.0.1:{SINK_PORT}"]


def worker(kind, name, amount):
    """One run of one contestant; called inside its namespace."""
    unix = kind == "unix"
    with harness.scratch() as folder:
        server = harness.Server(command_of(name, folder, unix))
        try:
            if unix:
                harness.wait_for_file(os.path.join(folder, "socket"))
            else:
                harness.wait_for_port(RELAY_PORT)
            source = os.path.join(folder, "socket") if unix else RELAY_PORT
            program = "relay_connections" if kind == "connections" else "relay_bulk"
            result = harness.load([harness.bench_program(program), source, SINK_PORT, amount])
        finally:
            server.stop()
    if kind == "connections":
        return {"rate": result["connections"] / result["seconds"],
                "cpu": server.cpu * 1e6 / result["connections"]}
    return {"rate": result["bytes"] * 8 / result["seconds"] / 1e9,
            "cpu": server.cpu * 2**30 / result["bytes"]}


def in_namespace(kind, name, amount):
    script = ("ip link set lo up && sysctl -qw net.ipv4.tcp_congestion_control=reno && "
              'exec python3 "$@"')
    flags = "--net" if os.geteuid() == 0 else "--net --map-root-user"
    done = subprocess.run(["unshare", *flags.split(), "sh", "-c", script, "sh",
                           os.path.abspath(__file__), kind, name, str(amount)],
                          capture_output=True, text=True, timeout=300, check=False)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip().splitlines()[-1] if done.stderr else "failed")
    return json.loads(done.stdout)


def suite(title, kind, peers, amount, rounds, columns):
    contestants = [name for name in peers + OURS if available(name)]
    rows = harness.interleaved(contestants, rounds,
                               lambda name: in_namespace(kind, name, amount))
    base = [name for name in PACKAGED if name in peers]
    harness.add_ratio(rows, "cpu", base, "to_best")
    harness.print_table(title, rows, columns,
                        "Medians of interleaved runs; the ratio is to the best packaged peer.")
    return rows


def run(quick):
    rounds = 1 if quick else 5
    bulk = 2**30 if quick else 8 * 2**30
    bulk_columns = [("rate", "Gb/s", "{:.1f}"), ("cpu", "CPU s/GiB", "{:.3f}"),
                    ("to_best", "x best peer", "{:.2f}")]
    connection_columns = [("rate", "connections/s", "{:.0f}"),
                          ("cpu", "CPU us/connection", "{:.1f}"),
                          ("to_best", "x best peer", "{:.2f}")]
    return {
        "tcp": suite("relay TCP to TCP, bulk", "tcp", BULK_PEERS, bulk, rounds, bulk_columns),
        "unix": suite("relay Unix to TCP, bulk", "unix", BULK_PEERS, bulk, rounds, bulk_columns),
        "connections": suite("relay TCP to TCP, one small request a connection", "connections",
                             CONNECTION_PEERS, 2000 if quick else 20000, rounds,
                             connection_columns),
    }


if __name__ == "__main__":
    print(json.dumps(worker(sys.argv[1], sys.argv[2], sys.argv[3])))
