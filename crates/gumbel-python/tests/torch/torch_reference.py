"""What tests compare with: the formulas in double precision, in NumPy."""

from collections.abc import Callable, Iterator

import gumbel
import numpy as np
import torch
from gumbel.torch import key

DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)

# How far a result may be from the reference: twice the spacing of the type's numbers at 1, and the error of the kernels in single.
TOLERANCE = {torch.float16: 1e-3, torch.bfloat16: 8e-3, torch.float32: 4e-6, torch.float64: 1e-13}


def softmax(z: np.ndarray) -> np.ndarray:
    weights = np.exp(z - z.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True)


def relaxed(logits: torch.Tensor, tau: float, noise: gumbel.Noise, dim: int = -1) -> np.ndarray:
    """softmax((logits + noise) / tau) along an axis."""
    rows = np.moveaxis(logits.detach().double().numpy(), dim, -1)
    perturbed = rows + noise.gumbel(rows.shape, np.float64)
    return np.moveaxis(softmax(perturbed / tau), -1, dim)


def counter(seed: int) -> Callable[[], torch.Tensor]:
    """Keys of one noise, a new one at each call."""
    noise = gumbel.Noise(seed)
    labels: Iterator[int] = iter(range(10**9))
    return lambda: key(noise.split(next(labels)))


def logits(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32, masked: bool = False) -> torch.Tensor:
    """Normal logits; if `masked`, a third of them is -inf, but the first of each row."""
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(shape, generator=generator, dtype=torch.float64)
    if masked:
        mask = torch.rand(shape, generator=generator) < 1 / 3
        mask[..., 0] = False
        values = values.masked_fill(mask, -torch.inf)
    return values.to(dtype)
