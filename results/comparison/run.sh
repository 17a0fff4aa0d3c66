#!/usr/bin/env bash
# Six estimators on the linear categorical VAE on MNIST: writes the CSV of this folder.
# Usage: results/comparison/run.sh DIR    (DIR holds mnist/; `gumbel data fetch mnist --data-dir DIR` fills it)
set -euo pipefail
data=$(realpath "$1")
here=$(realpath "$(dirname "$0")")
cd "$here/../.."
cargo build --release --locked
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"${CARGO_TARGET_DIR:-target}/release/gumbel" compare --out "$scratch/all" \
    --estimators gumbel-softmax,straight-through-gumbel,reinmax,gumbel-rao,reinforce,rloo:samples=4 \
    train vae --data mnist --data-dir "$data" --binarize fixed --latents 20 --categories 10 --hidden none \
    --prior learned --steps 5000 --batch 100 --lr 1e-3 --seed 0 --evaluate-every 250 --importance-images 2000
cp "$scratch/all/curves.csv" "$scratch/all/summary.csv" "$here/"
