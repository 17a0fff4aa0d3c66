#!/usr/bin/env bash
# Bias, variance, error at equal cost and time of every estimator: makes the CSV of this folder.
# Usage: results/measure/run.sh [REPLICATES]    (estimates in each row of the table, 100000 by default)
set -euo pipefail
replicates=${1:-100000}
here=$(realpath "$(dirname "$0")")
cd "$here/../.."
cargo build --release --locked
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

measure() { # NAME OPTIONS...
    local name=$1
    shift
    "${CARGO_TARGET_DIR:-target}/release/gumbel" measure --out "$scratch/$name" --seed 0 --replicates "$replicates" "$@"
}

none=(--taus none --curve-latents none)
# The whole table, on binary latents and on categories.
measure binary --all --problem linear,quadratic,mlp,tucker "${none[@]}"
cp "$scratch/binary/measure.csv" "$here/binary.csv"
measure categorical --all --problem linear,quadratic,mlp --latents 2 --categories 4 "${none[@]}"
cp "$scratch/categorical/measure.csv" "$here/categorical.csv"

# The score function and the pathwise gradient against the number of latents.
measure dimension --estimator reinforce,rloo,gumbel-softmax:tau=0.5,zgr --problem linear,quadratic \
    --taus none --curve-latents 1,10,100 --curve-replicates "$replicates"
cp "$scratch/dimension/curves.csv" "$here/dimension.csv"

# Gumbel-Softmax against its temperature.
measure temperature --estimator gumbel-softmax --problem linear,quadratic,mlp --latents 2 --categories 4 \
    --taus 0.01,0.02,0.05,0.1,0.2,0.5,1,2 --curve-latents none --curve-replicates "$replicates"
cp "$scratch/temperature/curves.csv" "$here/temperature.csv"

# The counter-example: with few latents a baseline is enough.
measure baseline --estimator reinforce:baseline=none,reinforce,gumbel-softmax:tau=0.5,gumbel-softmax:tau=0.1 \
    --problem mlp --latents 1 --taus none --curve-latents 1,2,4,8 --curve-replicates "$replicates"
cp "$scratch/baseline/curves.csv" "$here/baseline.csv"

# The toy problem of Tucker et al. and of Grathwohl et al.
measure toy --problem tucker --train --all
cp "$scratch/toy/train.csv" "$here/tucker.csv"

# The guide to choosing an estimator, from these results.
mkdir -p docs
"${CARGO_TARGET_DIR:-target}/release/gumbel" measure --guide results/measure --out docs
