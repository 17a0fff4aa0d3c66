#!/usr/bin/env bash
# Times Gumbel-Softmax and related operations in PyTorch, JAX and gumbel-kernels in one run: prints a table and writes
# results/peers/peers.csv. Installs PyTorch and JAX from PyPI into a virtual environment of its own.
# Takes some minutes. `torch.compile` requires a C++ compiler.
# Usage: bench/peers/run.sh [--threads N] [--repeats N] [--shapes 65536x10,4096x1000,64x128256]
#                           [--systems torch,torch.compile,jax,ours]
set -euo pipefail
here=$(realpath "$(dirname "$0")")
cd "$here/../.."
cargo build --release --locked -p gumbel-kernels --example throughput
venv="$here/.venv"
if [ ! -x "$venv/bin/python" ]; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install -q torch jax numpy
fi
mkdir -p results/peers
exec "$venv/bin/python" "$here/peers.py" --ours "${CARGO_TARGET_DIR:-target}/release/examples/throughput" \
    --out results/peers/peers.csv "$@"
