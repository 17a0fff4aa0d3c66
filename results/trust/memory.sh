#!/bin/bash
# Resident memory over a million steps of training and over a stream of 20 GB, as CSV:
#     results/trust/memory.sh train > results/trust/memory-train.csv
#     results/trust/memory.sh stream > results/trust/memory-stream.csv
set -eu
gumbel=${GUMBEL:-target/release/gumbel}
run=$(mktemp -d)
trap 'rm -rf "$run"' EXIT

# Resident KiB of a process, until it ends, every few seconds: name, seconds, what `progress` says, KiB.
watch() {
    local begun=$SECONDS kib
    while kib=$(awk '/^VmRSS/ { print $2 }' "/proc/$2/status" 2>/dev/null) && [ -n "$kib" ]; do
        echo "$1,$((SECONDS - begun)),$($3 "$2"),$kib"
        sleep "${EVERY:-5}"
    done
    wait "$2"
}

# Step of the last row of metrics.csv.
step() { tail -qn 1 "$run/out/metrics.csv" 2>/dev/null | grep -o '^[0-9]*' || echo 0; }
train() {
    rm -rf "$run/out"
    "$gumbel" train "$@" --batch 1 --steps "${STEPS:-1000000}" --evaluate-every 10000 --threads 1 --importance-samples 1 \
        --importance-images 2 --out "$run/out" > /dev/null &
    watch "$1" $! step
}

# Rows of ten categories in single precision: zeros, which are as long as any other number.
npy() {
    printf '\x93NUMPY\x01\x00v\x00%-117s\n' "{'descr': '<f4', 'fortran_order': False, 'shape': ($1, 10), }"
    head -c $(($1 * 40)) /dev/zero
}
# Bytes that a process has read.
bytes() { awk '/^rchar/ { print $2 }' "/proc/$1/io" 2>/dev/null || echo; }
stream() {
    npy "${ROWS:-500000000}" > "$run/pipe" &
    "$gumbel" sample - --threads 1 $2 < "$run/pipe" > >(cat > /dev/null) &
    watch "$1" $! bytes
}

case ${1:-} in
train)
    echo "model,seconds,steps,resident_kib"
    train vae --hidden none --latents 1 --categories 2
    train text --hidden 1
    ;;
stream)
    mkfifo "$run/pipe"
    echo "options,seconds,bytes_read,resident_kib"
    stream "one index" ""
    stream "--tau 0.5" "--tau 0.5"
    ;;
*)
    echo "unknown part '${1:-}'; expected one of: train, stream" >&2
    exit 2
    ;;
esac
