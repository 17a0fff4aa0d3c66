"""Laws of samples, with fixed seeds. Tests of chi square are at 1e-4; there are about 20, so one in 500 seeds fails."""

import itertools

import numpy as np
import pytest

torch = pytest.importorskip("torch")
stats = pytest.importorskip("scipy.stats")

from gumbel import Noise
from gumbel.torch import gumbel_max, gumbel_softmax, keys, log_gumbel_softmax, one_hot, top_k
from torch_reference import DTYPES, logits

ALPHA = 1e-4


def fits(counts, probabilities):
    counts, probabilities = np.asarray(counts, float), np.asarray(probabilities, float)
    return stats.chisquare(counts, probabilities / probabilities.sum() * counts.sum()).pvalue > ALPHA


@pytest.mark.parametrize("dtype", DTYPES)
def test_indices_have_the_probabilities_of_the_logits(dtype):
    x = torch.tensor([0.5, -1.0, 2.0, -torch.inf, 0.0], dtype=dtype)
    index = gumbel_max(x.expand(100_000, 5), noise=Noise(1))
    counts = torch.bincount(index, minlength=5)
    assert counts[3] == 0
    keep = [0, 1, 2, 4]
    assert fits(counts[keep], x.double().softmax(-1)[keep])


def test_many_categories_in_half_precision():
    """K = 50 000 equal logits: noise of few digits would tie. Counts of 500 bins of neighbours."""
    x = torch.zeros(40, 50_000, dtype=torch.float16)
    drawn = torch.cat([gumbel_max(x, noise=Noise(seed)) for seed in range(100)])
    assert fits(torch.bincount(drawn // 500, minlength=100), np.ones(100))


def test_orders_are_plackett_luce():
    x = torch.tensor([0.3, -0.5, 1.0, 0.0], dtype=torch.float64)
    weights = x.exp().numpy()
    drawn = top_k(x.expand(60_000, 4), 3, noise=Noise(2)).numpy()
    orders = list(itertools.permutations(range(4), 3))
    counts = [(drawn == order).all(-1).sum() for order in orders]

    def probability(order):
        left, result = weights.sum(), 1.0
        for category in order:
            result *= weights[category] / left
            left -= weights[category]
        return result

    assert fits(counts, [probability(order) for order in orders])


def test_the_default_generator_gives_independent_calls():
    """The same category in two calls after one another is as likely as by chance; also over keys and over examples of vmap."""
    torch.manual_seed(0)
    x = torch.zeros(3)
    calls = torch.stack([gumbel_max(x) for _ in range(9_000)])
    examples = torch.vmap(lambda x: gumbel_max(x), randomness="different")(x.expand(9_000, 3))
    split = gumbel_max(x.expand(9_000, 3), noise=keys(Noise(3), 9_000))
    for drawn in (calls, examples, split):
        pairs = drawn.reshape(-1, 2) @ torch.tensor([3, 1])
        assert fits(torch.bincount(pairs, minlength=9), np.ones(9))


@pytest.mark.parametrize("tau", [0.3, 1.0, 3.0])
def test_relaxed_samples_have_the_law_of_the_logistic(tau):
    """log y0 - log y1 is (l0 - l1 + logistic) / tau: a test of Kolmogorov and Smirnov."""
    x = torch.tensor([0.7, -0.4], dtype=torch.float64)
    log_y = log_gumbel_softmax(x.expand(20_000, 2), tau, noise=Noise(4)).numpy()
    ratio = (log_y[:, 0] - log_y[:, 1]) * tau - 1.1
    assert stats.kstest(ratio, "logistic").pvalue > ALPHA


def test_means_of_hard_and_soft_samples():
    x = logits(4, dtype=torch.float64)
    drawn = one_hot(x.expand(50_000, 4), noise=Noise(5))
    probability = x.softmax(-1)
    error = (probability * (1 - probability) / 50_000).sqrt()
    assert ((drawn.mean(0) - probability).abs() < 4 * error).all()
    hard = gumbel_softmax(x.expand(50_000, 4), 0.5, hard=True, noise=Noise(5))
    assert torch.equal(hard, drawn)


def test_tails_reach_beyond_noise_of_24_bits():
    """Gumbel noise from a uniform of 24 bits ends at 16.64; here 5.9e-8 of the numbers lie beyond."""
    like, beyond = torch.zeros(10_000_000), 0
    for of in keys(Noise(6), 5):
        beyond += int((torch.ops.gumbel.noise(like, of, "gumbel") > 16.64).sum())
    expected = -5e7 * np.expm1(-np.exp(-16.64))
    assert beyond > 0 and abs(beyond - expected) < 4 * expected**0.5 + 1


def test_surprising_categories_are_drawn():
    """A category 17 nats below: 4.1e-8 of 100 million draws."""
    x = torch.tensor([0.0, 17.0])
    crossed = sum(int((gumbel_max(x.expand(10_000_000, 2), noise=Noise(seed)) == 0).sum()) for seed in range(5))
    expected = 5e7 / (1 + np.exp(17))
    assert abs(crossed - expected) < 4 * expected**0.5 + 1 and crossed > 0
