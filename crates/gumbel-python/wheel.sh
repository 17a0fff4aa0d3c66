#!/usr/bin/env bash
# Builds a manylinux2014 wheel (glibc 2.17) in FOLDER, then installs and tests it in a clean environment of each Python given.
# Needs Rust, Python 3.11 or later and PyPI, which has Zig: it links against the old glibc.
#
#     crates/gumbel-python/wheel.sh FOLDER [python3.11 python3.12 ..]
set -euo pipefail
if [ $# -lt 1 ]; then
    sed -n '2,5s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
folder=$(mkdir -p "$1" && realpath "$1")
shift
cd "$(dirname "$0")"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

python3 -m venv "$scratch/build"
"$scratch/build/bin/pip" install -q 'maturin[zig]>=1.9,<2'
PATH=$scratch/build/bin:$PATH maturin build --release --locked --zig --compatibility manylinux2014 --out "$folder"
wheel=$(ls -t "$folder"/gumbel_softmax-*manylinux2014*.whl "$folder"/gumbel_softmax-*manylinux_2_17*.whl 2>/dev/null | head -n1)

for python in "${@:-python3}"; do
    "$python" -m venv --clear "$scratch/clean"
    "$scratch/clean/bin/pip" install -q "$wheel"
    (cd "$scratch" && clean/bin/python -c '
import sys
import gumbel
sample = gumbel.gumbel_softmax([[0.0, 1.0, 2.0]], 0.5, noise=gumbel.Noise(7))
print(sys.version.split()[0], sample.tobytes().hex())
')
done
ls -l "$wheel"
