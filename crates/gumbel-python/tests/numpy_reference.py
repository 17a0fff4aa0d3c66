"""The functions of `gumbel` in a few lines of NumPy each, in double precision, for the tests to compare with.

Rows are on the last axis. Inputs are valid; masks are -inf.
"""

import itertools
import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def double(x: npt.ArrayLike) -> Array:
    return np.asarray(x).astype(np.float64)


def gaps(logits: npt.ArrayLike) -> Array:
    wide = double(logits)
    return wide - wide.max(-1, keepdims=True)


def log_softmax(logits: npt.ArrayLike) -> Array:
    gap = gaps(logits)
    return gap - np.log(np.exp(gap).sum(-1, keepdims=True))


def softmax(logits: npt.ArrayLike) -> Array:
    return np.exp(log_softmax(logits))


def log_sum_exp(logits: npt.ArrayLike) -> Array:
    return double(logits).max(-1) + np.log(np.exp(gaps(logits)).sum(-1))


def log_relaxed(logits: npt.ArrayLike, noise: npt.ArrayLike, tau: float) -> Array:
    keys = gaps(logits) + double(noise)
    return log_softmax((keys - keys.max(-1, keepdims=True)) / tau)


def relaxed(logits: npt.ArrayLike, noise: npt.ArrayLike, tau: float) -> Array:
    return np.exp(log_relaxed(logits, noise, tau))


def top_k(logits: npt.NDArray[np.floating], noise: npt.NDArray[np.floating], k: int) -> npt.NDArray[np.intp]:
    """In the precision of the arguments, as the kernels add."""
    keys = (logits - logits.max(-1, keepdims=True)) + noise
    return np.argsort(-keys, axis=-1, kind="stable")[..., :k]


def log_gamma(n: Array) -> Array:
    return np.vectorize(math.lgamma, otypes=[float])(n)


def exp_concrete_log_prob(y: npt.ArrayLike, logits: npt.ArrayLike, tau: float) -> Array:
    y, gap = np.broadcast_arrays(double(y), gaps(logits))
    present = gap > -np.inf
    n = present.sum(-1)
    a = np.where(present, gap - tau * np.where(present, y, 0.0), -np.inf)
    terms = np.where(present, a, 0.0).sum(-1)
    return log_gamma(n) + (n - 1) * np.log(tau) + terms - n * log_sum_exp(a)


def concrete_log_prob(x: npt.ArrayLike, logits: npt.ArrayLike, tau: float) -> Array:
    with np.errstate(divide="ignore"):
        y = np.log(double(x))
    return exp_concrete_log_prob(y, logits, tau) - np.where(np.isfinite(y), y, 0.0).sum(-1)


def binary_concrete_log_prob(y: npt.ArrayLike, log_odds: npt.ArrayLike, tau: float) -> Array:
    a = double(log_odds) - tau * double(y)
    return np.log(tau) - np.abs(a) - 2 * np.log1p(np.exp(-np.abs(a)))


def relaxed_bernoulli_log_prob(x: npt.ArrayLike, log_odds: npt.ArrayLike, tau: float) -> Array:
    log_x, log_rest = np.log(double(x)), np.log1p(-double(x))
    return binary_concrete_log_prob(log_x - log_rest, log_odds, tau) - log_x - log_rest


def categorical_log_prob(logits: npt.ArrayLike, index: npt.ArrayLike) -> Array:
    log_p, index = log_softmax(logits), np.asarray(index)
    shape = np.broadcast_shapes(log_p.shape[:-1], index.shape)
    log_p, index = np.broadcast_to(log_p, (*shape, log_p.shape[-1])), np.broadcast_to(index, shape)
    return np.take_along_axis(log_p, index[..., None], -1)[..., 0]


def categorical_entropy(logits: npt.ArrayLike) -> Array:
    log_p = log_softmax(logits)
    return -(np.exp(log_p) * np.where(log_p > -np.inf, log_p, 0.0)).sum(-1)


def categorical_kl(p: npt.ArrayLike, q: npt.ArrayLike) -> Array:
    log_p, log_q = np.broadcast_arrays(log_softmax(p), log_softmax(q))
    present = np.exp(log_p) > 0
    ratio = np.where(present, log_p, 0.0) - np.where(present, log_q, 0.0)
    return (np.exp(log_p) * ratio).sum(-1)


