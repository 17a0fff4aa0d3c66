"""Gradient estimators of one problem, compared: bias, standard deviation, and error at equal cost.

    python examples/compare_estimators.py

Six bits enter a small network, f(z) = 1 + v·tanh(c + 2 Σ_d W_d z_d / √D) / √16; the gradient of E f with respect to
the bits' logits is known by enumeration. For each estimator 100 000 independent estimates are made. |z| above 4 indicates
bias; std is the standard deviation of one estimate; rmse is the root-mean-square error, bias included, of the mean of as
many estimates as 100 evaluations of f allow. The first estimators need values of f only, the others its gradient.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import torch
from torch import Tensor

import gumbel
from gumbel.torch import gumbel_softmax, measure, one_hot, path, score, straight_through

LATENTS, HIDDEN, REPLICATES, BUDGET = 6, 16, 100_000, 100

Objective = Callable[[Tensor], Tensor]
Estimate = Callable[[Tensor, Objective, gumbel.Noise], Tensor]


def problem(noise: gumbel.Noise) -> tuple[Tensor, Objective]:
    """Logits [D, 2] and the objective, from z [.., D, 2] to [..]."""

    def normal(*shape: int) -> Tensor:
        return torch.from_numpy(noise.normal(shape))

    logits, weights = normal(LATENTS, 2), normal(LATENTS * 2, HIDDEN)
    biases, outputs = normal(HIDDEN), normal(HIDDEN)

    def f(z: Tensor) -> Tensor:
        hidden = torch.tanh(biases + 2 * z.flatten(-2) @ weights / math.sqrt(LATENTS))
        return 1 + hidden @ outputs / math.sqrt(HIDDEN)

    return logits, f


def straight(path_of: Callable[..., Tensor], **options: float) -> Estimate:
    """A hard sample with a substituted gradient."""

    def estimate(logits: Tensor, f: Objective, noise: gumbel.Noise) -> Tensor:
        hard = one_hot(logits, noise=noise)
        return f(path_of(logits, hard, **options))

    return estimate


def gumbel_rao(logits: Tensor, f: Objective, noise: gumbel.Noise) -> Tensor:
    return f(path.gumbel_rao(logits, one_hot(logits, noise=noise), tau=0.5, draws=10, noise=noise))


def scored(samples: int, surrogate: Callable[[Tensor, Tensor], Tensor]) -> Estimate:
    """Independent samples whose log-probabilities are weighted by the values there."""

    def estimate(logits: Tensor, f: Objective, noise: gumbel.Noise) -> Tensor:
        z = one_hot(logits.expand(samples, *logits.shape), noise=noise)
        return surrogate(score.log_prob(logits, z).sum(-1), f(z))

    return estimate


def disarm(logits: Tensor, f: Objective, noise: gumbel.Noise) -> Tensor:
    log_odds = logits[..., 1] - logits[..., 0]
    bits, twins = score.antithetic_pair(log_odds, torch.from_numpy(noise.uniform((1, *log_odds.shape))))
    return score.disarm(log_odds, bits, twins, f(as_one_hot(bits)), f(as_one_hot(twins)))


def arms(logits: Tensor, f: Objective, noise: gumbel.Noise) -> Tensor:
    log_odds = logits[..., 1] - logits[..., 0]
    bits = score.antithetic_samples(log_odds, torch.from_numpy(noise.exponential((4, *log_odds.shape))))
    return score.arms(log_odds, bits, f(as_one_hot(bits)))


def as_one_hot(bits: Tensor) -> Tensor:
    return torch.stack([1 - bits, bits], -1)


# Name, the estimator, evaluations of f per estimate.
BLACK_BOX: list[tuple[str, Estimate, int]] = [
    ("reinforce", scored(1, score.reinforce), 1),
    ("reinforce, baseline 1", scored(1, lambda log_prob, values: score.reinforce(log_prob, values, 1.0)), 1),
    ("rloo, 4 samples", scored(4, score.rloo), 4),
    ("group-relative, 4 samples", scored(4, score.group_relative), 4),
    ("disarm", disarm, 2),
    ("arms, 4 samples", arms, 4),
]
DIFFERENTIABLE: list[tuple[str, Estimate, int]] = [
    ("straight-through", straight(path.probabilities), 1),
    ("zgr", straight(path.zgr), 1),
    ("reinmax, tau 1.3", straight(path.reinmax, tau=1.3), 1),
    ("gapped", straight(path.gapped), 1),
    ("gumbel-rao, tau 0.5", gumbel_rao, 1),
    ("straight-through gumbel, tau 0.5", lambda logits, f, noise: f(straight_through(logits, 0.5, noise=noise)), 1),
    ("gumbel-softmax, tau 0.5", lambda logits, f, noise: f(gumbel_softmax(logits, 0.5, noise=noise)), 1),
]


def main() -> None:
    torch.set_num_threads(1)
    logits, f = problem(gumbel.Noise(2017))
    print(f"{'estimator':<34}{'bias':>9}{'z':>8}{'std':>9}{'rmse':>9}{'seconds':>9}")
    for kind, estimators in (("black box", BLACK_BOX), ("differentiable", DIFFERENTIABLE)):
        print(f"-- {kind} f")
        for name, estimate, evaluations in estimators:
            start = time.perf_counter()
            found = measure(estimate, logits, f, REPLICATES, noise=gumbel.Noise(1))
            seconds = time.perf_counter() - start
            assert found.bias is not None
            rmse = found.rmse(evaluations, BUDGET)
            print(f"{name:<34}{found.bias.value:>9.4f}{found.bias.z:>8.1f}{found.std:>9.4f}{rmse:>9.4f}{seconds:>9.1f}")


if __name__ == "__main__":
    main()
