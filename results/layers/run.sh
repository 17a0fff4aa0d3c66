#!/usr/bin/env bash
# One and two layers of 200 binary latents on MNIST: writes the CSV and JSON of this folder.
# Usage: results/layers/run.sh DIR    (DIR holds mnist/; `gumbel data fetch mnist --data-dir DIR` fills it)
set -euo pipefail
data=$(realpath "$1")
here=$(realpath "$(dirname "$0")")
cd "$here/../.."
cargo build --release --locked
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

train() { # NAME LAYERS
    "${CARGO_TARGET_DIR:-target}/release/gumbel" train vae --data mnist --data-dir "$data" --binarize fixed \
        --layers "$2" --hidden none --latents 200 --categories 2 --estimator gumbel-softmax --kl categorical \
        --steps 5000 --batch 100 --lr 1e-3 --seed 0 --evaluate-every 1000 --importance-images 500 \
        --threads 1 --out "$scratch/$1"
    cp "$scratch/$1/metrics.csv" "$here/$1.csv"
    cp "$scratch/$1/summary.json" "$here/$1.json"
}

train one 1
train two 2
