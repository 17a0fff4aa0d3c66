"""Estimates from antithetic bits. Log-odds [.., D] broadcast to bits and noise [S, .., D]."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ._rows import broadcast_shape, error, readable
from ._values import check_floats, check_values, wide, zero


def antithetic_pair(log_odds: Tensor, uniform: Tensor) -> tuple[Tensor, Tensor]:
    """Bits 1[u > 1 − p] and their twins 1[u < p], p = σ(log_odds), for `disarm`: each Bernoulli(p), together antithetic.

    Without a gradient. Log-odds may be infinite, where an outcome is masked.

    Shapes: log_odds [.., D] and uniform noise [P, .., D] in (0, 1), to [P, .., D] each, in the type of the log-odds.

    Raises: `gumbel.Error` of kind log_odds (NaN); `ValueError` for shapes that do not fit; `TypeError` for tensors that are
    not of floats.

    >>> import torch
    >>> antithetic_pair(torch.zeros(2), torch.tensor([[0.9, 0.2]]))
    (tensor([[1., 0.]]), tensor([[0., 1.]]))
    """
    theta = _checked(log_odds, 1, uniform=uniform)
    bits, twins = uniform > (-theta).sigmoid(), uniform < theta.sigmoid()
    return bits.to(log_odds.dtype), twins.to(log_odds.dtype)


def disarm(log_odds: Tensor, bits: Tensor, twins: Tensor, values: Tensor, twin_values: Tensor) -> Tensor:
    """DisARM: ½ (f(b) − f(b̃)) (b − b̃) σ(|log_odds|), mean over pairs, from an `antithetic_pair` and the values at both.

    Unbiased; zero where a pair has equal values. Two evaluations of f for each pair.

    Shapes: log_odds [.., D]; bits and twins [P, .., D]; values and twin_values [P, ..]; to [..].

    Raises: `gumbel.Error` of kind log_odds (NaN); `ValueError` for shapes that do not fit, or numbers that are not finite;
    `TypeError` for tensors that are not of floats.

    Dong, Mnih and Tucker 2020, section 3; the same as U2G (Yin, Ho, Yan, Qian and Zhou 2020).

    >>> import torch
    >>> log_odds = torch.zeros(1, requires_grad=True)
    >>> bits, twins = antithetic_pair(log_odds, torch.tensor([[0.9]]))
    >>> disarm(log_odds, bits, twins, bits.sum(-1), twins.sum(-1)).backward()
    >>> log_odds.grad  # ½ (1 − 0) σ(0)
    tensor([0.2500])
    """
    check_values(1, values=values, twin_values=twin_values)
    theta = _checked(log_odds, 1, bits=bits, twins=twins)
    _check_rows(bits, values)
    signal = (wide(values) - wide(twin_values)).unsqueeze(-1) * 0.5
    slope = (signal * (bits - twins)).mean(0) * theta.abs().sigmoid()
    mean = (values + twin_values).mean(0) * 0.5
    return (mean + (zero(log_odds) * slope).sum(-1)).to(values.dtype)


def antithetic_samples(log_odds: Tensor, exponential: Tensor) -> Tensor:
    """S samples of bits for `arms`, each Bernoulli(σ(log_odds)), each pair of them antithetic, by a Dirichlet copula.

    Without a gradient. Log-odds may be infinite, where an outcome is masked.

    Shapes: log_odds [.., D] and standard exponential noise [S, .., D], S ≥ 2, to [S, .., D] in the type of the log-odds.

    Raises: `gumbel.Error` of kind log_odds (NaN); `ValueError` for fewer than two samples, or shapes that do not fit;
    `TypeError` for tensors that are not of floats.

    Dimitriev and Zhou 2021, section 3.

    >>> import torch
    >>> antithetic_samples(torch.zeros(1), torch.tensor([[0.3], [2.0]])).flatten()  # of a fair bit two are opposite
    tensor([0., 1.])
    """
    theta = _checked(log_odds, 2, exponential=exponential)
    samples, waiting = len(exponential), wide(exponential)
    # 1 − d as the sum of the others, not as a difference: small ones keep their digits.
    others = [torch.cat([waiting[:s], waiting[s + 1 :]]).sum(0) for s in range(samples)]
    copula = (torch.stack(others) / waiting.sum(0)) ** (samples - 1)
    rarer = copula < (-theta.abs()).sigmoid()
    # The rarer outcome is a one, or a zero.
    return (rarer == (theta <= 0)).to(log_odds.dtype)


def arms(log_odds: Tensor, bits: Tensor, values: Tensor) -> Tensor:
    """ARMS: ρ / (S − 1) Σ_s (f_s − f̄) (b_s − p) from `antithetic_samples` and the values at them.

    ρ = t (1 − t) / (t − c), t = min(p, 1 − p), c = max(2 t^(1/(S−1)) − 1, 0)^(S−1). Unbiased, and zero for a constant f; for
    two samples it is `disarm`.

    Shapes: log_odds [.., D]; bits [S, .., D]; values [S, ..], S ≥ 2; to [..].

    Raises: `gumbel.Error` of kind log_odds (NaN); `ValueError` for fewer than two samples, shapes that do not fit, or
    numbers that are not finite; `TypeError` for tensors that are not of floats.

    Dimitriev and Zhou 2021, section 3.

    >>> import torch
    >>> log_odds = torch.zeros(1, requires_grad=True)
    >>> bits = antithetic_samples(log_odds, torch.tensor([[0.3], [2.0]]))
    >>> arms(log_odds, bits, bits.sum(-1)).backward()
    >>> log_odds.grad  # of two samples of a fair bit there is no variance: p (1 − p)
    tensor([0.2500])
    """
    check_values(2, values=values)
    theta = _checked(log_odds, 2, bits=bits)
    _check_rows(bits, values)
    others, spread = len(values) - 1, wide(values - values[:1])
    signal = (spread - spread.mean(0)).unsqueeze(-1) / others
    slope = (signal * (bits - theta.sigmoid())).sum(0) * _pair_weight(theta, others)
    return (values.mean(0) + (zero(log_odds) * slope).sum(-1)).to(values.dtype)


def _pair_weight(log_odds: Tensor, others: int) -> Tensor:
    """ρ, as (1 − t) / (1 − c / t)."""
    t = (-log_odds.abs()).sigmoid().clamp_min(1e-30)
    meet = (2 * t ** (1 / others) - 1).clamp_min(0.0) ** others
    return (1 - t) / (1 - meet / t)


def _checked(log_odds: Tensor, samples: int, **given: Tensor) -> Tensor:
    """Log-odds [.., D] without a gradient, which broadcast to the others [S, .., D]."""
    check_floats("log_odds", log_odds)
    check_values(samples, **given)
    for name, tensor in given.items():
        if tensor.ndim < 2 or broadcast_shape(tensor[0], log_odds) != tuple(tensor.shape[1:]):
            shapes = f"{tuple(tensor.shape)} and {tuple(log_odds.shape)}"
            raise ValueError(f"{name} and log_odds must have the shapes [S, .., D] and [.., D], got {shapes}")
    theta = wide(log_odds)
    if readable(theta) and bool(theta.isnan().any()):
        place = tuple(theta.isnan().nonzero()[0].tolist())
        raise error("log_odds", f"the log-odds at {place} are nan; expected a number", place, math.nan)
    return theta


def _check_rows(bits: Tensor, values: Tensor) -> None:
    if values.shape != bits.shape[:-1]:
        shapes = f"{tuple(values.shape)} and {tuple(bits.shape)}"
        raise ValueError(f"values and bits must have the shapes [S, ..] and [S, .., D], got {shapes}")
