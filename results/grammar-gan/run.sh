#!/usr/bin/env bash
# Adversarial training on the arithmetic grammar, three seeds of each kind, and on a list of names: writes the CSV and JSON
# of this folder.
# Usage: results/grammar-gan/run.sh DIR    (DIR holds names/names.txt, one name per line)
set -euo pipefail
data=$(realpath "$1")
here=$(realpath "$(dirname "$0")")
cd "$here/../.."
cargo build --release --locked
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

train() { # NAME OPTIONS..
    local name=$1
    shift
    "${CARGO_TARGET_DIR:-target}/release/gumbel" train gan --out "$scratch/$name" "$@"
    cp "$scratch/$name/metrics.csv" "$here/$name.csv"
    cp "$scratch/$name/summary.json" "$here/$name.json"
}

for seed in 0 1 2; do
    train "relativistic-$seed" --seed "$seed"
    train "original-$seed" --seed "$seed" --loss original
    train "score-function-$seed" --seed "$seed" --generator score-function
    train "straight-through-$seed" --seed "$seed" --generator straight-through
done
train original-penalised-0 --loss original --penalty 1
train relativistic-unpenalised-0 --penalty 0
train names --data names --data-dir "$data"
