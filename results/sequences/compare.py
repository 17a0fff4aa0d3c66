#!/usr/bin/env python3
"""An independent reference for `gumbel::sequence`.

    results/sequences/compare.py crates/gumbel/tests/it/sequences/reference.json > results/sequences/measured.txt

It writes what a sample must be, given the seed: random bits by Philox in Python integers, keys of *all* sequences of a
tree at 50 digits, sorted, without a beam; the weights of the unordered set by a sum over all orders; normalised REINFORCE
without replacement as the paper writes it; the group forms by PyTorch's derivative of the expressions in TRL's documentation.
`cargo test --release --test it -- sequences::reference --nocapture` compares with that file and prints the worst differences.

It prints measurements: the weights' bias if the root's key is fixed, and the variance of five estimates.
"""
import itertools
import json
import math
import sys

import numpy as np
import torch
from mpmath import exp, log, mp, mpf

mp.dps = 50
MASK32, MASK64 = 2**32 - 1, 2**64 - 1

# The noise, as `gumbel_kernels::Stream` documents it.


def philox(counter, key):
    (a, b, c, d), (left, right) = counter, key
    for _ in range(10):
        first, second = 0xD2511F53 * a, 0xCD9E8D57 * c
        a, b, c, d = (second >> 32) ^ b ^ left, second & MASK32, (first >> 32) ^ d ^ right, first & MASK32
        left, right = (left + 0x9E3779B9) & MASK32, (right + 0xBB67AE85) & MASK32
    return a, b, c, d


def halves(x):
    return x & MASK32, x >> 32


