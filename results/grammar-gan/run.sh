#!/usr/bin/env bash
# Games over the arithmetic grammar, three seeds of each kind, and over a list of names: makes the CSV and JSON of this folder.
# Usage: results/grammar-gan/run.sh DIR    (DIR holds names/names.txt, a name a line)
set -euo pipefail
data=$(realpath "$1")
here=$(realpath "$(dirname "$0")")
cd "$here/../.."
cargo build --release --locked
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

play() { # NAME OPTIONS..
    local name=$1
    shift
    "${CARGO_TARGET_DIR:-target}/release/gumbel" train gan --out "$scratch/$name" "$@"
    cp "$scratch/$name/metrics.csv" "$here/$name.csv"
    cp "$scratch/$name/summary.json" "$here/$name.json"
}

for seed in 0 1 2; do
    play "relativistic-$seed" --seed "$seed"
    play "original-$seed" --seed "$seed" --loss original
    play "score-function-$seed" --seed "$seed" --generator score-function
    play "straight-through-$seed" --seed "$seed" --generator straight-through
done
play original-penalised-0 --loss original --penalty 1
play relativistic-unpenalised-0 --penalty 0
play names --data names --data-dir "$data"
