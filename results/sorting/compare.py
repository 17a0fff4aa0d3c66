#!/usr/bin/env python3
"""Compares soft sorts and ranks with torchsort: values, gradients and times, into results/sorting/compare.csv.

    pip install torch numpy && pip install --no-build-isolation torchsort    # needs a C++ compiler
    results/sorting/compare.py [PROGRAM]    # the example `sorting` of gumbel-kernels, if it is built already

Both compute one row in single precision on one thread, forward and backward, with the same scores (normal) and cotangents.
Errors are the largest differences from torchsort in double precision on the same numbers, relative to the largest of them or
to 1; the last two columns are those of torchsort in single precision. Times are medians of several rounds, in which both programs take turns.
"""
import csv
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
import torchsort

ROOT = Path(__file__).resolve().parents[2]
FUNCTIONS = {
    "sort-quadratic": (torchsort.soft_sort, "l2"),
    "sort-entropic": (torchsort.soft_sort, "kl"),
    "rank-quadratic": (torchsort.soft_rank, "l2"),
    "rank-entropic": (torchsort.soft_rank, "kl"),
    "sort-lap-sum": None,
    "rank-lap-sum": None,
}
ROUNDS, REPEATS = 5, 20
COLUMNS = "function,n,tau,ms,torchsort_ms,ratio,value_error,gradient_error,torchsort_value_error,torchsort_gradient_error"


def program():
    """The example of the kernels, built."""
    command = ["cargo", "build", "--release", "--locked", "-q", "-p", "gumbel-kernels", "--example", "sorting"]
    subprocess.run(command, cwd=ROOT, check=True)
    metadata = subprocess.run(
        ["cargo", "metadata", "--no-deps", "--format-version", "1", "--locked"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )
    return Path(json.loads(metadata.stdout)["target_directory"]) / "release/examples/sorting"


def ours(example, folder, scores, d, tau):
    """(results, seconds) of every function."""
    source, result = folder / "input", folder / "output"
    source.write_bytes(np.concatenate([scores, d]).astype("<f4").tobytes())
    command = [example, source, result, str(len(scores)), repr(tau), str(REPEATS)]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    numbers = np.frombuffer(result.read_bytes(), "<f4").reshape(len(lines), 2, len(scores))
    named = [line.split(",") for line in lines]
    return {name: (values, float(seconds)) for (name, seconds), values in zip(named, numbers)}


def once(function, scores, d, tau):
    """Forward and backward by torchsort: values, slopes and seconds."""
    function, regularization = function
    leaf = scores[None].clone().requires_grad_()
    start = time.perf_counter()
    values = function(leaf, regularization=regularization, regularization_strength=tau)
    values.backward(d[None])
    seconds = time.perf_counter() - start
    return np.stack([values.detach().numpy()[0], leaf.grad.numpy()[0]]), seconds


def theirs(function, scores, d, tau):
    scores, d = torch.tensor(scores), torch.tensor(d)
    runs = [once(function, scores, d, tau) for _ in range(REPEATS)]
    return runs[-1][0], statistics.median(seconds for _, seconds in runs)


def error(values, reference):
    return float(np.abs(values - reference).max() / max(1.0, np.abs(reference).max()))


def rows(example, folder, n, tau):
    random = np.random.default_rng(n)
    scores, d = (random.standard_normal(n).astype(np.float32) for _ in range(2))
    times = {name: ([], []) for name in FUNCTIONS}
    for _ in range(ROUNDS):
        measured = ours(example, folder, scores, d, tau)
        for name, function in FUNCTIONS.items():
            times[name][0].append(measured[name][1])
            if function:
                other, seconds = theirs(function, scores, d, tau)
                times[name][1].append(seconds)
                double = [torch.tensor(numbers, dtype=torch.float64) for numbers in (scores, d)]
                reference = once(function, *double, float(np.float32(tau)))[0]
                errors = [error(result[part], reference[part]) for result in (measured[name][0], other) for part in (0, 1)]
                times[name] = (*times[name][:2], errors)
    for name, (own, other, *errors) in times.items():
        ms = 1e3 * statistics.median(own)
        if not other:
            yield [name, n, tau, f"{ms:.3f}"] + [""] * 6
            continue
        other_ms = 1e3 * statistics.median(other)
        yield [name, n, tau, f"{ms:.3f}", f"{other_ms:.3f}", f"{other_ms / ms:.2f}"] + [f"{e:.1e}" for e in errors[0]]


def main():
    torch.set_num_threads(1)
    example = sys.argv[1] if len(sys.argv) > 1 else program()
    with tempfile.TemporaryDirectory() as folder, open(Path(__file__).with_name("compare.csv"), "w", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(COLUMNS.split(","))
        for n in (10, 100, 1000, 10_000):
            for tau in (0.01, 1.0, 100.0):
                for row in rows(example, Path(folder), n, tau):
                    writer.writerow(row)
                    print(",".join(map(str, row)), flush=True)


if __name__ == "__main__":
    main()