class Stream:
    def __init__(self, seed, identity=0):
        self.seed, self.identity = seed, identity

    def block(self, purpose, index):
        return philox(halves(purpose << 62 | index) + halves(self.identity), halves(self.seed))

    def child(self, words):
        return Stream(words[0] | words[1] << 32, words[2] | words[3] << 32)

    def split(self, label):
        return self.child(philox(halves(label) + halves(self.identity), halves(self.seed ^ 0x73706C6974)))

    def fork(self):
        return self.child(self.block(2, 0))

    def gumbel(self, index):
        word = self.block(0, index // 4)[index % 4]
        high, low, *_ = self.block(1, index)
        bits, upper = word << 64 | high << 32 | low, word >> 31
        bits = (2**96 - 1) ^ bits if upper else bits
        distance = (mpf(bits) + mpf(1) / 2) / mpf(2) ** 96
        return -log(-log(1 - distance if upper else distance))


# A tree of 5 tokens; 0 ends a sequence.

TOKENS, END, LENGTH = 5, 0, 4


def logits(row, prefix):
    """The same numbers as the test's, which adds and multiplies in this order."""
    total = 0.25 * row
    for at, token in enumerate(prefix):
        total += (at + 1) * (token + 0.5)
    values = [2 * math.sin(1.3 * (token + 1) + total) for token in range(TOKENS)]
    # One token after each prefix is masked, and the end at first.
    values[(len(prefix) * 2 + sum(prefix)) % TOKENS] = -math.inf
    return values


def leaves(row, stream):
    """(tokens, log-probability, key) of every sequence."""
    open_nodes, found = [((), mpf(0), stream.gumbel(0), stream.split(0))], []
    while open_nodes:
        tokens, log_prob, key, stream = open_nodes.pop()
        values = [mpf(value) for value in logits(row, tokens)]
        total = log(sum(exp(value) for value in values if value != -mp.inf))
        children = [token for token in range(TOKENS) if values[token] != -mp.inf]
        phi = {token: log_prob + values[token] - total for token in children}
        free = {token: phi[token] + stream.gumbel(token) for token in children}
        largest = max(free.values())
        for token in children:
            shifted = key if free[token] == largest else -log(exp(-key) - exp(-largest) + exp(-free[token]))
            child = tokens + (token,), phi[token], shifted
            if token == END or len(child[0]) == LENGTH:
                found.append(child)
            else:
                open_nodes.append(child + (stream.split(token),))
    return sorted(found, key=lambda leaf: -leaf[2])


def f(tokens):
    return math.sin(sum((at + 1) * token for at, token in enumerate(tokens))) + 0.1 * len(tokens)


def set_probability(p, without):
    """P(S first, in any order), of probabilities that are drawn from what is left without `without`."""
    total = mpf(0)
    for order in itertools.permutations(p):
        left, product = 1 - without, mpf(1)
        for one in order:
            product *= one / left
            left -= one
        total += product
    return total


def unordered(p, losses):
    """Kool et al. 2020, equations (9) and (11): value, and the factor of each ∇ ln p."""
    drop = lambda *places: [one for place, one in enumerate(p) if place not in places]
    whole = set_probability(p, mpf(0))
    ratio = [set_probability(drop(s), p[s]) / whole for s in range(len(p))]
    value = sum(p[s] * ratio[s] * losses[s] for s in range(len(p)))
    factors = []
    for s in range(len(p)):
        inside = set_probability(drop(s), p[s])
        baseline = p[s] * losses[s]
        for t in range(len(p)):
            if t != s:
                baseline += p[t] * set_probability(drop(s, t), p[s] + p[t]) / inside / (1 - p[s]) * (1 - p[s]) * losses[t]
        factors.append(p[s] * ratio[s] * (losses[s] - baseline))
    return value, factors


def reinforce(p, kappa, losses):
    w = [one / (1 - exp(-exp(log(one) - kappa))) for one in p]
    total, baseline = sum(w), sum(a * b for a, b in zip(w, losses))
    n = range(len(p))
    pairs = [w[s] * sum(w[t] * (losses[s] - losses[t]) for t in n) for s in n]
    # As in "Buy 4 REINFORCE samples": (1/W) w (f − B/W).
    normalized = [w[s] / total * (losses[s] - baseline / total) for s in n]
    return {"weights": w, "reinforce": (baseline, pairs), "normalized": (baseline / total, normalized)}


def sample(row, samples, seed):
    found = leaves(row, Stream(seed).fork().split(row))
    chosen, others = found[:samples], found[samples:]
    p, losses = [exp(leaf[1]) for leaf in chosen], [mpf(f(leaf[0])) for leaf in chosen]
    kappa = others[0][2]
    floats = lambda numbers: [float(number) for number in numbers]
    estimate = lambda pair: {"value": float(pair[0]), "factors": floats(pair[1])}
    weighted = reinforce(p, kappa, losses)
    return {
        "tokens": [list(leaf[0]) for leaf in chosen],
        "log_probs": floats(leaf[1] for leaf in chosen),
        "perturbed": floats(leaf[2] for leaf in chosen),
        "kappa": float(kappa),
        "log_rest": float(log(sum(exp(leaf[1]) for leaf in others))),
        "losses": floats(losses),
        "weights": floats(weighted["weights"]),
        "unordered_set": estimate(unordered(p, losses)),
        "reinforce": estimate(weighted["reinforce"]),
        "normalized": estimate(weighted["normalized"]),
    }


# Group forms: gradients by PyTorch of the expressions in TRL's GRPO documentation, in double precision.


def groups():
    rng = np.random.default_rng(5)
    shape = count, samples, length = 4, 6, 7
    log_probs = torch.tensor(-rng.exponential(size=shape), requires_grad=True)
    lengths = rng.integers(1, length + 1, (count, samples))
    mask = torch.tensor(np.arange(length) < lengths[..., None])
    rewards = torch.tensor(rng.normal(size=(count, samples)).round(1))
    centred = rewards - rewards.mean(1, keepdim=True)
    standard = centred / (rewards.std(1, keepdim=True) + 1e-4)
    others = (rewards.sum(1, keepdim=True) - rewards) / (samples - 1)

    def gradient(advantages, reduce):
        per_token = -torch.exp(log_probs - log_probs.detach()) * advantages[..., None] * mask
        return torch.autograd.grad(sum(reduce(group, lens) for group, lens in zip(per_token, mask.sum(-1))), log_probs)[0]

    forms = {
        "rloo": gradient(rewards - others, lambda loss, lens: loss.sum(-1).mean()),
        "grpo": gradient(standard, lambda loss, lens: (loss.sum(-1) / lens.clamp(min=1)).mean()),
        "dapo": gradient(standard, lambda loss, lens: loss.sum() / lens.sum().clamp(min=1)),
        "dr_grpo": gradient(centred, lambda loss, lens: loss.sum() / (loss.shape[0] * length)),
    }
    return {
        "shape": shape,
        "log_probs": log_probs.detach().flatten().tolist(),
        "mask": mask.flatten().tolist(),
        "rewards": rewards.flatten().tolist(),
        "forms": {name: form.flatten().tolist() for name, form in forms.items()},
    }


# Measurements on leaves without a tree: the law of the keys is the same.


def keys(p, runs, rng):
    return np.log(p) + rng.gumbel(size=(runs, len(p)))


def inclusion(p, keys, samples):
    order = np.argsort(-keys, 1)
    kappa = np.take_along_axis(keys, order[:, samples : samples + 1], 1)
    inside = keys > kappa
    return inside, np.where(inside, p / -np.expm1(-p * np.exp(-kappa)), 0)


def measure():
    rng = np.random.default_rng(1)
    p = np.array([0.4, 0.25, 0.15, 0.1, 0.06, 0.04])
    values = np.array([1.0, -1.0, 2.0, 0.5, -3.0, 4.0])
    runs, samples = 1_000_000, 3
    print(f"E f of six leaves from {samples} of them, {runs} runs; exact {p @ values:.4f}")
    drawn = keys(p, runs, rng)
    largest = drawn.max(1, keepdims=True)
    # What a search returns whose root has the key 0: the same order, other keys.
    with np.errstate(divide="ignore"):
        gap = -drawn + np.log1p(-np.exp(drawn - largest))
    fixed = -np.maximum(gap, 0) - np.log1p(np.exp(-np.abs(gap)))
    for name, keys_of in [("the root's key is Gumbel noise", drawn), ("the root's key is 0", fixed)]:
        _, w = inclusion(p, keys_of, samples)
        for kind, estimate in [("weights", w @ values), ("normalised", w @ values / w.sum(1))]:
            error = estimate.std() / runs**0.5
            print(f"  {name}, {kind}: {estimate.mean():.4f} ± {error:.4f} (z {(estimate.mean() - p @ values) / error:+.1f}), std {estimate.std():.3f}")
    gradients(rng)


def gradients(rng):
    """Variance of the gradient for the logits of the leaves, summed, and the bias in standard errors, the worst of all."""
    print("gradient: variance (bias) for leaves n, samples S, and E f in standard deviations of f")
    names = ["w (f (1 − p + w) − B), the paper's", "w Σ w (f − f), reinforce_loss", "the same / W², normalized", "unordered set", "RLOO, with replacement"]
    print("  n   S  E f  " + "".join(f"{name:>38}" for name in names))
    for n, samples, runs in [(6, 3, 100_000), (30, 10, 20_000), (300, 64, 4000)]:
        p = rng.dirichlet(np.full(n, 0.5)) + 1e-9
        p /= p.sum()
        base = rng.normal(size=n)
        base = (base - p @ base) / (p @ (base - p @ base) ** 2) ** 0.5
        inside, w = inclusion(p, keys(p, runs, rng), samples)
        chosen = rng.choice(n, (runs, samples), p=p)
        for offset in (0, 1, 3):
            values = base + offset
            total, baseline = w.sum(1, keepdims=True), (w @ values)[:, None]
            f_of = values[chosen]
            advantage = (f_of - f_of.mean(1, keepdims=True)) / (samples - 1)
            independent = np.zeros((runs, n))
            np.add.at(independent, (np.arange(runs)[:, None], chosen), advantage)
            forms = [w * (values * (1 - p + w) - baseline), w * (values * total - baseline)]
            forms += [forms[1] / total**2, of_sets(p, values, inside, samples), independent]
            cells = [cell(form, p, values) for form in forms]
            print(f"{n:>4} {samples:>3} {offset:>4}  " + "".join(f"{text:>38}" for text in cells))


def of_sets(p, values, inside, samples):
    """The unordered set of three leaves; of more the sum over orders takes too long."""
    if samples > 3:
        return None
    sets = {}
    for chosen in itertools.combinations(range(len(p)), samples):
        factors = np.zeros(len(p))
        found = unordered([mpf(p[i]) for i in chosen], [mpf(values[i]) for i in chosen])[1]
        factors[list(chosen)] = [float(x) for x in found]
        sets[chosen] = factors
    return np.array([sets[tuple(np.flatnonzero(row))] for row in inside])


def cell(factors, p, values):
    if factors is None:
        return "–"
    gradient = factors - factors.sum(1, keepdims=True) * p
    # A mean of few numbers that are not 0 is not normal.
    used = (factors != 0).sum(0) > 100
    error = gradient.std(0)[used] / len(gradient) ** 0.5
    bias = np.abs((gradient.mean(0) - p * (values - p @ values))[used] / error).max()
    return f"{gradient.var(0).sum():.4f} ({bias:.1f})"


if __name__ == "__main__":
    seed, samples = 11, 5
    reference = {"seed": seed, "samples": samples, "rows": [sample(row, samples, seed) for row in range(6)], "groups": groups()}
    with open(sys.argv[1], "w") as file:
        json.dump(reference, file, indent=1)
        file.write("\n")
    measure()
