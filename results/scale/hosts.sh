#!/usr/bin/env bash
# Trains on two hosts, and compares with one: results/scale/hosts.sh GUMBEL, as root.
#
# The hosts are network namespaces of this machine, each with an address, a name and an sshd of its own, joined by a pair of
# virtual cables; mpirun reaches the second by ssh, and the processes speak TCP. GUMBEL is built with the feature mpi.
set -euo pipefail
gumbel=$(realpath "${1:?the program gumbel, built with --features mpi}")
work=$(mktemp -d)
first=10.77.0.1 second=10.77.0.2

leave() {
    local pid
    for pid in "$work"/*.pid; do kill "$(cat "$pid")" 2>/dev/null || true; done
    ip netns del gumbel-a 2>/dev/null || true
    ip netns del gumbel-b 2>/dev/null || true
    rm -rf "$work"
}
trap leave EXIT

ssh-keygen -q -t ed25519 -N '' -f "$work/key"
cp "$work/key.pub" "$work/authorized"
chmod 755 "$work" && chmod 600 "$work/authorized"
mkdir -p /run/sshd

host() { # namespace, address
    ip netns add "$1"
    ip -n "$1" link set lo up
    ip link set "$1" netns "$1"
    ip -n "$1" addr add "$2/24" dev "$1"
    ip -n "$1" link set "$1" up
    # A name of its own: else MPI would take both for one machine, and share memory.
    ip netns exec "$1" unshare --uts sh -c "hostname $1 && exec /usr/sbin/sshd -o Port=22 -o ListenAddress=$2 \
        -o HostKey=$work/key -o AuthorizedKeysFile=$work/authorized -o StrictModes=no -o UsePAM=no \
        -o PermitRootLogin=yes -o PidFile=$work/$1.pid"
}
ip link add gumbel-a type veth peer name gumbel-b
host gumbel-a "$first"
host gumbel-b "$second"

cat >"$work/ssh" <<SSH
#!/bin/sh
exec ssh -q -i $work/key -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null "\$@"
SSH
chmod +x "$work/ssh"

options="train vae --shards 4 --steps 20 --evaluate-every 10 --importance-samples 20 --importance-images 100"
ip netns exec gumbel-a unshare --uts sh -c "hostname gumbel-a && exec mpirun --allow-run-as-root -n 2 \
    --host $first:1,$second:1 --mca plm_rsh_agent $work/ssh --mca btl tcp,self --mca btl_tcp_if_include 10.77.0.0/24 \
    --mca oob_tcp_if_include 10.77.0.0/24 --mca mpi_yield_when_idle 1 sh -c 'hostname; exec $gumbel $options --threads 1 --out $work/two'"
"$gumbel" $options --threads 1 --out "$work/one" >/dev/null
cmp "$work/one/model.safetensors" "$work/two/model.safetensors"
echo "two hosts and one: model.safetensors has the same bytes"
