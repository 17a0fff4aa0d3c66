#!/usr/bin/env bash
# The linear models of MNIST trained for long, the whole test set: makes the CSV of this folder.
# Usage: results/long/run.sh DIR    (DIR holds mnist/; `gumbel data fetch mnist --data-dir DIR` fills it)
set -euo pipefail
data=$(realpath "$1")
here=$(realpath "$(dirname "$0")")
cd "$here/../.."
cargo build --release --locked
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

train() { # FOLDER OPTIONS
    "${CARGO_TARGET_DIR:-target}/release/gumbel" train "${@:2}" --data mnist --data-dir "$data" --binarise fixed \
        --steps 50000 --lr cosine:3e-3:1e-4:50000 --evaluate-every 10000 --threads 1 --out "$scratch/$1"
}

vae="vae --hidden none"
bound="--estimator vimco --kl mass-at-sample --train-samples 5"
train sbn-bernoulli sbn
train sbn-categorical sbn --latents 20 --categories 10
train vae-bernoulli $vae --latents 200 --categories 2 $bound
train vae-categorical $vae $bound
python3 "$here/collect.py" "$scratch" >"$here/long.csv"
