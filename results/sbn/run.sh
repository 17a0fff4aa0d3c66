#!/usr/bin/env bash
# Predicts the lower half of MNIST's digits from the upper, with several estimators: writes the CSV of this folder.
# Usage: results/sbn/run.sh DIR    (DIR holds mnist/; `gumbel data fetch mnist --data-dir DIR` fills it)
set -euo pipefail
data=$(realpath "$1")
here=$(realpath "$(dirname "$0")")
cd "$here/../.."
cargo build --release --locked
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

compare() { # NAME LATENTS CATEGORIES ESTIMATORS
    "${CARGO_TARGET_DIR:-target}/release/gumbel" compare --out "$scratch/$1" --estimators "$4" \
        train sbn --data mnist --data-dir "$data" --binarize fixed --latents "$2" --categories "$3" \
        --steps 10000 --batch 100 --lr 1e-3 --seed 0 --evaluate-every 500 --importance-images 2000
    cp "$scratch/$1/summary.csv" "$here/$1.csv"
}

compare bernoulli 200 2 \
    gumbel-softmax:tau=1,straight-through-gumbel:tau=1,reinmax:tau=1,gumbel-rao:tau=1,reinforce
compare categorical 20 10 gumbel-softmax:tau=1,reinforce
