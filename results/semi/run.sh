#!/usr/bin/env bash
# Classifies MNIST's digits from 100 labels, marginalising the class or sampling it: writes accuracy.csv.
# Usage: results/semi/run.sh DIR    (DIR holds mnist/; `gumbel data fetch mnist --data-dir DIR` fills it)
set -euo pipefail
data=$(realpath "$1")
here=$(realpath "$(dirname "$0")")
cd "$here/../.."
cargo build --release --locked
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

semi() { "${CARGO_TARGET_DIR:-target}/release/gumbel" train semi --threads 1 "$@" >/dev/null; }

numbers() { # FOLDER: prints the row of a run for accuracy.csv
    python3 - "$1/summary.json" <<'PYTHON'
import json, sys
s = json.load(open(sys.argv[1]))
test, bound = s["test"], s["test"]["importance_bound"]
accuracy = test["accuracy"]
print(s["estimator"], s["seed"], s["steps"], accuracy["share"], accuracy["standard_error"],
      test["hard_negative_elbo"], test["hard_negative_elbo_standard_error"], bound["nats"], bound["standard_error"],
      sep=",")
PYTHON
}

learn() { # ESTIMATOR SEED STEPS..: trains for the first number of steps, then resumes to each of the others
    local run="$scratch/$1-$2"
    semi --data mnist --data-dir "$data" --estimator "$1" --seed "$2" --steps "$3" --lr linear:6e-3:1e-3:4000 \
        --alpha 50 --labelled-weight 0.1 --evaluate-every 1000 --importance-samples 100 --importance-images 1000 --out "$run"
    numbers "$run" >>"$here/accuracy.csv"
    for steps in "${@:4}"; do
        semi --resume "$run" --steps "$steps"
        numbers "$run" >>"$here/accuracy.csv"
    done
}

echo "estimator,seed,steps,accuracy,accuracy_standard_error,hard_negative_elbo,hard_negative_elbo_standard_error,\
importance_bound,importance_bound_standard_error" >"$here/accuracy.csv"
for seed in 1 2 3; do
    learn exact "$seed" 1000
    learn gumbel-softmax "$seed" 1000 2000 4000
    learn straight-through-gumbel "$seed" 1000
done
