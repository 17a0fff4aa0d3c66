#!/usr/bin/env bash
# MNIST's digits from 100 labels, the class summed over or sampled: makes accuracy.csv. And what a step costs with 10 and
# with 100 classes, their labels drawn at random: makes steps.csv.
# Usage: results/semi/run.sh DIR    (DIR holds mnist/; `gumbel data fetch mnist --data-dir DIR` fills it)
set -euo pipefail
data=$(realpath "$1")
here=$(realpath "$(dirname "$0")")
cd "$here/../.."
cargo build --release --locked
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

run() { # FOLDER OPTIONS
    "${CARGO_TARGET_DIR:-target}/release/gumbel" train semi --data mnist --data-dir "$data" --threads 1 \
        --out "$scratch/$1" "${@:2}" >/dev/null
}

numbers() { # FOLDER: the fields of a summary that the tables have
    python3 - "$scratch/$1/summary.json" <<'PYTHON'
import json, sys
s = json.load(open(sys.argv[1]))
test, bound = s["test"], s["test"]["importance_bound"]
fields = [s["steps"], s["steps_per_second"], test["hard_negative_elbo"], test["hard_negative_elbo_standard_error"],
          bound["samples"], bound["nats"], bound["standard_error"]]
print(*fields, *(test.get("accuracy") or {}).values(), sep=",")
PYTHON
}

echo "estimator,seed,steps,steps_per_second,hard_negative_elbo,hard_negative_elbo_standard_error,importance_samples,\
importance_bound,importance_bound_standard_error,accuracy,accuracy_standard_error,images" >"$here/accuracy.csv"
for seed in 1 2 3; do
    for estimator in exact gumbel-softmax straight-through-gumbel; do
        run "$estimator-$seed" --estimator "$estimator" --seed "$seed" --lr linear:6e-3:1e-3:4000 --steps 4000 \
            --alpha 50 --labelled-weight 0.1 --evaluate-every 1000 --importance-samples 100 --importance-images 1000
        echo "$estimator,$seed,$(numbers "$estimator-$seed")" >>"$here/accuracy.csv"
    done
done

echo "classes,estimator,round,steps_per_second" >"$here/steps.csv"
for round in 1 2 3 4 5; do
    for classes in 10 100; do
        for estimator in exact gumbel-softmax straight-through-gumbel; do
            run "$classes-$estimator-$round" --data digits --estimator "$estimator" --classes "$classes" --labels-from random \
                --steps 40 --evaluate-every 1000 --importance-samples 1 --importance-images 10
            echo "$classes,$estimator,$round,$(numbers "$classes-$estimator-$round" | cut -d, -f2)" >>"$here/steps.csv"
        done
    done
done
