"""Where the noise of a sample begins: keys."""

from collections.abc import Callable
from typing import ParamSpec

import torch
from torch import Tensor

from .. import _native
from .._native import Noise

# What an argument `noise` may be.
NoiseLike = Noise | torch.Generator | Tensor | None

_LOW, _HIGH = -(2**63), 2**63 - 1

P = ParamSpec("P")


def _uncompiled(reason: str) -> Callable[[Callable[P, Tensor]], Callable[P, Tensor]]:
    """Compiled code breaks its graph at the function, and says why."""
    return torch.compiler.disable(reason=reason)  # type: ignore[no-any-return, no-untyped-call]


@_uncompiled("a gumbel.Noise cannot be traced: call gumbel.torch.key outside of the compiled function")
def key(noise: Noise, count: int = 0) -> Tensor:
    """The key of a noise: its seed, id and position as bit patterns, int64 [3] on the CPU.

    The noise moves past `count` numbers, so that what is drawn from the key and what is drawn from the noise later are
    independent. Functions take the tensor as `noise`, also in compiled code and under `torch.vmap`.

    >>> import gumbel
    >>> from gumbel.torch import key
    >>> noise = gumbel.Noise(42)
    >>> key(noise, 100)
    tensor([42,  0,  0])
    >>> noise.parts
    (42, 0, 100)
    """
    return torch.tensor(_native._torch_key(noise, count), dtype=torch.int64, device="cpu")


@_uncompiled("a gumbel.Noise cannot be traced: call gumbel.torch.keys outside of the compiled function")
def keys(noise: Noise, n: int) -> Tensor:
    """Keys of `noise.split(i)` for i from 0 to n - 1: int64 [n, 3] on the CPU.

    One for each example under `torch.vmap`. The position of the noise does not matter and does not change.

    >>> import gumbel
    >>> from gumbel.torch import keys
    >>> keys(gumbel.Noise(42), 2)[1]
    tensor([9154375743017496898, 7196726667078977882,                   0])
    """
    if n < 0:
        raise ValueError(f"n must not be negative, got {n}")
    words = _native._torch_keys(noise, n)
    return torch.tensor(words, dtype=torch.int64, device="cpu").reshape(n, 3)


def key_of(noise: NoiseLike, logits: Tensor) -> Tensor:
    """The key of an argument `noise`, for as many numbers as there are logits."""
    if noise is None:
        return torch.randint(_LOW, _HIGH, (2,), device="cpu")
    # First, because compiled code may not ask whether a tensor is a Noise.
    if isinstance(noise, Tensor):
        return noise
    if isinstance(noise, torch.Generator):
        words: Tensor = torch.randint(_LOW, _HIGH, (2,), generator=noise, device=noise.device)
        return words.cpu()
    if isinstance(noise, Noise):
        return key(noise, logits.numel())
    raise TypeError(
        "noise must be None, a gumbel.Noise, a torch.Generator or a key tensor, got " + type(noise).__name__
    )
