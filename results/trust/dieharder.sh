#!/usr/bin/env bash
# The table of dieharder.md, on standard output: layout, test and what dieharder says; a quarter of an hour on two cores.
set -uo pipefail
cd "$(dirname "$0")/../.."
cargo build --release -q -p gumbel-kernels --example soak
soak=${CARGO_TARGET_DIR:-target}/release/examples/soak
for layout in stream splits streams seeds forks skips; do
    for test in 0 2 3 8 15 100 101 205 207 209; do
        "$soak" words --layout $layout --count 1e13 --seed 1 |
            dieharder -g 200 -d $test -D test_name -D ntuple -D tsamples -D psamples -D pvalues -D assessment |
            sed "s/^/$layout |/"
    done
done
