#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# stack_port.sh PROGRAM, in a guest with two network cards: behind each is a stack
# of the host's, whose echo at 10.9.<card>.1 gives back what it gets.
set -u
program=$1

card=0
for name in /sys/class/net/eth*; do
    device=${name##*/}
    ip address add "10.9.$card.2/24" dev "$device" && ip link set "$device" up || exit 1
    card=$((card + 1))
done
[ $card = 2 ] || { echo "there are $card network cards"; exit 1; }

dd if=/dev/urandom of=/tmp/sent bs=65536 count=32 2>/dev/null
for card in 0 1; do
    ping -c 1 -W 60 "10.9.$card.1" || exit 1
    "$program" relay - "tcp://10.9.$card.1:7000" </tmp/sent >/tmp/back || exit 1
    cmp /tmp/sent /tmp/back || exit 1
done
echo "2 MiB came back the same through each framing"
