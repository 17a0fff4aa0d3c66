#!/usr/bin/env bash
# Step time, peak memory and time to the first step of 784-512-256-(20x10)-256-512-784 at batch 100: writes steps.csv.
# With `perf` installed and `profile` as second argument, it also writes profile.csv: the share of each function on one
# thread.
# Usage: results/vae-step/run.sh [REPEATS [profile]]
set -euo pipefail
repeats=${1:-5}
here=$(realpath "$(dirname "$0")")
cd "$here/../.."
cargo build --release --locked
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
gumbel="${CARGO_TARGET_DIR:-target}/release/gumbel"
model=(train vae --hidden 512,256 --latents 20 --categories 10 --batch 100 --steps 500 --evaluate-every 500
    --importance-samples 1 --importance-images 20)

echo "threads,repeat,milliseconds_per_step,peak_memory_bytes,seconds_to_first_step" >"$here/steps.csv"
for repeat in $(seq "$repeats"); do
    for threads in 1 2; do
        "$gumbel" "${model[@]}" --threads "$threads" --out "$scratch/$threads-$repeat" >/dev/null
        python3 - "$scratch/$threads-$repeat/summary.json" "$threads" "$repeat" >>"$here/steps.csv" <<'PYTHON'
import json, sys
s = json.load(open(sys.argv[1]))
step = f"{1e3 * s['seconds'] / s['steps']:.2f}"
print(sys.argv[2], sys.argv[3], step, s["peak_memory_bytes"], f"{s['seconds_to_first_step']:.3f}", sep=",")
PYTHON
    done
done
cat "$here/steps.csv"

if [ "${2:-}" = profile ]; then
    perf record -q -F 999 -o "$scratch/perf" "$gumbel" "${model[@]}" --threads 1 --out "$scratch/profile" >/dev/null
    # C++-style names lose their generic parameters, the rest is as perf prints it.
    perf report -i "$scratch/perf" --stdio --no-children --percent-limit 0.5 --sort symbol 2>/dev/null |
        sed -nE 's/^ *([0-9.]+)% +\[[.k]\] (.*[^ ]) *$/\1,"\2"/p' | (echo "percent,function"; cat) >"$here/profile.csv"
    head -40 "$here/profile.csv"
fi
