#!/usr/bin/env bash
# Times every kernel and its references, prints the table and writes kernels.csv. Takes three minutes.
set -euo pipefail
here=$(realpath "$(dirname "$0")")
cd "$here/../.."
cargo bench --locked -p gumbel-kernels --bench kernels
cp "${CRITERION_HOME:-${CARGO_TARGET_DIR:-target}/criterion}/kernels.csv" "$here/kernels.csv"
