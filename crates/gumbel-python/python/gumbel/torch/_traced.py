"""Relaxed samples under `torch.jit.trace`: PyTorch's operations on noise that an operator draws.

A function of autograd would be recorded as a call to Python, which cannot be saved, and an operator has no gradient.
"""

import math

import torch
from torch import Tensor

from . import _composed, _ops
from ._composed import Temperature


def softmax(logits: Tensor, key: Tensor, tau: Temperature) -> Tensor:
    return torch.softmax(_tempered(_perturbed(logits, key, tau), tau), -1).to(logits.dtype)


def log_softmax(logits: Tensor, key: Tensor, tau: Temperature) -> Tensor:
    log_y = torch.log_softmax(_tempered(_perturbed(logits, key, tau), tau), -1)
    finite = log_y.clamp(min=torch.finfo(logits.dtype).min)
    return finite.masked_fill(logits == -math.inf, -math.inf).to(logits.dtype)


def straight_through(logits: Tensor, key: Tensor, tau: Temperature) -> Tensor:
    perturbed = _perturbed(logits, key, tau)
    soft = torch.softmax(_tempered(perturbed, tau), -1).to(logits.dtype)
    index = perturbed.argmax(-1, keepdim=True)
    hard = torch.zeros_like(soft, memory_format=torch.contiguous_format).scatter(-1, index, 1.0)
    return hard + (soft - soft.detach())


def _perturbed(logits: Tensor, key: Tensor, tau: Temperature) -> Tensor:
    """The gap between each logit and the largest of its row, plus noise."""
    numbers = _composed.wide(logits)
    constant = numbers.detach()
    temperature = tau.detach() if isinstance(tau, Tensor) else torch.full((), tau, dtype=torch.float64)
    perturbed: Tensor = numbers - _ops.largest(constant, temperature) + _ops.noise(constant, key, "gumbel")
    return perturbed


def _tempered(perturbed: Tensor, tau: Temperature) -> Tensor:
    gaps = perturbed - perturbed.detach().amax(-1, keepdim=True)
    # A mask must not reach the division: the derivative in the temperature would be NaN.
    masked = gaps == -math.inf
    tau = tau.to(gaps.dtype) if isinstance(tau, Tensor) else tau
    return (gaps.masked_fill(masked, 0.0) / tau).masked_fill(masked, -math.inf)