def entmax(logits: npt.ArrayLike, alpha: float, tau: float) -> Array:
    """By bisection of the threshold."""
    if alpha == 1:
        return softmax(gaps(logits) / tau)
    x = (alpha - 1) * gaps(logits) / tau
    low, high = np.full(x.shape[:-1], -1.0)[..., None], np.zeros(x.shape[:-1])[..., None]
    for _ in range(80):
        middle = (low + high) / 2
        total = (np.maximum(x - middle, 0.0) ** (1 / (alpha - 1))).sum(-1, keepdims=True)
        low, high = np.where(total > 1, middle, low), np.where(total > 1, high, middle)
    p = np.maximum(x - low, 0.0) ** (1 / (alpha - 1))
    return p / p.sum(-1, keepdims=True)


def log_sinkhorn(logits: npt.ArrayLike, tau: float, iterations: int, tolerance: float = 0.0) -> Array:
    x = double(logits)
    x = (x - x.max((-2, -1), keepdims=True)) / tau
    f, g = np.zeros(x.shape[:-1]), np.zeros(x.shape[:-1])
    for step in range(iterations):
        rows = log_sum_exp(x - g[..., None, :])
        if step > 0 and (np.abs(np.expm1(rows - f)) <= tolerance).all():
            break
        f, g = rows, log_sum_exp(np.swapaxes(x - rows[..., None], -1, -2))
    return x - f[..., None] - g[..., None, :]


def subsets(size: int, k: int) -> Iterator[tuple[int, ...]]:
    return itertools.combinations(range(size), k)


def subset_log_partition(logits: npt.ArrayLike, k: int) -> Array:
    wide = double(logits)
    return log_sum_exp(np.stack([wide[..., list(members)].sum(-1) for members in subsets(wide.shape[-1], k)], -1))


def subset_marginals(logits: npt.ArrayLike, k: int) -> Array:
    wide = double(logits)
    members = np.array([[i in subset for i in range(wide.shape[-1])] for subset in subsets(wide.shape[-1], k)])
    return softmax(np.stack([wide[..., row].sum(-1) for row in members], -1)) @ members


def sample_subset(logits: npt.ArrayLike, k: int, uniform: Array) -> list[int]:
    """Of one row: category by category, with the probability that it is a member of a subset like the one so far."""
    weights, chosen = np.exp(gaps(logits)), list[int]()
    for i, u in enumerate(uniform):
        rest, left = weights[i + 1 :], k - len(chosen)
        having = weights[i] * elementary(rest, left - 1) if left else 0.0
        if u * (having + elementary(rest, left)) < having:
            chosen.append(i)
    return chosen


def elementary(weights: Array, k: int) -> float:
    """The elementary symmetric polynomial of degree k."""
    sums = np.eye(1, k + 1)[0]
    for weight in weights:
        sums[1:] += weight * sums[:-1]
    return float(sums[k])


def relaxed_top_k(logits: npt.NDArray[np.floating], noise: npt.NDArray[np.floating], k: int, tau: float) -> Array:
    """The keys are in the precision of the arguments, as the kernels add."""
    keys = double((logits - logits.max(-1, keepdims=True)) + noise)
    total = np.zeros(keys.shape)
    for _ in range(k):
        log_a = log_softmax(keys / tau)
        total += np.exp(log_a)
        keys = keys + log_complement(log_a)
    return total


def log_complement(log_a: Array) -> Array:
    """log(1 - a), for the largest of each row from the others, because there 1 - a can round to 0."""
    top = np.arange(log_a.shape[-1]) == log_a.argmax(-1)[..., None]
    with np.errstate(divide="ignore"):
        of_top = np.log(np.where(top, 0.0, np.exp(log_a)).sum(-1, keepdims=True))
        return np.where(top, of_top, np.log1p(-np.where(top, 0.0, np.exp(log_a))))


def derivative(f, x: npt.ArrayLike, d: npt.ArrayLike, step: float = 1e-6) -> Array:
    """The vector-Jacobian product of `f` with the cotangent `d`, by central differences."""
    x, slope = double(x), np.zeros(np.shape(x))
    for place in np.ndindex(x.shape):
        if np.isfinite(x[place]):
            moved = np.zeros(x.shape)
            moved[place] = step
            slope[place] = ((f(x + moved) - f(x - moved)) * d).sum() / (2 * step)
    return slope
