#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# relay.sh PROGRAM, in a guest that device.py started: what goes through relays between vsock and
# TCP, in either order, comes back the same; also by way of the host, which echoes at its port 5000
# and leads what comes to its port 6000 back to our port 7002. Every port is free, because the guest
# is ours alone.
set -u
program=$1

fail() {
    echo "relay: $1"
    cat /tmp/log
    exit 1
}

"$program" echo tcp://127.0.0.1:7001 2>>/tmp/log &
"$program" relay --listen vsock://any:7002 tcp://127.0.0.1:7001 2>>/tmp/log &
"$program" relay --listen tcp://127.0.0.1:7003 vsock://local:7002 2>>/tmp/log &
tries=0
until [ "$(grep -c 'listening on' /tmp/log)" = 3 ]; do
    tries=$((tries + 1))
    [ $tries -lt 100 ] || fail "they do not listen"
    sleep 0.1
done

dd if=/dev/urandom of=/tmp/sent bs=65536 count=128 2>/dev/null
for place in vsock://local:7002 tcp://127.0.0.1:7003 vsock://host:5000 vsock://host:6000; do
    "$program" relay - "$place" </tmp/sent >/tmp/back || fail "$place: the relay failed"
    cmp /tmp/sent /tmp/back || fail "$place: what came back differs"
done
echo "8 MiB came back the same through vsock, through TCP and vsock, and through the host"
