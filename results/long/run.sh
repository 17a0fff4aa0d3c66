#!/usr/bin/env bash
# Long training of the linear models on MNIST, evaluated on the full test set: writes the CSV of this folder.
# Usage: results/long/run.sh DIR    (DIR holds mnist/; `gumbel data fetch mnist --data-dir DIR` fills it)
set -euo pipefail
data=$(realpath "$1")
here=$(realpath "$(dirname "$0")")
cd "$here/../.."
cargo build --release --locked
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

train() { # FOLDER STEPS RATE BINARISATION OPTIONS
    "${CARGO_TARGET_DIR:-target}/release/gumbel" train "${@:5}" --data mnist --data-dir "$data" --binarize "$4" \
        --steps "$2" --lr "cosine:$3:1e-4:$2" --evaluate-every 10000 --threads 1 --out "$scratch/$1"
}

bernoulli=(vae --hidden none --latents 200 --categories 2)
categorical=(vae --hidden none)
annealed=(--tau exp:1:1e-4:0.5:500)
vimco=(--estimator vimco --kl mass-at-sample --train-samples 5)
train sbn-bernoulli 50000 3e-3 fixed sbn
train sbn-categorical 50000 3e-3 fixed sbn --latents 20 --categories 10
train vae-bernoulli-vimco 50000 3e-3 fixed "${bernoulli[@]}" "${vimco[@]}"
train vae-categorical-vimco 50000 3e-3 fixed "${categorical[@]}" "${vimco[@]}"
train vae-categorical-gs 50000 1e-2 fixed "${categorical[@]}" "${annealed[@]}"
train vae-categorical-gs-dynamic 50000 1e-2 dynamic "${categorical[@]}" "${annealed[@]}"
train vae-categorical-vimco-dynamic 60000 3e-3 dynamic "${categorical[@]}" "${vimco[@]}"
train vae-categorical-vimco-dynamic-100000 100000 3e-3 dynamic "${categorical[@]}" "${vimco[@]}"
train vae-categorical-vimco-300 50000 3e-3 fixed "${categorical[@]}" "${vimco[@]}" --batch 300
train vae-categorical-vimco-300-dynamic 50000 3e-3 dynamic "${categorical[@]}" "${vimco[@]}" --batch 300
train vae-categorical-vimco-20 60000 3e-3 fixed "${categorical[@]}" "${vimco[@]}" --train-samples 20
train vae-categorical-vimco-20-dynamic 60000 3e-3 dynamic "${categorical[@]}" "${vimco[@]}" --train-samples 20
python3 "$here/collect.py" "$scratch" >"$here/long.csv"
