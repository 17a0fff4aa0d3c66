#!/usr/bin/env bash
# A text model of Shakespeare, windows of 16 characters, with 20 latents of 10 categories: writes the CSV of this folder.
# Usage: results/text/run.sh DIR    (DIR holds tiny-shakespeare/input.txt)
set -euo pipefail
data=$(realpath "$1")
here=$(realpath "$(dirname "$0")")
cd "$here/../.."
cargo build --release --locked
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
gumbel="${CARGO_TARGET_DIR:-target}/release/gumbel"

train() { # NAME OPTIONS..
    local name=$1
    shift
    "$gumbel" train text --data shakespeare --data-dir "$data" --steps 3000 --importance-images 500 --out "$scratch/$name" "$@"
}

train warmup
train no-warmup --kl-warmup 0
python3 - "$scratch" warmup no-warmup > "$here/shakespeare.csv" <<'PYTHON'
import csv, json, sys
scratch, *names = sys.argv[1:]
rows = []
for name in names:
    with open(f"{scratch}/{name}/summary.json") as file:
        summary = json.load(file)
    test = summary["test"]
    bound, text = test.pop("importance_bound"), test.pop("text")
    run = {key: summary[key] for key in ("estimator", "steps", "seconds")}
    rows.append({"run": name, **run, **test, **{f"bound_{key}": bound[key] for key in bound}, **text})
table = csv.DictWriter(sys.stdout, rows[0].keys(), lineterminator="\n")
table.writeheader()
table.writerows(rows)
PYTHON
