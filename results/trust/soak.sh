#!/usr/bin/env bash
# The tables of soak.md, on standard output: some twenty minutes on two free cores.
set -uo pipefail
cd "$(dirname "$0")/../.."
cargo build --release -q -p gumbel-kernels --example soak
soak=${CARGO_TARGET_DIR:-target}/release/examples/soak
"$soak" tails --count 1e11 --seed 1 --type f32
GUMBEL_LEVEL=avx2 "$soak" tails --count 5e9 --seed 2 --type f32
GUMBEL_LEVEL=baseline "$soak" tails --count 2e9 --seed 3 --type f32
"$soak" tails --count 1e9 --seed 4 --type f64
"$soak" argmax --count 2e10 --seed 1 --type f32
"$soak" argmax --count 5e8 --seed 4 --type f64
"$soak" independence --count 5e9 --seed 1 --type f32
"$soak" independence --count 5e8 --seed 4 --type f64
"$soak" finite --count 1e9 --seed 1
