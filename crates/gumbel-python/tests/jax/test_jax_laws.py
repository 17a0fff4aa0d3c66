"""Distributions of the samples, with fixed keys: each comparison would raise a false alarm for about one
key in 10 000."""

import itertools
import math

import numpy as np
import pytest

jax = pytest.importorskip("jax")
jnp = jax.numpy
gj = pytest.importorskip("gumbel.jax")
stats = pytest.importorskip("scipy.stats")

KEY = jax.random.key(2026)
ALARM = 1e-4
TYPES = [jnp.float16, jnp.bfloat16, jnp.float32]


def assert_counts(counts, probabilities):
    """Chi-square of counts; probabilities of 0 must not occur."""
    counts, probabilities = np.asarray(counts), np.asarray(probabilities, np.float64)
    assert (counts[probabilities == 0] == 0).all()
    possible = probabilities > 0
    expected = probabilities[possible] / probabilities.sum() * counts.sum()
    assert expected.min() > 5
    assert stats.chisquare(counts[possible], expected).pvalue > ALARM


@pytest.mark.parametrize("dtype", TYPES)
def test_categories(dtype):
    logits = jnp.array([0.5, -1.0, -jnp.inf, 2.0, 0.0, -3.0], dtype) - 42
    samples = gj.categorical(KEY, logits, shape=(40_000,))
    assert_counts(np.bincount(samples, minlength=6), jax.nn.softmax(logits.astype(jnp.float32)))


def test_categories_of_each_row():
    logits = jnp.log(jnp.array([[0.5, 0.1], [0.5, 0.9]]))
    samples = np.asarray(gj.categorical(KEY, logits, 0, (20_000, 2)))
    assert_counts(np.bincount(samples[:, 0]), [0.5, 0.5])
    assert_counts(np.bincount(samples[:, 1]), [0.1, 0.9])
    assert_counts(np.bincount(2 * samples[:, 0] + samples[:, 1]), np.outer([0.5, 0.5], [0.1, 0.9]).ravel())


def test_categories_of_each_key():
    """Keys of a batch are independent."""
    keys, logits = jax.random.split(KEY, 20_000), jnp.log(jnp.array([0.2, 0.3, 0.5]))
    samples = np.asarray(jax.vmap(gj.categorical, (0, None))(keys, logits))
    assert_counts(np.bincount(samples), [0.2, 0.3, 0.5])
    assert_counts(np.bincount(3 * samples[::2] + samples[1::2]), np.outer([0.2, 0.3, 0.5], [0.2, 0.3, 0.5]).ravel())


def plackett_luce(weights, k):
    """The probability of each order of `k` categories."""
    for order in itertools.permutations(range(len(weights)), k):
        left, probability = math.fsum(weights), 1.0
        for i in order:
            probability *= weights[i] / left
            left -= weights[i]
        yield order, probability


@pytest.mark.parametrize("function", ["top_k", "categorical"])
def test_orders(function):
    weights = [0.1, 0.2, 0.3, 0.4]
    logits = jnp.broadcast_to(jnp.log(jnp.array(weights)), (30_000, 4))
    if function == "top_k":
        samples = gj.top_k(KEY, logits, 2)
    else:
        samples = gj.categorical(KEY, logits, shape=(2, 30_000), replace=False).T
    orders = dict(plackett_luce(weights, 2))
    counts = dict.fromkeys(orders, 0)
    for order in map(tuple, np.asarray(samples).tolist()):
        counts[order] += 1
    assert_counts(list(counts.values()), list(orders.values()))


@pytest.mark.parametrize("dtype", TYPES)
def test_half_precision_ties_decide_nothing(dtype):
    """50 000 equal categories: noise that is drawn in half precision would always choose among a few."""
    samples = gj.categorical(KEY, jnp.zeros((4000, 50_000), dtype))
    blocks = np.asarray(samples) // 2500
    assert_counts(np.bincount(blocks, minlength=20), np.full(20, 1 / 20))
    # Of 4000 draws from 50 000, about 157 repeat another.
    repeated = 4000 - len(np.unique(samples))
    assert abs(repeated - 156) < 4 * math.sqrt(156)


def test_noise():
    assert stats.kstest(np.asarray(gj.gumbel(KEY, (50_000,))), stats.gumbel_r.cdf).pvalue > ALARM


@pytest.mark.parametrize("threshold", [8.0, 12.0])
def test_tail_of_the_noise(threshold):
    count = 20_000_000
    hits = int((gj.gumbel(jax.random.fold_in(KEY, int(threshold)), (count,)) > threshold).sum())
    expected = count * -math.expm1(-math.exp(-threshold))
    assert stats.poisson.cdf(hits, expected) > ALARM / 2 and stats.poisson.sf(hits, expected) > ALARM / 2


# Found among 1500 seeds: a number with a probability of 6e-10. Noise made from 24 bits ends at 16.64.
RARE_SEED, RARE_PLACE, RARE = 1265, 368_032, 21.208


@pytest.mark.parametrize("dtype", TYPES)
def test_noise_beyond_the_reach_of_others(dtype):
    key = jax.random.key(RARE_SEED)
    noise = gj.gumbel(key, (RARE_PLACE + 1,), dtype)
    assert abs(float(noise[RARE_PLACE]) - RARE) < (0.07 if dtype == jnp.bfloat16 else 0.01)
    rows = jnp.zeros((RARE_PLACE // 2 + 1, 2), dtype).at[:, RARE_PLACE % 2].set(-18)
    samples = np.asarray(gj.categorical(key, rows))
    assert samples[-1] == RARE_PLACE % 2 == 0 and samples[:-1].mean() == 1.0
