"""Truncations of random rows by their definitions in NumPy, as CSV for `tests/it/truncation.rs`.

    python3 crates/gumbel-kernels/tests/golden/truncation.py > crates/gumbel-kernels/tests/golden/truncation.csv

A line has top-k, top-p and min-p (empty: not applied; in this order), the logits and, for each, 1 if it is kept. Logits
are multiples of 1/4, so that there are ties and single precision holds them; masks are -inf.
"""

import numpy as np


def decreasing(logits):
    """Categories in decreasing order of their logits; of equal ones, the lowest index first."""
    return np.argsort(-logits, kind="stable")


def top_k(logits, count):
    kept = np.full_like(logits, -np.inf)
    first = decreasing(logits)[:count]
    kept[first] = logits[first]
    return kept


def top_p(logits, p):
    if p == 1:
        return logits.copy()
    probability = np.exp(logits - logits.max())
    probability /= probability.sum()
    needed = 1 + np.argmax(np.cumsum(probability[decreasing(logits)]) >= p)
    return top_k(logits, needed)


def min_p(logits, p):
    probability = np.exp(logits - logits.max())
    return np.where(probability / probability.max() >= p, logits, -np.inf)


def main():
    random = np.random.default_rng(2024)
    for _ in range(300):
        logits = np.round(4 * random.normal(0, 2, random.integers(1, 40))) / 4
        logits[random.random(logits.size) < 0.1] = -np.inf
        logits[random.integers(logits.size)] = 1.25
        chosen = random.random(3) < 0.6
        count, p, ratio = int(random.integers(1, 20)), random.random(), random.random() ** 2
        kept = logits
        for rule, value, use in [(top_k, count, chosen[0]), (top_p, p, chosen[1]), (min_p, ratio, chosen[2])]:
            kept = rule(kept, value) if use else kept
        values = [str(value) if use else "" for value, use in zip((count, p, ratio), chosen)]
        numbers = " ".join(map(str, logits.tolist()))
        print(",".join([*values, numbers, "".join("1" if x > -np.inf else "0" for x in kept)]))


main()
