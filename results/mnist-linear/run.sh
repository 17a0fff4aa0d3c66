#!/usr/bin/env bash
# The linear categorical VAE on MNIST with three estimators: writes the CSV and JSON of this folder.
# Usage: results/mnist-linear/run.sh DIR    (DIR holds mnist/; `gumbel data fetch mnist --data-dir DIR` fills it)
set -euo pipefail
data=$(realpath "$1")
here=$(realpath "$(dirname "$0")")
cd "$here/../.."
cargo build --release --locked
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

train() { # NAME ESTIMATOR STEPS
    "${CARGO_TARGET_DIR:-target}/release/gumbel" train vae --data mnist --data-dir "$data" --binarize fixed \
        --latents 20 --categories 10 --hidden none --prior learned --estimator "$2" --tau exp:1:1e-4:0.5:500 \
        --steps "$3" --batch 100 --lr 1e-3 --seed 0 --evaluate-every 500 --out "$scratch/$1"
    cp "$scratch/$1/metrics.csv" "$here/$1.csv"
    cp "$scratch/$1/summary.json" "$here/$1.json"
}

train gumbel-softmax-2500 gumbel-softmax 2500
train gumbel-softmax-15000 gumbel-softmax 15000
train straight-through-gumbel-15000 straight-through-gumbel 15000
train reinforce-15000 reinforce 15000
